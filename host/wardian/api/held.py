"""How many bytes of bodies the host holds at a time, of everybody and of one key.

A body is bounded by itself, but whoever opens a thousand connections and ends none of their bodies
holds a thousand of them. Only what is large is counted: of small ones the host holds as many as it
has connections.
"""

from __future__ import annotations

from collections import Counter

from starlette.types import Scope

SMALL_BYTES = 64 * 1024
"""What of each body is not counted, so that most requests cost nothing here."""

_ALL = ("all", "")


class Bodies:
    """Counts what is held of bodies."""

    def __init__(self, bytes_max: int, *, one_bytes_max: int) -> None:
        """All together may have ``bytes_max``, a tenant half of it and a key a quarter; but each
        as much as the largest body that there may be, ``one_bytes_max``."""
        self._most = {
            kind: max(bytes_max // share, one_bytes_max)
            for kind, share in (("all", 1), ("tenant", 2), ("key", 4))
        }
        self._held: Counter[tuple[str, str]] = Counter()

    def of(self, scope: Scope) -> HeldBody:
        """Begin to count the body of a request."""
        return HeldBody(self, scope)

    def take(self, places: tuple[tuple[str, str], ...], size: int) -> bool:
        """Count bytes in each of some places; False if one of them has no room."""
        if any(self._held[place] + size > self._most[place[0]] for place in places):
            return False
        for place in places:
            self._held[place] += size
        return True

    def give_back(self, places: tuple[tuple[str, str], ...], size: int) -> None:
        """Count bytes no more."""
        for place in places:
            self._held[place] -= size
            if not self._held[place]:
                del self._held[place]


class HeldBody:
    """What is held of one request's body, until it is let go."""

    def __init__(self, bodies: Bodies, scope: Scope) -> None:
        self._bodies = bodies
        self._scope = scope
        self._places: tuple[tuple[str, str], ...] = ()
        self._size = 0

    def holds(self, received: int) -> bool:
        """Hold a body of which so many bytes are here; False if there is no room for them."""
        size = received - SMALL_BYTES
        if size <= self._size:
            return True
        if not self._places:
            self._places = _places(self._scope)
        if not self._bodies.take(self._places, size - self._size):
            return False
        self._size = size
        return True

    def let_go(self) -> None:
        """Hold it no more."""
        if self._size:
            self._bodies.give_back(self._places, self._size)
            self._size = 0


def _places(scope: Scope) -> tuple[tuple[str, str], ...]:
    """Return where a request counts; by its first large piece it is known whose it is."""
    caller = scope.get("state", {}).get("caller")
    if caller is None:
        return (_ALL,)
    return (_ALL, ("tenant", caller.tenant), ("key", caller.key_id))
