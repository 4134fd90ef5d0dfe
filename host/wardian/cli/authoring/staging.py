"""A plugin's WIT, made complete for the tools: the author's own with the host's contract beside.

Authors do not copy the contract. What they have under ``wit/deps/wardian-plugin`` is for their
editor and is never built against.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from wardian.cli.authoring.contract import wit_directory
from wardian.cli.authoring.errors import NotAPlugin

CONTRACT = Path("deps/wardian-plugin")

_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_WORLD = re.compile(r"\bworld\s+%?([a-zA-Z][a-zA-Z0-9-]*)\s*\{")


def stage_wit(plugin: Path, staging: Path) -> Path:
    """Copy the plugin's ``wit`` to ``staging`` with the contract among its deps; return it."""
    target = staging / "wit"
    shutil.copytree(plugin / "wit", target)
    shutil.rmtree(target / CONTRACT, ignore_errors=True)
    shutil.copytree(wit_directory(), target / CONTRACT)
    return target


def world_name(plugin: Path) -> str:
    """Return the name of the one world in the plugin's ``wit`` folder.

    Raises ``NotAPlugin`` when there is none, or more than one.
    """
    sources = sorted((plugin / "wit").glob("*.wit"))
    if not sources:
        raise NotAPlugin(f"{plugin} has no wit/world.wit, which states what the plugin exports.")
    text = "\n".join(source.read_text(encoding="utf-8") for source in sources)
    names = _WORLD.findall(_COMMENT.sub("", text))
    if len(names) != 1:
        found = ", ".join(names) or "none"
        raise NotAPlugin(f"{plugin / 'wit'} must define exactly one world; found: {found}.")
    return str(names[0])
