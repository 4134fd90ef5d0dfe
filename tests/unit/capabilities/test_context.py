"""context"""

from __future__ import annotations

import pytest

from callings import calling
from wardian.capabilities.context import Context
from wardian.policy.limits import Limits
from wardian.worlds import contract

pytestmark = pytest.mark.anyio


async def test_the_running_call_is_described_by_the_brokers_record() -> None:
    found = await Context().current(calling())

    assert found == {
        "call-id": "call-1",
        "tenant": "default",
        "subject": "ci",
        "plugin": "counter",
        "version": "1.0.0",
        "correlation-id": "c1",
        "traceparent": None,
    }


async def test_waiting_for_a_worker_costs_a_call_none_of_its_time() -> None:
    now = 100.0
    call = calling(limits=Limits(wall_seconds=5), clock=lambda: now)
    now = 104.0
    call.budget.account.began_at = now
    now = 105.0

    assert (await Context().remaining(call))["wall-ms"] == 4000


async def test_what_is_left_shrinks_as_it_is_spent() -> None:
    call = calling(limits=Limits(wall_seconds=5, host_calls=10, events=3), clock=lambda: 0.0)
    call.budget.spend("host_calls")
    call.budget.spend("events")

    found = await Context().remaining(call)

    assert found == {
        "wall-ms": 5000,
        "host-calls": 9,
        "http-requests": 16,
        "events": 2,
        "log-lines": 1000,
    }
    assert contract().imports["context"]["remaining"].check([]) == []
