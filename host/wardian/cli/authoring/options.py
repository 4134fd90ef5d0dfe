"""``build.toml``: the few things about a build that an author decides. The file is optional."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from wardian.cli.authoring.errors import BuildFailed

FILE = "build.toml"


@dataclass(frozen=True)
class Options:
    """How to build a plugin.

    ``wasi``: whether it imports WASI's clocks, random numbers and standard streams. Off by
    default: a component without WASI imports runs at every sandbox level.
    """

    wasi: bool = False


def read_options(plugin: Path) -> Options:
    """Read the plugin's ``build.toml``. Raises ``BuildFailed`` for what it may not hold."""
    path = plugin / FILE
    if not path.is_file():
        return Options()
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BuildFailed(f"{path} is not valid TOML: {error}") from error
    wasi = content.pop("wasi", False)
    if content:
        raise BuildFailed(f"{path} has unknown keys: {', '.join(sorted(content))}.")
    if not isinstance(wasi, bool):
        raise BuildFailed(f"{path}: `wasi` must be true or false.")
    return Options(wasi=wasi)
