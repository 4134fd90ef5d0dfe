"""Jobs on two hosts that share a PostgreSQL, and endpoints that are told of their ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from hosts import FakeHost, fake_host, package
from jobs import jobbing_of, order
from receivers import OPEN, app, heard, idle, posting_host, register, verified
from schedules import Working
from strangers import stranger
from wardian.runtime.jobs import JobState

pytestmark = pytest.mark.anyio

SECONDS = 20.0
"""How long a test waits for what takes some milliseconds; the machine may be busy."""


@asynccontextmanager
async def one_more(url: str, folder: Path, name: str, work: Working) -> AsyncIterator[FakeHost]:
    async with fake_host(
        folder / name,
        {"run": work},
        database_url=url,
        packages_dir=folder / "packages",
        root_key=f"file:{folder / 'one' / 'root.key'}" if name != "one" else None,
    ) as made:
        async with asyncio.timeout(SECONDS):
            await made.relay.listens.wait()
        yield made


async def test_a_job_is_done_by_another_host_than_it_was_asked_of_and_waited_for(
    postgres_url: str, tmp_path: Path
) -> None:
    work = Working()
    async with (
        one_more(postgres_url, tmp_path, "one", work) as one,
        one_more(postgres_url, tmp_path, "other", work) as other,
        asyncio.timeout(SECONDS),
    ):
        await one.host.install(package())
        asked, doing = jobbing_of(one.parts, is_on=False), jobbing_of(other.parts)
        async with doing.kept():
            job = await asked.jobs.submit(order())
            found = await asked.jobs.wait(job.id, seconds=SECONDS)
        assert found.state is JobState.SUCCEEDED
        assert (len(one.executor.jobs), len(other.executor.jobs)) == (0, 1)


async def test_a_job_that_is_cancelled_on_one_host_ends_on_the_other(
    postgres_url: str, tmp_path: Path
) -> None:
    work = Working()
    work.go.clear()
    async with (
        one_more(postgres_url, tmp_path, "one", work) as one,
        one_more(postgres_url, tmp_path, "other", work) as other,
        asyncio.timeout(SECONDS),
    ):
        await one.host.install(package())
        asked, doing = jobbing_of(one.parts, is_on=False), jobbing_of(other.parts)
        async with doing.kept():
            job = await asked.jobs.submit(order())
            await work.began.wait()
            assert (await asked.jobs.cancel(job.id)).state is JobState.CANCELLED
            while work.running:
                await asyncio.sleep(0.01)
        assert (await asked.jobs.find(job.id)).state is JobState.CANCELLED


async def test_two_hosts_do_each_job_once(postgres_url: str, tmp_path: Path) -> None:
    work = Working()
    async with (
        one_more(postgres_url, tmp_path, "one", work) as one,
        one_more(postgres_url, tmp_path, "other", work) as other,
        asyncio.timeout(3 * SECONDS),
    ):
        await one.host.install(package())
        hosts = [jobbing_of(made.parts, tenant_at_once=4) for made in (one, other)]
        for number in range(60):
            await hosts[0].jobs.submit(order(arguments={"number": number}))
        await asyncio.gather(*(each.dispatcher.run_waiting() for each in hosts))

        assert sorted(call["number"] for call in work.calls) == list(range(60))
        assert min(len(made.executor.jobs) for made in (one, other)) > 0


@pytest.mark.usefixtures("on_both_databases")
async def test_endpoints_are_told_of_ends_by_their_patterns_or_because_a_job_names_them(
    tmp_path: Path,
) -> None:
    async with stranger() as receiver, stranger() as named, posting_host(tmp_path, **OPEN) as made:
        await made.host.install(package())
        caller = await app(made)
        follows = await register(made, receiver.url, caller, "job.cancelled")
        other = await register(made, named.url, caller, "orders.*")
        doing = jobbing_of(made.parts)
        done = await doing.jobs.submit(order(arguments={"secret": "s3cret"}, notify=other.id))
        stopped = await doing.jobs.submit(order())
        await doing.jobs.cancel(stopped.id)
        await doing.dispatcher.run_waiting()

        (told,) = await heard(named, 1)
        event = verified(other.secret, told)
        assert event["type"] == "job.succeeded"
        assert event["data"] == {
            "job": done.id,
            "plugin": "stores",
            "function": "run",
            "state": "succeeded",
            "error": None,
            "attempt": 1,
            "link": f"/api/v2/jobs/{done.id}",
            "notify": other.id,
        }
        assert b"s3cret" not in told.body
        (told,) = await heard(receiver, 1)
        assert verified(follows.secret, told)["data"]["job"] == stopped.id
        for endpoint in (follows, other):
            await idle(made, endpoint, caller)
        assert (len(receiver.heard), len(named.heard)) == (1, 1)
