"""How the namespaces of a plugin's entries lie in one column of keys.

A key is UTF-8, in which the byte 0xFF never occurs. So it sets a namespace off from everything::

    key                       an entry of the nameless namespace
    0xFF name 0xFF key        an entry of the namespace `name`

In byte order the nameless namespace comes first and each other one is a run of its own. Decision 29
tells why this is no column.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

NAMESPACES_MAX = 64
"""How many a plugin may have beside the nameless one; to find them all takes a query for each."""

NAME_CHARS_MAX = 64
_NAME = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._-]{{0,{NAME_CHARS_MAX - 1}}}", re.ASCII)

_EDGE = b"\xff"


@dataclass(frozen=True, slots=True)
class Namespace:
    """One namespace of a plugin; the one of an empty name is the nameless."""

    name: str = ""

    @classmethod
    def named(cls, name: str) -> Namespace:
        """Return the namespace of a name from outside.

        Raises:
            ValueError: it is no name of one; says what is.
        """
        if not _NAME.fullmatch(name):
            raise ValueError(
                f"A namespace has a name of 1 to {NAME_CHARS_MAX} of the characters A-Z, a-z, 0-9, "
                f"'.', '_' and '-', a letter or digit first; not {name[:NAME_CHARS_MAX]!r}."
            )
        return cls(name)

    @classmethod
    def of(cls, stored: bytes) -> Namespace:
        """Return the namespace that a stored key is in."""
        if not stored.startswith(_EDGE):
            return NAMELESS
        return cls(stored[1 : stored.index(_EDGE, 1)].decode())

    def stored(self, key: bytes) -> bytes:
        """Return a key of this namespace as it is stored."""
        return self._opening() + key

    def bare(self, stored: bytes) -> bytes:
        """Return a stored key of this namespace as it was given."""
        return stored[len(self._opening()) :]

    def run(self, prefix: bytes = b"") -> tuple[bytes, bytes]:
        """Return between which stored keys those are that start with ``prefix``.

        The first may be one of them, the second is behind the last: no UTF-8 has its last byte.
        """
        start = self.stored(prefix)
        return start, start + _EDGE

    def _opening(self) -> bytes:
        return _EDGE + self.name.encode() + _EDGE if self.name else b""


NAMELESS = Namespace()

EVERYWHERE = (b"", _EDGE * 2)
"""Between which stored keys those of all namespaces are; no name is empty."""
