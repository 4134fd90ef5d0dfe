"""What ``kv`` and ``kv-namespaces`` have in common: the entries of one namespace, for one call."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from wardian.capabilities.base import CallContext, Refused
from wardian.errors import NotFound
from wardian.storage import Connection, Database
from wardian.storage.kv import Entry, KvRepository, Quota, QuotaExceeded, now_ms
from wardian.storage.kv_layout import NAMELESS, Namespace

MAX_KEY_BYTES = 512
MAX_VALUE_BYTES = 1024 * 1024
MAX_PAGE = 1000

_INTEGER = re.compile(r"-?[0-9]{1,19}", re.ASCII)
_S64 = range(-(2**63), 2**63)
_LAST_MOMENT = 2**62  # a time to live may be any u64, and the sum must still fit the column


class Entries:
    """The entries of one namespace; reading needs ``kv:read``, writing ``kv:write``."""

    def __init__(
        self, database: Database, quota: Quota, call: CallContext, namespace: str | None = None
    ) -> None:
        """``namespace`` is what the guest named; None is the nameless one."""
        self._database = database
        self._quota = quota
        self._call = call
        self._name = namespace

    async def get(self, key: str) -> str | None:
        """Return the value at ``key``, if there is one."""
        namespace, encoded = self._checked("kv:read"), _key(key)
        async with self._reading(namespace) as entries:
            entry = await entries.get(encoded)
        return None if entry is None else entry.value.decode()

    async def set(self, key: str, value: str, ttl_ms: int | None) -> None:
        """Write ``value`` at ``key``, whatever was there."""
        namespace = self._checked("kv:write")
        encoded, entry = _key(key), _entry(value, ttl_ms)
        async with self._writing(namespace) as entries:
            await entries.put(encoded, entry, self._quota)

    async def delete(self, key: str) -> bool:
        """Remove ``key``, and tell whether it was there."""
        namespace, encoded = self._checked("kv:write"), _key(key)
        async with self._writing(namespace) as entries:
            return await entries.delete(encoded)

    async def list_keys(self, prefix: str, cursor: str | None, limit: int) -> dict[str, Any]:
        """Return one page of the keys that start with ``prefix``."""
        namespace = self._checked("kv:read")
        if not 1 <= limit <= MAX_PAGE:
            raise Refused("invalid", f"A page has 1 to {MAX_PAGE} keys, not {limit}.")
        start = _encoded(prefix, "prefix", MAX_KEY_BYTES)
        after = None if cursor is None else _encoded(cursor, "cursor", MAX_KEY_BYTES)
        async with self._reading(namespace) as entries:
            found = await entries.keys(start, after, limit + 1)
        keys = [key.decode() for key in found[:limit]]
        return {"keys": keys, "next": keys[-1] if len(found) > limit else None}

    async def compare_and_set(
        self, key: str, expected: str | None, value: str, ttl_ms: int | None
    ) -> bool:
        """Write ``value`` only if ``key`` holds ``expected``; tell whether it was written."""
        namespace = self._checked("kv:read", "kv:write")
        encoded, entry = _key(key), _entry(value, ttl_ms)
        wanted = None if expected is None else _encoded(expected, "expected value", None)
        async with self._writing(namespace) as entries:
            old = await entries.get(encoded)
            if (None if old is None else old.value) != wanted:
                return False
            await entries.put(encoded, entry, self._quota)
        return True

    async def increment(self, key: str, by: int) -> int:
        """Add ``by`` to the integer at ``key`` and return the sum; its time to live stays."""
        namespace, encoded = self._checked("kv:read", "kv:write"), _key(key)
        async with self._writing(namespace) as entries:
            old = await entries.get(encoded)
            total = (0 if old is None else _integer(old.value)) + by
            if total not in _S64:
                raise Refused("invalid", "The sum leaves the range of a signed 64-bit integer.")
            expires_at = None if old is None else old.expires_at
            await entries.put(encoded, Entry(str(total).encode(), expires_at), self._quota)
        return total

    async def clear(self) -> int:
        """Remove every entry of the namespace, and tell how many there were."""
        namespace = self._checked("kv:write")
        async with self._writing(namespace) as entries:
            return await entries.clear()

    async def namespaces(self) -> list[str]:
        """Return the names of all of the plugin's namespaces that have an entry."""
        namespace = self._checked("kv:read")
        async with self._reading(namespace) as entries:
            return await entries.namespaces()

    def _checked(self, *permissions: str) -> Namespace:
        for permission in permissions:
            self._call.require(permission)
        return NAMELESS if self._name is None else _named(self._name)

    @asynccontextmanager
    async def _reading(self, namespace: Namespace) -> AsyncIterator[KvRepository]:
        async with self._database.reading() as connection:
            yield self._over(connection, namespace)

    @asynccontextmanager
    async def _writing(self, namespace: Namespace) -> AsyncIterator[KvRepository]:
        try:
            async with self._database.transaction() as connection:
                yield self._over(connection, namespace)
        except QuotaExceeded as exc:
            raise Refused("exhausted", f"Nothing was written: {exc}.") from exc
        except NotFound as exc:
            raise Refused("unavailable", exc.message) from exc

    def _over(self, connection: Connection, namespace: Namespace) -> KvRepository:
        facts = self._call.facts
        return KvRepository(connection, facts.tenant, facts.plugin_id, namespace)


def _named(name: str) -> Namespace:
    try:
        return Namespace.named(name)
    except ValueError as exc:
        raise Refused("invalid", str(exc)) from exc


def _key(key: str) -> bytes:
    encoded = _encoded(key, "key", MAX_KEY_BYTES)
    if not encoded:
        raise Refused("invalid", "A key has at least one byte.")
    return encoded


def _entry(value: str, ttl_ms: int | None) -> Entry:
    encoded = _encoded(value, "value", MAX_VALUE_BYTES)
    if ttl_ms is None:
        return Entry(encoded, None)
    if ttl_ms < 1:
        raise Refused("invalid", "A time to live is at least one millisecond.")
    return Entry(encoded, min(now_ms() + ttl_ms, _LAST_MOMENT))


def _encoded(text: str, what: str, most: int | None) -> bytes:
    try:
        encoded = text.encode()
    except UnicodeEncodeError as exc:
        raise Refused("invalid", f"The {what} has a lone surrogate, which is no text.") from exc
    if most is not None and len(encoded) > most:
        raise Refused("invalid", f"The {what} has {len(encoded)} bytes; at most {most} fit.")
    return encoded


def _integer(value: bytes) -> int:
    text = value.decode()
    if not _INTEGER.fullmatch(text) or int(text) not in _S64:
        raise Refused("invalid", "The value at the key is not a signed 64-bit integer.")
    return int(text)
