"""Key-value storage of this plugin, in this tenant. Needs ``kv:read``, ``kv:write`` or both.

Keys and values are text: keys of 1 to 512 bytes, values of up to 1 MiB of UTF-8.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from wit_world.imports import kv as _host
from wit_world.imports.kv import Page

from wardian_sdk._errors import ask
from wardian_sdk._json import from_text, to_text

__all__ = [
    "Page",
    "compare_and_set",
    "delete",
    "get",
    "get_json",
    "increment",
    "keys",
    "list_keys",
    "set",
    "set_json",
]


def get(key: str) -> str | None:
    """Read the value at ``key``; None when there is none. Needs ``kv:read``."""
    return ask(_host.get, key)


def set(key: str, value: str, *, ttl: timedelta | None = None) -> None:  # noqa: A001 - WIT's word
    """Write ``value`` at ``key``, for ``ttl`` if given. Needs ``kv:write``.

    Raises ``Exhausted`` when the quota does not suffice; nothing is written then.
    """
    ask(_host.set, key, value, _milliseconds(ttl))


def get_json(key: str, default: Any = None) -> Any:
    """Read the JSON value at ``key``; ``default`` when there is none. Needs ``kv:read``."""
    text = get(key)
    return default if text is None else from_text(text)


def set_json(key: str, value: object, *, ttl: timedelta | None = None) -> None:
    """Write ``value`` as JSON text at ``key``. Needs ``kv:write``."""
    set(key, to_text(value), ttl=ttl)


def delete(key: str) -> bool:
    """Remove ``key``, and tell whether it was there. Needs ``kv:write``."""
    return ask(_host.delete, key)


def list_keys(prefix: str = "", *, cursor: str | None = None, limit: int = 100) -> Page:
    """Return one page of the keys that start with ``prefix``. Needs ``kv:read``.

    ``limit`` is 1 to 1000. Pass ``page.next`` as ``cursor`` for the next page.
    """
    return ask(_host.list_keys, prefix, cursor, limit)


def keys(prefix: str = "", *, page_size: int = 1000) -> Iterator[str]:
    """Go through all keys that start with ``prefix``, in byte order. Needs ``kv:read``.

    Each page is one host call of the call's budget.
    """
    cursor = None
    while True:
        page = list_keys(prefix, cursor=cursor, limit=page_size)
        yield from page.keys
        if page.next is None:
            return
        cursor = page.next


def compare_and_set(
    key: str, expected: str | None, value: str, *, ttl: timedelta | None = None
) -> bool:
    """Write ``value`` only if ``key`` holds ``expected`` (None: only if it is not there).

    Tells whether it was written. Atomic. Needs ``kv:read`` and ``kv:write``.
    """
    return ask(_host.compare_and_set, key, expected, value, _milliseconds(ttl))


def increment(key: str, by: int = 1) -> int:
    """Add ``by`` to the decimal integer at ``key`` (0 when absent) and return the sum.

    Atomic. Raises ``Invalid`` when the value is not an integer or the sum leaves 64 bits.
    Needs ``kv:read`` and ``kv:write``.
    """
    return ask(_host.increment, key, by)


def _milliseconds(ttl: timedelta | None) -> int | None:
    return None if ttl is None else ttl // timedelta(milliseconds=1)
