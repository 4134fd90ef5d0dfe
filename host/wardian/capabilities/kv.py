"""``wardian:plugin/kv``: key-value storage of one plugin in one tenant."""

from __future__ import annotations

import re
from typing import Any

from wardian.capabilities.base import CallContext, Refused
from wardian.errors import NotFound
from wardian.storage import Connection, Database
from wardian.storage.kv import Entry, KvRepository, Quota, QuotaExceeded, now_ms

MAX_KEY_BYTES = 512
MAX_VALUE_BYTES = 1024 * 1024
MAX_PAGE = 1000

_INTEGER = re.compile(r"-?[0-9]{1,19}", re.ASCII)
_S64 = range(-(2**63), 2**63)
_LAST_MOMENT = 2**62  # a time to live may be any u64, and the sum must still fit the column


class Kv:
    """Reading needs ``kv:read``, writing ``kv:write``."""

    def __init__(self, database: Database, quota: Quota) -> None:
        self._database = database
        self._quota = quota

    async def get(self, call: CallContext, key: str) -> str | None:
        """Return the value at ``key``, if there is one."""
        call.require("kv:read")
        encoded = _key(key)
        async with self._database.reading() as connection:
            entry = await _entries(connection, call).get(encoded)
        return None if entry is None else entry.value.decode()

    async def set(self, call: CallContext, key: str, value: str, ttl_ms: int | None) -> None:
        """Write ``value`` at ``key``, whatever was there."""
        call.require("kv:write")
        encoded, entry = _key(key), _entry(value, ttl_ms)
        async with self._database.transaction() as connection:
            await self._put(_entries(connection, call), encoded, entry)

    async def delete(self, call: CallContext, key: str) -> bool:
        """Remove ``key``, and tell whether it was there."""
        call.require("kv:write")
        encoded = _key(key)
        async with self._database.transaction() as connection:
            try:
                return await _entries(connection, call).delete(encoded)
            except NotFound as exc:
                raise _uninstalled(exc) from exc

    async def list_keys(
        self, call: CallContext, prefix: str, cursor: str | None, limit: int
    ) -> dict[str, Any]:
        """Return one page of the keys that start with ``prefix``."""
        call.require("kv:read")
        if not 1 <= limit <= MAX_PAGE:
            raise Refused("invalid", f"A page has 1 to {MAX_PAGE} keys, not {limit}.")
        start = _encoded(prefix, "prefix", MAX_KEY_BYTES)
        after = None if cursor is None else _encoded(cursor, "cursor", MAX_KEY_BYTES)
        async with self._database.reading() as connection:
            found = await _entries(connection, call).keys(start, after, limit + 1)
        keys = [key.decode() for key in found[:limit]]
        return {"keys": keys, "next": keys[-1] if len(found) > limit else None}

    async def compare_and_set(
        self, call: CallContext, key: str, expected: str | None, value: str, ttl_ms: int | None
    ) -> bool:
        """Write ``value`` only if ``key`` holds ``expected``; tell whether it was written."""
        call.require("kv:read")
        call.require("kv:write")
        encoded, entry = _key(key), _entry(value, ttl_ms)
        wanted = None if expected is None else _encoded(expected, "expected value", None)
        async with self._database.transaction() as connection:
            entries = _entries(connection, call)
            old = await entries.get(encoded)
            if (None if old is None else old.value) != wanted:
                return False
            await self._put(entries, encoded, entry)
        return True

    async def increment(self, call: CallContext, key: str, by: int) -> int:
        """Add ``by`` to the integer at ``key`` and return the sum; its time to live stays."""
        call.require("kv:read")
        call.require("kv:write")
        encoded = _key(key)
        async with self._database.transaction() as connection:
            entries = _entries(connection, call)
            old = await entries.get(encoded)
            total = (0 if old is None else _integer(old.value)) + by
            if total not in _S64:
                raise Refused("invalid", "The sum leaves the range of a signed 64-bit integer.")
            expires_at = None if old is None else old.expires_at
            await self._put(entries, encoded, Entry(str(total).encode(), expires_at))
        return total

    async def _put(self, entries: KvRepository, key: bytes, entry: Entry) -> None:
        try:
            await entries.put(key, entry, self._quota)
        except QuotaExceeded as exc:
            raise Refused("exhausted", f"Nothing was written: {exc}.") from exc
        except NotFound as exc:
            raise _uninstalled(exc) from exc


def _entries(connection: Connection, call: CallContext) -> KvRepository:
    return KvRepository(connection, call.facts.tenant, call.facts.plugin_id)


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


def _uninstalled(exc: NotFound) -> Refused:
    return Refused("unavailable", exc.message)
