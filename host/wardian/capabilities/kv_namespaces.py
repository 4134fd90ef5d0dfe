"""``wardian:plugin/kv-namespaces``: the same storage in named compartments."""

from __future__ import annotations

from typing import Any

from wardian.capabilities.base import CallContext
from wardian.capabilities.entries import Entries
from wardian.storage import Database
from wardian.storage.kv import Quota


class KvNamespaces:
    """Reading needs ``kv:read``, writing ``kv:write``; one quota covers all namespaces."""

    def __init__(self, database: Database, quota: Quota) -> None:
        self._database = database
        self._quota = quota

    async def get(self, call: CallContext, namespace: str, key: str) -> str | None:
        """Return the value at ``key``, if there is one."""
        return await self._of(call, namespace).get(key)

    async def set(
        self, call: CallContext, namespace: str, key: str, value: str, ttl_ms: int | None
    ) -> None:
        """Write ``value`` at ``key``, whatever was there."""
        await self._of(call, namespace).set(key, value, ttl_ms)

    async def delete(self, call: CallContext, namespace: str, key: str) -> bool:
        """Remove ``key``, and tell whether it was there."""
        return await self._of(call, namespace).delete(key)

    async def list_keys(
        self, call: CallContext, namespace: str, prefix: str, cursor: str | None, limit: int
    ) -> dict[str, Any]:
        """Return one page of the keys that start with ``prefix``."""
        return await self._of(call, namespace).list_keys(prefix, cursor, limit)

    async def compare_and_set(
        self,
        call: CallContext,
        namespace: str,
        key: str,
        expected: str | None,
        value: str,
        ttl_ms: int | None,
    ) -> bool:
        """Write ``value`` only if ``key`` holds ``expected``; tell whether it was written."""
        return await self._of(call, namespace).compare_and_set(key, expected, value, ttl_ms)

    async def increment(self, call: CallContext, namespace: str, key: str, by: int) -> int:
        """Add ``by`` to the integer at ``key`` and return the sum; its time to live stays."""
        return await self._of(call, namespace).increment(key, by)

    async def clear(self, call: CallContext, namespace: str) -> int:
        """Remove every entry of a namespace, and tell how many there were."""
        return await self._of(call, namespace).clear()

    async def list_namespaces(self, call: CallContext) -> list[str]:
        """Return the names of the namespaces that have an entry, in byte order."""
        return await Entries(self._database, self._quota, call).namespaces()

    def _of(self, call: CallContext, namespace: str) -> Entries:
        return Entries(self._database, self._quota, call, namespace)
