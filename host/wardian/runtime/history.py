"""A plugin's upgrades and rollbacks, as far as they matter to those who go back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from wardian.storage.rows import PastUpgradeRow
from wardian.storage.upgrades import COMMITTED

_Row = TypeVar("_Row", bound=PastUpgradeRow)


def since(history: Sequence[_Row], package: str) -> list[_Row]:
    """Return what happened since a package was last left, oldest first.

    ``history`` is the newest first; what was not committed did not happen.
    """
    found: list[_Row] = []
    for entry in history:
        if entry.outcome != COMMITTED:
            continue
        found.append(entry)
        if entry.from_package == package:
            break
    return found[::-1]


def first_migrated(entries: Sequence[PastUpgradeRow]) -> str | None:
    """Return the id of the first of these that changed stored data: it has it as it was before."""
    return next((entry.id for entry in entries if entry.migrated), None)
