"""What plugins keep in key-value storage."""

from __future__ import annotations

from datetime import datetime

import msgspec


class Namespace(msgspec.Struct, frozen=True, kw_only=True):
    """What there is in a namespace now; the nameless one has an empty name."""

    name: str
    keys: int
    size_bytes: int


class Store(msgspec.Struct, frozen=True, kw_only=True):
    """What a plugin keeps, beside its quota.

    Attributes:
        used_bytes, used_keys: what counts, expired entries that are not yet purged included.
        namespaces: the nameless one, and those that have an entry.
    """

    plugin: str
    used_bytes: int
    bytes_max: int
    used_keys: int
    keys_max: int
    namespaces: list[Namespace]
    namespaces_max: int = 64


class StoredKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key, what it takes with its value, and when it goes."""

    key: str
    size_bytes: int
    expires_at: datetime | None


class KeysPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some keys of a namespace in byte order.

    Attributes:
        next: asks for those after them; None if there are no more.
    """

    plugin: str
    namespace: str
    keys: list[StoredKey]
    next: str | None


class StoredEntry(StoredKey, frozen=True, kw_only=True):
    """One entry.

    Attributes:
        redacted: whether secrets were taken out of the value.
    """

    plugin: str
    namespace: str
    value: str
    redacted: bool


class ClearedStore(msgspec.Struct, frozen=True, kw_only=True):
    """How many entries were removed."""

    plugin: str
    removed: int
