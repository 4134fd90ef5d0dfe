"""Which of a plugin's files its component is built from, and which are packed as they are."""

from __future__ import annotations

from pathlib import Path

from wardian.cli.authoring.language import ENTRY_POINTS
from wardian.plugins.manifest import MANIFEST_NAME
from wardian.plugins.package import COMPONENT_NAME, README_NAME, UI_FOLDER

FOLDERS = ("src", "wit")
"""Folders of which everything is built in."""

FILES = (
    "build.toml",
    "build.rs",
    "Cargo.toml",
    "package.json",
    "requirements.txt",
    "tsconfig.json",
)
"""Files at the root that builds read. Lock files are left out: builds write them."""

PACKED_FOLDERS = (UI_FOLDER.rstrip("/"),)
PACKED_FILES = (MANIFEST_NAME, README_NAME)


def has_sources(directory: Path) -> bool:
    """Tell whether there is something to build; if not, a component may be there as it is."""
    entries = (directory / entry for entry in ENTRY_POINTS.values())
    return (directory / "src").is_dir() or any(entry.is_file() for entry in entries)


def is_built(directory: Path) -> bool:
    """Tell whether the component is there, and as new as everything that it is built from."""
    component = directory / COMPONENT_NAME
    if not component.is_file():
        return False
    roots = [directory / name for name in (*FOLDERS, *FILES)]
    # Folders count, too: what was removed or renamed is seen on nothing else.
    found = [path for root in roots if root.exists() for path in (root, *root.rglob("*"))]
    newest = max((path.stat().st_mtime for path in found), default=0.0)
    return component.stat().st_mtime >= newest
