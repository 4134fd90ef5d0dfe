"""The operator's log: the host's own lines, uvicorn's and those of plugins, on standard error.

All of them are lines of the standard library's loggers, and go through one chain of structlog's
processors: what they are about is added, what is secret taken out, and then they are written for
people or for programs.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

import typer
from structlog.contextvars import merge_contextvars
from structlog.processors import format_exc_info
from structlog.stdlib import ProcessorFormatter

from wardian.cli.environment import complaints
from wardian.cli.text import as_json, visible, visible_lines
from wardian.telemetry.bound import bound


class LogFormat(StrEnum):
    """How a line looks."""

    TEXT = "text"
    JSON = "json"


class LogLevel(StrEnum):
    """The least that is shown."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


Format = Annotated[
    LogFormat, typer.Option("--log-format", help="Lines for people, or one JSON object each.")
]
Least = Annotated[LogLevel, typer.Option("--log-level", help="The least that is logged.")]

_log = logging.getLogger("wardian.settings")

_LOGGERS = ("wardian", "uvicorn.error", "opentelemetry")
_FACTS = ("tenant", "plugin", "version", "call_id", "request_id", "trace_id", "span_id")

_SECRETS = (
    # What a key of this host looks like, and what HTTP and addresses carry of others'.
    ("wdn_", re.compile(r"wdn_[A-Za-z0-9_-]{4,}"), "wdn_[secret]"),
    ("earer ", re.compile(r"([Bb]earer )[A-Za-z0-9._~+/=-]{8,}"), r"\1[secret]"),
    ("asic ", re.compile(r"([Bb]asic )[A-Za-z0-9+/=]{8,}"), r"\1[secret]"),
    ("@", re.compile(r"(://)[^\s/@:]*:[^\s/@]+@"), r"\1[secret]@"),
)
"""What a line must have for a pattern to be looked for, the pattern, and what takes its place."""

_Event = MutableMapping[str, Any]


@contextmanager
def logging_to_stderr(form: LogFormat, least: LogLevel) -> Iterator[None]:
    """Send the log to standard error while this lasts."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if form is LogFormat.JSON else TextLines())
    with logging_to(handler, least):
        yield


@contextmanager
def logging_to(handler: logging.Handler, least: LogLevel) -> Iterator[None]:
    """Hand the log to ``handler`` while this lasts."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    before = [(logger.level, logger.propagate) for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(least.upper() if logger.name == _LOGGERS[0] else logging.WARNING)
        logger.propagate = False
    for complaint in complaints(os.environ):
        _log.warning("%s", complaint)
    try:
        yield
    finally:
        for logger, (level, propagate) in zip(loggers, before, strict=True):
            logger.removeHandler(handler)
            logger.setLevel(level)
            logger.propagate = propagate


class _Lines(ProcessorFormatter):
    """Lines of the standard library's loggers, without the copy that structlog makes of each.

    Because: it takes as long as all the rest, and no processor here changes a record.
    """

    def format(self, record: logging.LogRecord) -> str:
        if hasattr(record, "_logger"):  # one of structlog's own loggers told it
            return super().format(record)
        event: Any = {"event": record.getMessage(), "_record": record}
        if record.exc_info:
            event["exc_info"] = record.exc_info
        for processor in self.processors:
            event = processor(None, record.levelname, event)
        return str(event)


class TextLines(_Lines):
    """One line for people, with nothing in it that a terminal would act upon."""

    def __init__(self) -> None:
        super().__init__(processors=[_about, format_exc_info, _for_people, _without_secrets])


class JsonLines(_Lines):
    """One JSON object a line."""

    def __init__(self) -> None:
        super().__init__(processors=[_about, format_exc_info, _for_programs, _without_secrets])


def _about(logger: Any, method: str, event: _Event) -> _Event:
    """Add what the line is about; what it says of that itself counts."""
    told = event["_record"].__dict__
    held = told.get("bound")
    if held is None:
        event = merge_contextvars(logger, method, event)
        held = bound()
    facts = held.facts()
    facts |= {name: str(told[name]) for name in _FACTS if name in told}
    event["facts"] = {name: facts[name] for name in _FACTS if name in facts}
    event["fields"] = told.get("fields", {})
    return event


def _for_people(logger: Any, method: str, event: _Event) -> str:
    record = event["_record"]
    told = {**event["facts"], **event["fields"]}
    tail = "".join(f" {visible(name)}={visible(str(value))}" for name, value in told.items())
    text = f"{_time(record)} {record.levelname.lower():7} {record.name}: "
    return text + visible(str(event["event"])) + tail + visible_lines(_traceback(event))


def _for_programs(logger: Any, method: str, event: _Event) -> str:
    record = event["_record"]
    found: dict[str, Any] = {
        "time": _time(record),
        "level": record.levelname.lower(),
        "logger": record.name,
        "message": str(event["event"]),
        **event["facts"],
    }
    if event["fields"]:
        found["fields"] = {name: _value(value) for name, value in event["fields"].items()}
    if "exception" in event:
        found["traceback"] = event["exception"]
    return as_json(found)


def _without_secrets(logger: Any, method: str, line: Any) -> Any:
    """Take out what must not be in a log, whoever wrote it there; after everything else."""
    for sign, pattern, replacement in _SECRETS:
        if sign in line:
            line = pattern.sub(replacement, line)
    return line


def _value(value: Any) -> str | int | float:
    return value if type(value) in (int, float) else str(value)


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


def _traceback(event: _Event) -> str:
    return "\n" + event["exception"] if "exception" in event else ""
