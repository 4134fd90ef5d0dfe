"""How many streams may be open at a time: of one tenant, and with one key."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from wardian.errors import RateLimited
from wardian.tenants import Caller


class Rooms:
    """Counts the streams of one kind that are open on this host."""

    def __init__(self, streams_max: int) -> None:
        """A tenant may have ``streams_max``, and the holder of one key a quarter of that."""
        self._tenant_max = streams_max
        self._key_max = max(1, streams_max // 4)
        self._open: Counter[tuple[str, str]] = Counter()

    def check(self, caller: Caller) -> None:
        """Check that a caller may open one more stream.

        Raises:
            RateLimited: as many are open as may be.
        """
        for kind, name, most in self._bounds(caller):
            if self._open[kind, name] >= most:
                raise RateLimited(
                    f"{most} streams of this {kind} are open, which is as many as may be. Close "
                    "one; see WARDIAN_EVENT_STREAMS_MAX."
                )

    @contextmanager
    def taken(self, caller: Caller) -> Iterator[None]:
        """Count a stream while this is open.

        Raises:
            RateLimited: others were quicker.
        """
        self.check(caller)
        for kind, name, _ in self._bounds(caller):
            self._open[kind, name] += 1
        try:
            yield
        finally:
            for kind, name, _ in self._bounds(caller):
                self._open[kind, name] -= 1
                if not self._open[kind, name]:
                    del self._open[kind, name]

    def _bounds(self, caller: Caller) -> tuple[tuple[str, str, int], ...]:
        return (("tenant", caller.tenant, self._tenant_max), ("key", caller.key_id, self._key_max))
