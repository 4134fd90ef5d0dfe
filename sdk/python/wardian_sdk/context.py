"""Who calls, and what is left of the call's budget. Needs no permission."""

from wit_world.imports import context as _host
from wit_world.imports.context import Budget, Call

from wardian_sdk._errors import ask

__all__ = ["Budget", "Call", "current", "remaining"]


def current() -> Call:
    """Describe the call that is running: tenant, subject, correlation id and so on."""
    return ask(_host.current)


def remaining() -> Budget:
    """Tell what the call may still spend: milliseconds, host calls, requests, events, lines."""
    return ask(_host.remaining)
