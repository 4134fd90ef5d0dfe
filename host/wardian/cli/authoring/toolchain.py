"""The TypeScript toolchain: installed once for each user and lockfile, shared by all builds."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wardian.cli.authoring.contract import sdk_directory
from wardian.cli.authoring.errors import ToolchainMissing
from wardian.cli.authoring.language import Language
from wardian.cli.authoring.steps import Steps

OLDEST_NODE = 20

# What an installation is made from; a change of any of them is another installation.
_SOURCES = ("package.json", "package-lock.json", ".npmrc", "build.mjs")


def require_node(steps: Steps) -> None:
    """Raise ``ToolchainMissing`` unless there is a Node that is new enough, with npm."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            raise ToolchainMissing(
                f"TypeScript plugins are built with Node {OLDEST_NODE} or newer and npm; "
                f"`{program}` was not found."
            )
    answer = steps.run("looking for Node", ["node", "--version"])
    version = re.match(r"v(\d+)\.", answer)
    if version is None or int(version[1]) < OLDEST_NODE:
        raise ToolchainMissing(
            f"TypeScript plugins are built with Node {OLDEST_NODE} or newer; "
            f"this one is {answer.strip()}."
        )


def installed_toolchain(steps: Steps) -> Path:
    """Return the folder of the installed toolchain, installing it if need be."""
    sources = sdk_directory(Language.TYPESCRIPT)
    digest = hashlib.sha256()
    for name in _SOURCES:
        digest.update((sources / name).read_bytes())
    cache = cache_directory()
    cache.mkdir(parents=True, exist_ok=True)
    target = cache / f"typescript-{digest.hexdigest()[:16]}"
    with _exclusive(cache / f"{target.name}.lock"):
        if not target.is_dir():
            _install(sources, target, steps)
    return target


def cache_directory() -> Path:
    """Return the user's cache folder for Wardian, which need not exist."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG base directory specification: a relative path is to be ignored.
    root = Path(base) if base.startswith("/") else Path.home() / ".cache"
    return root / "wardian"


def _install(sources: Path, target: Path, steps: Steps) -> None:
    # Installed beside its place and then moved there: whatever is at `target` is complete.
    with tempfile.TemporaryDirectory(dir=target.parent, prefix="installing-") as scratch:
        place = Path(scratch) / "toolchain"
        place.mkdir()
        for name in _SOURCES:
            shutil.copyfile(sources / name, place / name)
        steps.run(
            "installing the TypeScript toolchain (once, about 230 MB)",
            ["npm", "ci", "--ignore-scripts"],
            cwd=place,
        )
        place.rename(target)


@contextmanager
def _exclusive(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
