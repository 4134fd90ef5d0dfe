import asyncio
import logging

import pytest

from wardian.runtime.call_log import CallLog, Ended
from wardian.telemetry import held

pytestmark = pytest.mark.anyio


def call(outcome: str = "ok") -> Ended:
    return Ended("id-1", "stores", "1.0.0", "run", outcome, 0.25)


async def test_a_call_that_succeeded_is_written_soon_with_the_time_at_which_it_ended(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO, logger="wardian.calls")
    monkeypatch.setattr(held.time, "time", lambda: 1_700_000_000.125)
    CallLog().ended(call(), failed=False)
    assert not caplog.records
    while not caplog.records:
        await asyncio.sleep(0.005)
    (record,) = caplog.records
    assert record.getMessage() == "call id-1 of stores 1.0.0 run: ok in 0.250000 s"
    assert (record.created, record.msecs) == (1_700_000_000.125, 125)


async def test_a_call_that_failed_is_written_at_once_after_those_that_wait(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, logger="wardian.calls")
    log = CallLog()
    log.ended(call(), failed=False)
    log.ended(call("trap"), failed=True)
    assert [record.getMessage().split()[6] for record in caplog.records] == ["ok", "trap"]


async def test_nothing_is_kept_for_a_log_that_does_not_want_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING, logger="wardian.calls")
    log = CallLog()
    log.ended(call(), failed=False)
    caplog.set_level(logging.INFO, logger="wardian.calls")
    log.flush()
    assert not caplog.records
