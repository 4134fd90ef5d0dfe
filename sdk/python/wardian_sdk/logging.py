"""Lines for the operator's log. Needs no permission.

Each function takes a message and any number of fields, and tells whether the line was kept:
a plugin that has spent its log budget goes on without a log and not with an exception.

The standard library's ``logging`` asks for the time and writes to a stream; without WASI either
of them ends the call. This module needs neither.
"""

import functools
from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeVar

from componentize_py_types import Err
from wit_world.imports import logging as _host
from wit_world.imports.logging import Level

from wardian_sdk._errors import Exhausted, ask
from wardian_sdk._json import as_word

__all__ = ["Level", "debug", "error", "info", "log", "reports_failures", "trace", "warn"]

T = TypeVar("T")


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


def reports_failures(plugin: type[T]) -> type[T]:
    """Class decorator: log what an exported function raises, then let it go on.

    An exception that leaves an exported function ends the call as a trap, and a trap carries
    no text. With this decorator on ``WitWorld`` the operator's log says what it was and where.
    ``Err`` is an answer and is not logged.
    """
    for name, member in list(vars(plugin).items()):
        if callable(member) and not name.startswith("_"):
            setattr(plugin, name, _reporting(member))
    return plugin


def _reporting(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*arguments: Any, **named: Any) -> Any:
        try:
            return function(*arguments, **named)
        except Err:
            raise
        except Exception as failure:
            error(
                f"{type(failure).__name__}: {failure}",
                function=function.__name__,
                at=_places(failure.__traceback__),
            )
            raise

    return call


def _places(traceback: TracebackType | None) -> str:
    # Not the `traceback` module: it looks for source files, and without WASI there are none to
    # look for, so that the attempt to describe an exception would itself end the call.
    places = []
    # The first place is `call` above, which everybody knows.
    traceback = traceback and traceback.tb_next
    while traceback is not None:
        code = traceback.tb_frame.f_code
        places.append(f"{code.co_filename}:{traceback.tb_lineno} {code.co_name}")
        traceback = traceback.tb_next
    return " > ".join(places)
