"""The storage of ``kv`` in named compartments, each with keys of its own.

::

    from wardian_sdk.kv_namespaces import Namespace

    sessions = Namespace("sessions")
    sessions.set("ann", "…", ttl=timedelta(hours=1))

A name has 1 to 64 of the characters A-Z, a-z, 0-9, ``.``, ``_`` and ``-``, a letter or digit first.
A plugin has up to 64 namespaces, each for as long as it has an entry. One quota covers all of them
and ``kv``. Keys, values and permissions are those of ``kv``.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from wit_world.imports import kv_namespaces as _host
from wit_world.imports.kv_namespaces import Page

from wardian_sdk._errors import ask
from wardian_sdk._json import from_text, to_text

__all__ = ["Namespace", "Page", "list_namespaces"]


def list_namespaces() -> list[str]:
    """Return the names of the namespaces that have an entry, in byte order. Needs ``kv:read``."""
    return ask(_host.list_namespaces)


@dataclass(frozen=True)
class Namespace:
    """One compartment. Nothing is asked of the host until one of its functions is called."""

    name: str

    def get(self, key: str) -> str | None:
        """Read the value at ``key``; None when there is none. Needs ``kv:read``."""
        return ask(_host.get, self.name, key)

    def set(self, key: str, value: str, *, ttl: timedelta | None = None) -> None:
        """Write ``value`` at ``key``, for ``ttl`` if given. Needs ``kv:write``.

        Raises ``Exhausted`` when the quota does not suffice; nothing is written then.
        """
        ask(_host.set, self.name, key, value, _milliseconds(ttl))

    def get_json(self, key: str, default: Any = None) -> Any:
        """Read the JSON value at ``key``; ``default`` when there is none. Needs ``kv:read``."""
        text = self.get(key)
        return default if text is None else from_text(text)

    def set_json(self, key: str, value: object, *, ttl: timedelta | None = None) -> None:
        """Write ``value`` as JSON text at ``key``. Needs ``kv:write``."""
        self.set(key, to_text(value), ttl=ttl)

    def delete(self, key: str) -> bool:
        """Remove ``key``, and tell whether it was there. Needs ``kv:write``."""
        return ask(_host.delete, self.name, key)

    def clear(self) -> int:
        """Remove every entry, and tell how many there were. Needs ``kv:write``."""
        return ask(_host.clear, self.name)

    def list_keys(self, prefix: str = "", *, cursor: str | None = None, limit: int = 100) -> Page:
        """Return one page of the keys that start with ``prefix``. Needs ``kv:read``.

        ``limit`` is 1 to 1000. Pass ``page.next`` as ``cursor`` for the next page.
        """
        return ask(_host.list_keys, self.name, prefix, cursor, limit)

    def keys(self, prefix: str = "", *, page_size: int = 1000) -> Iterator[str]:
        """Go through all keys that start with ``prefix``, in byte order. Needs ``kv:read``.

        Each page is one host call of the call's budget.
        """
        cursor = None
        while True:
            page = self.list_keys(prefix, cursor=cursor, limit=page_size)
            yield from page.keys
            if page.next is None:
                return
            cursor = page.next

    def compare_and_set(
        self, key: str, expected: str | None, value: str, *, ttl: timedelta | None = None
    ) -> bool:
        """Write ``value`` only if ``key`` holds ``expected`` (None: only if it is not there).

        Tells whether it was written. Atomic. Needs ``kv:read`` and ``kv:write``.
        """
        return ask(_host.compare_and_set, self.name, key, expected, value, _milliseconds(ttl))

    def increment(self, key: str, by: int = 1) -> int:
        """Add ``by`` to the decimal integer at ``key`` (0 when absent) and return the sum.

        Atomic. Raises ``Invalid`` when the value is not an integer or the sum leaves 64 bits.
        Needs ``kv:read`` and ``kv:write``.
        """
        return ask(_host.increment, self.name, key, by)


def _milliseconds(ttl: timedelta | None) -> int | None:
    return None if ttl is None else ttl // timedelta(milliseconds=1)
