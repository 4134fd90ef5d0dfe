"""What the host is to do around a function of the plugin.

Each of these is written above a method of a class that exports functions::

    from wardian_sdk import cached, retried

    class Quotes:
        @cached(ttl=300)
        @retried(attempts=3)
        def latest(self, symbol: str) -> Quote: ...

They declare, and do nothing else: the function is the same one, here, in the plugin's own tests and
in the component. ``wardian build`` reads them from the source, without running it, and packs them
into the manifest; the host does what they say around every call, in one order whatever the order
of the decorators. So their values are written there as they are: numbers, texts, ``True``, lists.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar, overload

F = TypeVar("F", bound=Callable[..., Any])

ATTRIBUTE = "__wardian_enhancements__"
"""Where a function has what was declared for it, for who wants to see it in a test."""


def rate_limited(*, requests_per_minute: int) -> Callable[[F], F]:
    """Let a tenant have the function called so many times a minute, whoever calls it."""
    return _declared("rate_limit", {"requests_per_minute": requests_per_minute})


def cached(*, ttl: float) -> Callable[[F], F]:
    """Give equal calls the answer of one of them, for ``ttl`` seconds.

    For functions whose answer depends on their arguments and the configuration, and may be as old.
    """
    return _declared("cache", {"ttl": ttl})


@overload
def monitored(function: F, /) -> F: ...
@overload
def monitored(*, slow_seconds: float = ...) -> Callable[[F], F]: ...
def monitored(function: F | None = None, /, *, slow_seconds: float = 1.0) -> F | Callable[[F], F]:
    """Keep figures of the function's calls, and tell when they fail or take longer than this."""
    declare = _declared("monitor", {"slow_seconds": slow_seconds})
    return declare if function is None else declare(function)


def retried(
    *,
    attempts: int = 3,
    backoff_seconds: float = 0.1,
    on: Sequence[str] = ("overloaded", "worker-lost"),
    idempotent: bool = False,
) -> Callable[[F], F]:
    """Call the function again after errors of these types, within the budget of the one call.

    After an attempt that stored, published, sent or called something it is called again only if it
    is ``idempotent``.
    """
    setting = {
        "attempts": attempts,
        "backoff_seconds": backoff_seconds,
        "on": list(on),
        "idempotent": idempotent,
    }
    return _declared("retry", setting)


def timeout(*, seconds: float) -> Callable[[F], F]:
    """Stop an attempt after so many seconds, if the call has not a shorter time anyway."""
    return _declared("timeout", {"seconds": seconds})


def _declared(kind: str, setting: dict[str, Any]) -> Callable[[F], F]:
    def declare(function: F) -> F:
        known: dict[str, Any] = getattr(function, ATTRIBUTE, {})
        setattr(function, ATTRIBUTE, {**known, kind: setting})
        return function

    return declare
