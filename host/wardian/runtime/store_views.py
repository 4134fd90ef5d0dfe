"""What operators are shown of plugins' key-value storage.

A value is shown without its secrets, as in recordings: what stands under a name or in a namespace
that is one's, what looks like one, and the tenant's credentials.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

from wardian.policy.leaks import Leaks
from wardian.policy.redaction import MARKER, Redaction, TooMuch
from wardian.storage.kv_layout import NAMESPACES_MAX, Namespace
from wardian.storage.kv_survey import KeyRow

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_MS = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1)


class NamespaceView(msgspec.Struct, frozen=True, kw_only=True):
    """What there is in a namespace now; the nameless one has an empty name."""

    name: str
    keys: int
    size_bytes: int


class StoreView(msgspec.Struct, frozen=True, kw_only=True):
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
    namespaces: list[NamespaceView]
    namespaces_max: int = NAMESPACES_MAX


class StoredKeyView(msgspec.Struct, frozen=True, kw_only=True):
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
    keys: list[StoredKeyView]
    next: str | None


class EntryView(StoredKeyView, frozen=True, kw_only=True):
    """One entry.

    Attributes:
        redacted: whether secrets were taken out of the value.
    """

    plugin: str
    namespace: str
    value: str
    redacted: bool


class Cleared(msgspec.Struct, frozen=True, kw_only=True):
    """How many entries were removed."""

    plugin: str
    removed: int


def shown(value: str, leaks: Leaks, *, is_named: bool) -> str:
    """Return a value as people may see it."""
    redaction = Redaction(known=leaks)
    try:
        clean = redaction.hide(value) if is_named else redaction.clean(value)
        return str(redaction.scrub(clean))
    except (TooMuch, RecursionError):
        return MARKER


def key_view(space: Namespace, row: KeyRow) -> StoredKeyView:
    """Return a key as operators see it."""
    return StoredKeyView(
        key=space.bare(row.key).decode(), size_bytes=row.size, expires_at=moment(row.expires_at)
    )


def moment(milliseconds: int | None) -> datetime | None:
    """Return a moment; what comes after all that have a date never does."""
    if milliseconds is None or milliseconds > _LAST_MS:
        return None
    return _EPOCH + timedelta(milliseconds=milliseconds)
