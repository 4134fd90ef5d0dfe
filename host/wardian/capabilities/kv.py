"""``wardian:plugin/kv``: key-value storage of one plugin in one tenant."""

from __future__ import annotations

from typing import Any

from wardian.capabilities.base import CallContext
from wardian.capabilities.entries import Entries
from wardian.storage import Database
from wardian.storage.kv import Quota


class Kv:
    """Reading needs ``kv:read``, writing ``kv:write``; what is in a namespace is not seen here."""

    def __init__(self, database: Database, quota: Quota) -> None:
        self._database = database
        self._quota = quota

    async def get(self, call: CallContext, key: str) -> str | None:
        """Return the value at ``key``, if there is one."""
        return await self._of(call).get(key)

    async def set(self, call: CallContext, key: str, value: str, ttl_ms: int | None) -> None:
        """Write ``value`` at ``key``, whatever was there."""
        await self._of(call).set(key, value, ttl_ms)

    async def delete(self, call: CallContext, key: str) -> bool:
        """Remove ``key``, and tell whether it was there."""
        return await self._of(call).delete(key)

    async def list_keys(
        self, call: CallContext, prefix: str, cursor: str | None, limit: int
    ) -> dict[str, Any]:
        """Return one page of the keys that start with ``prefix``."""
        return await self._of(call).list_keys(prefix, cursor, limit)

    async def compare_and_set(
        self, call: CallContext, key: str, expected: str | None, value: str, ttl_ms: int | None
    ) -> bool:
        """Write ``value`` only if ``key`` holds ``expected``; tell whether it was written."""
        return await self._of(call).compare_and_set(key, expected, value, ttl_ms)

    async def increment(self, call: CallContext, key: str, by: int) -> int:
        """Add ``by`` to the integer at ``key`` and return the sum; its time to live stays."""
        return await self._of(call).increment(key, by)

    def _of(self, call: CallContext) -> Entries:
        return Entries(self._database, self._quota, call)
