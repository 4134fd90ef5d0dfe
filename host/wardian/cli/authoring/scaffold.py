"""``wardian new``: a first plugin that builds, answers and explains itself."""

from __future__ import annotations

import re
import shutil
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from wardian.cli.authoring.contract import wit_directory
from wardian.cli.authoring.errors import ScaffoldRefused
from wardian.cli.authoring.language import Language
from wardian.cli.authoring.manifest import write_schema
from wardian.cli.authoring.staging import CONTRACT

LONGEST_NAME = 64

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_SUFFIX = ".template"
_PLACEHOLDER = "@NAME@"


def scaffold(name: str, language: Language, parent: Path) -> Path:
    """Write a first plugin called ``name`` to ``parent/name`` and return that directory.

    Raises ``ScaffoldRefused`` for a name that no plugin may have, for a directory that holds
    anything already, and for one that cannot be written.
    """
    _check_name(name)
    target = parent / name
    template = resources.files("wardian.cli.authoring") / "templates" / language.value
    try:
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise ScaffoldRefused(f"{target} exists already and is not an empty directory.")
        target.mkdir(parents=True, exist_ok=True)
        _write(template, target, name)
        shutil.copytree(wit_directory(), target / "wit" / CONTRACT)
        write_schema(target)
    except OSError as error:
        raise ScaffoldRefused(f"{target} cannot be written: {error.strerror}.") from error
    return target


def _check_name(name: str) -> None:
    if len(name) > LONGEST_NAME:
        raise ScaffoldRefused(
            f"A plugin's name has at most {LONGEST_NAME} characters; this one has {len(name)}."
        )
    if not _NAME.fullmatch(name):
        raise ScaffoldRefused(
            f"{name!r} cannot be a plugin's name. It has lower-case letters, digits and single "
            "hyphens, and starts with a letter: my-plugin."
        )


def _write(source: Traversable, target: Path, name: str) -> None:
    for entry in source.iterdir():
        if entry.is_dir():
            (target / entry.name).mkdir()
            _write(entry, target / entry.name, name)
        elif entry.name.endswith(_SUFFIX):
            text = entry.read_text(encoding="utf-8").replace(_PLACEHOLDER, name)
            (target / _file_name(entry.name)).write_text(text, encoding="utf-8")


def _file_name(template: str) -> str:
    file = template.removesuffix(_SUFFIX)
    # Under its own name it would take effect on the templates themselves.
    return ".gitignore" if file == "gitignore" else file
