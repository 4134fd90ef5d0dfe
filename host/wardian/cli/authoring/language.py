"""The languages a plugin can be written in, and how to tell which one a directory holds."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from wardian.cli.authoring.errors import NotAPlugin


class Language(StrEnum):
    """A language that ``wardian new`` and ``wardian build`` know."""

    PYTHON = "python"
    TYPESCRIPT = "typescript"
    RUST = "rust"


# The file that each language's build starts from, which also tells the languages apart.
ENTRY_POINTS = {
    Language.PYTHON: Path("src/plugin.py"),
    Language.TYPESCRIPT: Path("src/plugin.ts"),
    Language.RUST: Path("Cargo.toml"),
}


def detect_language(directory: Path) -> Language:
    """Tell the language of the plugin in ``directory`` by its entry point.

    Raises ``NotAPlugin`` when there is no entry point, or more than one.
    """
    if not directory.is_dir():
        raise NotAPlugin(f"There is no directory {directory}.")
    found = [language for language, entry in ENTRY_POINTS.items() if (directory / entry).is_file()]
    if len(found) == 1:
        return found[0]
    if found:
        names = " and ".join(str(ENTRY_POINTS[language]) for language in found)
        raise NotAPlugin(f"{directory} has {names}; a plugin is built from one of them.")
    expected = ", ".join(f"{entry} ({language})" for language, entry in ENTRY_POINTS.items())
    raise NotAPlugin(f"{directory} has none of {expected}.")
