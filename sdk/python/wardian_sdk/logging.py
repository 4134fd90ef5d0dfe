"""Lines for the operator's log. Needs no permission.

Each function takes a message and any number of fields, and tells whether the line was kept:
a plugin that has spent its log budget goes on without a log and not with an exception.

The standard library's ``logging`` asks for the time and writes to a stream; without WASI either
of them ends the call. This module needs neither.
"""

from wit_world.imports import logging as _host
from wit_world.imports.logging import Level

from wardian_sdk._errors import Exhausted, ask
from wardian_sdk._json import as_word

__all__ = ["Level", "debug", "error", "info", "log", "trace", "warn"]


def log(level: Level, message: str, **fields: object) -> bool:
    """Write one line; False when the call's log budget is spent and the line was dropped."""
    pairs = [(name, as_word(value)) for name, value in fields.items()]
    try:
        ask(_host.log, level, message, pairs)
    except Exhausted:
        return False
    return True


def trace(message: str, **fields: object) -> bool:
    """Write a line of the least importance."""
    return log(Level.TRACE, message, **fields)


def debug(message: str, **fields: object) -> bool:
    """Write a line for whoever looks for a fault."""
    return log(Level.DEBUG, message, **fields)


def info(message: str, **fields: object) -> bool:
    """Write a line about the ordinary course of things."""
    return log(Level.INFO, message, **fields)


def warn(message: str, **fields: object) -> bool:
    """Write a line about something that should not be, and was coped with."""
    return log(Level.WARN, message, **fields)


def error(message: str, **fields: object) -> bool:
    """Write a line about something that failed."""
    return log(Level.ERROR, message, **fields)
