"""Batches and jobs, by both clients from a real host."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from asking import Ask
from wardian.client import AsyncClient, BatchCall, Client, errors, value_of
from wardian.client.models import Job, Outcome

pytestmark = pytest.mark.anyio


async def test_many_calls_are_made_at_once_and_each_has_an_outcome(ask: Ask) -> None:
    calls = [
        BatchCall("calculator", "add", {"a": 2, "b": 3}),
        BatchCall("calculator", "divide", {"a": 1, "b": 0}),
        BatchCall("calculator", "subtract"),
        BatchCall("misbehaving", "spin", limits={"wall_seconds": 0.05}),
    ]
    batch = await ask(lambda client: client.batch(calls))

    added, divided, missing, late = batch.outcomes
    assert value_of(added) == 5
    assert added.usage.left.wall_seconds > 0
    with pytest.raises(errors.GuestError) as raised:
        value_of(divided)
    assert raised.value.payload == 7
    assert raised.value.usage == divided.usage.spent
    with pytest.raises(errors.NotFound):
        value_of(missing)
    with pytest.raises(errors.DeadlineExceeded):
        value_of(late)
    assert (batch.usage.succeeded, batch.usage.failed) == (1, 3)


async def test_a_call_that_is_not_waited_for_is_found_again(ask: Ask) -> None:
    job = await ask(lambda client: client.jobs.submit("calculator", "add", {"a": 2, "b": 3}))
    assert job.plugin == "calculator"
    ended = await ask(lambda client: client.jobs.get(job.id, wait=20))
    assert ended.ended_at is not None
    assert value_of(await ask(lambda client: client.jobs.result(job.id))) == 5
    page = await ask(lambda client: client.jobs.list(plugin="calculator", limit=1))
    assert page.jobs[0].id == job.id


async def news_of(ask: Ask, job_id: str) -> list[Any]:
    """Follow a job to its end."""

    async def all_of(news: AsyncIterator[Any]) -> list[Any]:
        return [each async for each in news]

    def asked(client: AsyncClient | Client) -> Any:
        if isinstance(client, Client):
            return list(client.jobs.stream(job_id))
        return all_of(client.jobs.stream(job_id))

    found: list[Any] = await ask(asked)
    return found


async def test_a_job_is_followed_to_its_end_and_what_came_of_it(ask: Ask) -> None:
    job = await ask(lambda client: client.jobs.submit("calculator", "add", {"a": 2, "b": 3}))
    *states, outcome = await news_of(ask, job.id)
    assert all(isinstance(each, Job) for each in states)
    assert states[-1].state == "succeeded"
    assert isinstance(outcome, Outcome)
    assert value_of(outcome) == 5

    job = await ask(lambda client: client.jobs.submit("calculator", "divide", {"a": 1, "b": 0}))
    *_, outcome = await news_of(ask, job.id)
    with pytest.raises(errors.GuestError) as raised:
        value_of(outcome)
    assert raised.value.payload == 7
    with pytest.raises(errors.NotFound):
        await news_of(ask, "none")


async def test_a_job_that_is_cancelled_says_so(ask: Ask) -> None:
    job = await ask(
        lambda client: client.jobs.submit("misbehaving", "spin", limits={"wall_seconds": 5})
    )
    await ask(lambda client: client.jobs.cancel(job.id))
    with pytest.raises(errors.Cancelled):
        value_of(await ask(lambda client: client.jobs.result(job.id)))
    with pytest.raises(errors.NotFound):
        await ask(lambda client: client.jobs.get("none"))
