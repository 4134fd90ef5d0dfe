"""What a line of the log is about."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from io import StringIO

import pytest
from opentelemetry.sdk.trace import TracerProvider

from wardian.capabilities import CallFacts
from wardian.cli.logs import JsonLines, LogLevel, logging_to
from wardian.runtime.call_log import CallLog, Ended
from wardian.telemetry.bound import CALL, REQUEST
from wardian.telemetry.tracing import Tracing

FACTS = CallFacts(
    call_id="call-1",
    tenant="acme",
    subject="ci",
    plugin="counter",
    plugin_id="p1",
    version="1.2.0",
    correlation_id="c1",
)


@pytest.fixture
def written() -> Iterator[StringIO]:
    handler = logging.StreamHandler(StringIO())
    handler.setFormatter(JsonLines())
    with logging_to(handler, LogLevel.INFO):
        yield handler.stream


def lines(written: StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in written.getvalue().splitlines()]


def test_a_line_tells_the_request_the_call_and_the_trace_during_which_it_is_written(
    written: StringIO,
) -> None:
    tracing = Tracing()
    tracing.use(TracerProvider(shutdown_on_exit=False))
    trail = tracing.call("call")
    assert trail is not None
    request, call = REQUEST.set("request-1"), CALL.set(FACTS)
    with trail:
        logging.getLogger("wardian.vault").warning("low")
    CALL.reset(call)
    REQUEST.reset(request)
    logging.getLogger("wardian.vault").warning("over")

    during, after = lines(written)
    assert trail.context is not None
    assert (
        during.items()
        >= {
            "tenant": "acme",
            "plugin": "counter",
            "version": "1.2.0",
            "call_id": "call-1",
            "request_id": "request-1",
            "trace_id": f"{trail.context.trace_id:032x}",
            "span_id": f"{trail.context.span_id:016x}",
        }.items()
    )
    assert set(after) == {"time", "level", "logger", "message"}


def test_what_a_line_says_itself_counts(written: StringIO) -> None:
    call = CALL.set(FACTS)
    logging.getLogger("wardian.vault").warning("low", extra={"plugin": "other"})
    CALL.reset(call)

    (line,) = lines(written)
    assert (line["plugin"], line["tenant"]) == ("other", "acme")


@pytest.mark.anyio
async def test_lines_that_are_written_later_tell_what_was_so_when_they_were_told(
    written: StringIO,
) -> None:
    log = CallLog()

    async def one(number: int) -> None:
        REQUEST.set(f"request-{number}")
        log.ended(Ended(f"call-{number}", "p", "1.0.0", "run", "ok", 0.1), failed=False)

    await asyncio.gather(*(one(number) for number in range(3)))
    REQUEST.set("request-of-another")
    log.flush()

    assert [line["request_id"] for line in lines(written)] == [f"request-{n}" for n in range(3)]


def test_a_line_of_a_library_is_one_of_the_log(written: StringIO) -> None:
    logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")
    logging.getLogger("opentelemetry.sdk").error("no collector\x1b[2J")

    assert [line["logger"] for line in lines(written)] == ["uvicorn.error", "opentelemetry.sdk"]
    assert "\x1b" not in written.getvalue()
