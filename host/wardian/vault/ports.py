"""What the vault needs of whoever writes down what it changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from wardian.storage import Connection


class Change(Protocol):
    """A change in progress: its rows, its audit entry and its event are one transaction."""

    @property
    def connection(self) -> Connection: ...

    async def note_vault(self, topic: str, subject: str, detail: Mapping[str, Any]) -> None:
        """Write down what happened, for auditors and for subscribers; names only."""
        ...


class Journal(Protocol):
    """Opens changes."""

    def change(self, tenant: str, actor: str) -> AbstractAsyncContextManager[Change]:
        """Begin a change, which is committed at the end of the block."""
        ...


Reached = Callable[[str, str], None]
"""Told of each step of a change as it begins: the change, the step."""
