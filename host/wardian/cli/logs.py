"""The operator's log: the host's own lines and those of its plugins, on standard error."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

import typer

from wardian.cli.environment import complaints
from wardian.cli.text import as_json, visible, visible_lines


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

_LOGGERS = ("wardian", "uvicorn.error")
_FACTS = ("tenant", "plugin", "call_id")


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


class TextLines(logging.Formatter):
    """One line for people, with nothing in it that a terminal would act upon."""

    def format(self, record: logging.LogRecord) -> str:
        facts = {**_facts(record), **getattr(record, "fields", {})}
        tail = "".join(f" {visible(name)}={visible(str(value))}" for name, value in facts.items())
        text = f"{_time(record)} {record.levelname.lower():7} {record.name}: "
        return text + visible(record.getMessage()) + tail + visible_lines(_traceback(self, record))


class JsonLines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        found: dict[str, Any] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_facts(record),
        }
        fields = getattr(record, "fields", {})
        if fields:
            found["fields"] = {name: str(value) for name, value in fields.items()}
        traceback = _traceback(self, record)
        if traceback:
            found["traceback"] = traceback.lstrip()
        return as_json(found)


def _facts(record: logging.LogRecord) -> dict[str, str]:
    return {name: str(getattr(record, name)) for name in _FACTS if hasattr(record, name)}


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


def _traceback(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    return "\n" + formatter.formatException(record.exc_info) if record.exc_info else ""
