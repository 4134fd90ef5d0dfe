"""The request that is being served: what it changes is told under its id.

What the host does by itself is no part of a request, even where its task was begun during one:
whoever writes down a change leaves the id out where the host is the actor.
"""

from __future__ import annotations

from contextvars import ContextVar, Token

_CURRENT: ContextVar[str | None] = ContextVar("wardian_correlation", default=None)


class correlated:  # noqa: N801 -- it is used like a function, and a generator costs five times as much
    """Have what is done in a block be told under an id."""

    __slots__ = ("_id", "_token")

    def __init__(self, correlation_id: str) -> None:
        self._id = correlation_id
        self._token: Token[str | None] | None = None

    def __enter__(self) -> None:
        self._token = _CURRENT.set(self._id)

    def __exit__(self, *error: object) -> None:
        if self._token is not None:
            _CURRENT.reset(self._token)


def current() -> str | None:
    """Return the id that what is done now is told under, if there is one."""
    return _CURRENT.get()
