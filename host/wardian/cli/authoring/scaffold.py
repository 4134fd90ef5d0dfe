"""``wardian new``: a first plugin that builds, answers and explains itself."""

from __future__ import annotations

import re
import shutil
from enum import StrEnum
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


class Template(StrEnum):
    """What a new plugin begins with."""

    FUNCTION = "function"
    AGENT = "agent"


def scaffold(
    name: str, language: Language, parent: Path, template: Template = Template.FUNCTION
) -> Path:
    """Write a first plugin called ``name`` to ``parent/name`` and return that directory.

    Raises ``ScaffoldRefused`` for a name that no plugin may have, for a language without such a
    template, for a directory that holds anything already, and for one that cannot be written.
    """
    _check_name(name)
    target = parent / name
    sources = _sources(language, template)
    try:
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise ScaffoldRefused(f"{target} exists already and is not an empty directory.")
        target.mkdir(parents=True, exist_ok=True)
        for source in sources:
            _write(source, target, name)
        shutil.copytree(wit_directory(), target / "wit" / CONTRACT)
        write_schema(target)
    except OSError as error:
        raise ScaffoldRefused(f"{target} cannot be written: {error.strerror}.") from error
    return target


def _sources(language: Language, template: Template) -> list[Traversable]:
    """Where the files of a template are; what comes later takes the place of what comes first."""
    templates = resources.files("wardian.cli.authoring") / "templates"
    if template is Template.FUNCTION:
        return [templates / language.value]
    special = templates / "agents" / language.value
    if not special.is_dir():
        raise ScaffoldRefused(
            f"There is no template of an agent in {language.value}. Take python or typescript, or "
            "export wardian:plugin/agent from a plugin that was begun without one."
        )
    return [templates / language.value, special]


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
            (target / entry.name).mkdir(exist_ok=True)
            _write(entry, target / entry.name, name)
        elif entry.name.endswith(_SUFFIX):
            text = entry.read_text(encoding="utf-8").replace(_PLACEHOLDER, name)
            (target / _file_name(entry.name)).write_text(text, encoding="utf-8")


def _file_name(template: str) -> str:
    file = template.removesuffix(_SUFFIX)
    # Under its own name it would take effect on the templates themselves.
    return ".gitignore" if file == "gitignore" else file
