"""What tenants and keys need of whoever writes down what changes."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from wardian.storage import Connection


class Change(Protocol):
    """A change in progress: its rows, its audit entry and its event are one transaction."""

    @property
    def connection(self) -> Connection: ...

    async def note_access(self, topic: str, subject: str, detail: Mapping[str, Any]) -> None:
        """Write down what happened, for auditors and for subscribers; never a token."""
        ...

    def beside(self, tenant: str) -> Change:
        """Return the same change, for what of it concerns another tenant, too."""
        ...


class Journal(Protocol):
    """Opens changes."""

    def change(self, tenant: str, actor: str) -> AbstractAsyncContextManager[Change]:
        """Begin a change, which is committed at the end of the block."""
        ...
