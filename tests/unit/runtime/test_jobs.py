"""Jobs: asked for, done, cancelled, lost; what is kept of them, and who hears of it."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from hosts import MANIFEST, WASM, FakeHost, fake_host, package
from jobs import jobbing_of, order
from schedules import Clock, Working
from telling import check_fields
from wardian.errors import (
    Conflict,
    Forbidden,
    GuestError,
    InvalidArguments,
    NotFound,
    Overloaded,
    RateLimited,
)
from wardian.plugins.archive import write_archive
from wardian.policy.limits import MIB
from wardian.runtime.jobs import Asker, JobState
from wardian.storage.audit import AuditRepository
from wardian.storage.jobs import JobRepository
from wardian.storage.tables import jobs as table

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("on_both_databases")]

CANARY = "canary-" + "j" * 24


async def echo(arguments: Mapping[str, Any], answer: Any) -> Any:
    return arguments.get("value")


async def refuse(arguments: Mapping[str, Any], answer: Any) -> Any:
    raise GuestError(payload={"secret": arguments.get("value")})


async def told(made: FakeHost, tenant: str = "default") -> list[Any]:
    events = await made.host.events.recent(1_000, "job.*", tenant=tenant)
    for event in events:
        check_fields(event)
    return events


async def test_a_job_is_acknowledged_before_it_is_begun_and_its_outcome_is_kept(
    tmp_path: Path,
) -> None:
    async with fake_host(tmp_path, {"echo": echo}) as made:
        await made.host.install(package())
        doing = jobbing_of(made.parts)
        value = {"bytes": b"\0\xff", "large": 2**63, "float": 0.1, "none": None}
        queued = await doing.jobs.submit(order("echo", arguments={"value": value}))
        assert (queued.state, queued.attempt, queued.has_result) == (JobState.QUEUED, 0, False)
        with pytest.raises(Conflict, match="queued; it has no result yet"):
            await doing.jobs.result(queued.id)

        await doing.dispatcher.run_waiting()

        found = await doing.jobs.result(queued.id)
        assert (found.job.state, found.job.attempt) == (JobState.SUCCEEDED, 1)
        assert found.result == value
        assert found.usage is not None
        assert found.terms is not None
        assert (found.terms.version, found.terms.limits.wall_seconds) == ("1.0.0", 5.0)
        (event,) = await told(made)
        assert event.value()["link"] == f"/api/v2/jobs/{queued.id}"


async def test_what_was_asked_is_forgotten_at_its_end_and_told_nowhere(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with fake_host(tmp_path, {"echo": echo, "refuse": refuse}) as made:
        await made.host.install(package())
        doing = jobbing_of(made.parts)
        for function in ("echo", "refuse"):
            await doing.jobs.submit(order(function, arguments={"value": CANARY}))
        await doing.dispatcher.run_waiting()

        async with made.parts.database.reading() as connection:
            rows = (await connection.of("default").execute(table.select())).mappings().all()
            audited = await AuditRepository(connection, "default").recent(1_000)
        assert [row["request"] for row in rows] == [None, None]
        assert sorted(row["error"] for row in rows) == ["", "guest-error"]
        assert all(CANARY.encode() in row["outcome"] for row in rows)
        assert not [event for event in await told(made) if CANARY in event.data]
        assert CANARY not in repr(audited)
        assert CANARY not in caplog.text


async def test_a_job_that_fails_keeps_why(tmp_path: Path) -> None:
    async with fake_host(tmp_path, {"refuse": refuse}) as made:
        await made.host.install(package())
        doing = jobbing_of(made.parts)
        job = await doing.jobs.submit(order("refuse", arguments={"value": 7}))
        await doing.dispatcher.run_waiting()

        found = await doing.jobs.result(job.id)
        assert found.error is not None
        assert (found.job.state, found.job.error) == (JobState.FAILED, "guest-error")
        assert (found.error.type, found.error.details) == (
            "guest-error", {"payload": {"secret": 7}},
        )  # fmt: skip


@pytest.mark.parametrize(
    ("wanted", "error"),
    [
        ({"plugin": "nothing"}, NotFound),
        ({"function": "nothing"}, NotFound),
        ({"arguments": {"value": 2**70}}, InvalidArguments),
        ({"arguments": {"value": object()}}, InvalidArguments),
        ({"limits": {"wall_second": 1}}, InvalidArguments),
        ({"limits": {"wall_seconds": -1}}, InvalidArguments),
        ({"notify": "nothing"}, NotFound),
    ],
)
async def test_what_could_never_be_done_is_refused_and_not_queued(
    tmp_path: Path, wanted: dict[str, Any], error: type[Exception]
) -> None:
    async with fake_host(tmp_path, {"echo": echo}) as made:
        await made.host.install(package())
        doing = jobbing_of(made.parts)
        with pytest.raises(error):
            await doing.jobs.submit(order(**({"function": "echo"} | wanted)))
        assert (await doing.jobs.list()).jobs == []


@pytest.mark.parametrize("retry", [-1, 11])
def test_a_job_is_not_run_again_for_ever(retry: int) -> None:
    with pytest.raises(InvalidArguments):
        order(retry=retry)


async def test_another_tenant_has_no_such_job(tmp_path: Path) -> None:
    async with fake_host(tmp_path, {"echo": echo}) as made:
        await made.host.tenants.create("other")
        await made.host.install(package())
        doing = jobbing_of(made.parts)
        job = await doing.jobs.submit(order("echo"))
        for asked in (doing.jobs.find, doing.jobs.result, doing.jobs.cancel):
            with pytest.raises(NotFound):
                await asked(job.id, tenant="other")
        with pytest.raises(NotFound):
            await doing.jobs.wait(job.id, seconds=0, tenant="other")
        assert (await doing.jobs.list(tenant="other")).jobs == []
        assert (await doing.jobs.find(job.id)).state is JobState.QUEUED


async def test_a_key_without_more_rights_has_only_what_keys_of_its_name_asked_for(
    tmp_path: Path,
) -> None:
    async with fake_host(tmp_path, {"echo": echo}) as made:
        await made.host.install(package())
        doing = jobbing_of(made.parts)
        key = await made.host.keys.create("app", ["call"], "default")
        mine = await doing.jobs.submit(order("echo", subject="app", key_id=key.id))
        without_a_key = await doing.jobs.submit(order("echo", subject="app"))
        another_s = await doing.jobs.submit(order("echo", subject="shop", key_id=key.id))

        assert (await doing.jobs.find(mine.id, asker=Asker("app"))).id == mine.id
        assert [job.id for job in (await doing.jobs.list(asker=Asker("app"))).jobs] == [mine.id]
        for job in (without_a_key, another_s):
            for asked in (doing.jobs.find, doing.jobs.result, doing.jobs.cancel):
                with pytest.raises(NotFound):
                    await asked(job.id, asker=Asker("app"))


async def test_each_end_of_a_job_is_counted_once(tmp_path: Path) -> None:
    async with fake_host(tmp_path, {"echo": echo}) as made:
        await made.host.install(package())
        doing = jobbing_of(made.parts)
        gone = await doing.jobs.submit(order("echo"))
        for _ in range(2):
            await doing.jobs.cancel(gone.id)
        async with doing.kept():
            done = await doing.jobs.submit(order("echo"))
            await doing.jobs.wait(done.id, seconds=30)

        text = (await made.host.metrics()).decode()
    ends = [line for line in text.splitlines() if line.startswith("wardian_jobs_ended_total{")]
    assert len(ends) == 2
    for state in ("cancelled", "succeeded"):
        assert [line[-4:] for line in ends if f'state="{state}"' in line] == [" 1.0"]


async def test_a_thousand_jobs_at_once_are_all_done_once_and_the_next_are_refused(
    tmp_path: Path,
) -> None:
    calls: Counter[int] = Counter()

    async def count(arguments: Mapping[str, Any], answer: Any) -> int:
        calls[arguments["number"]] += 1
        number: int = arguments["number"]
        return number

    async with fake_host(tmp_path, {"count": count}) as made:
        await made.host.install(package())
        doing = jobbing_of(made.parts, at_once=16, tenant_at_once=16)
        jobs = await asyncio.gather(
            *(
                doing.jobs.submit(order("count", arguments={"number": number}))
                for number in range(1_000)
            )
        )
        with pytest.raises(RateLimited, match="WARDIAN_JOB_WAITING_MAX") as refused:
            await doing.jobs.submit(order("count", arguments={"number": 1_000}))
        assert refused.value.retry_after_seconds > 0

        await doing.dispatcher.run_waiting()

        assert calls == Counter(range(1_000))
        results = [(await doing.jobs.result(job.id)).result for job in jobs]
        assert results == list(range(1_000))


async def test_what_waits_is_bounded_in_bytes_too(tmp_path: Path) -> None:
    async with fake_host(tmp_path, {"echo": echo}) as made:
        await made.host.install(package())
        doing = jobbing_of(made.parts, waiting_bytes_max=1_000)
        await doing.jobs.submit(order("echo", arguments={"value": "x" * 600}))
        with pytest.raises(RateLimited, match="WARDIAN_JOB_WAITING_BYTES_MAX"):
            await doing.jobs.submit(order("echo", arguments={"value": "x" * 600}))
        await doing.dispatcher.run_waiting()
        await doing.jobs.submit(order("echo", arguments={"value": "x" * 600}))


async def test_an_outcome_that_is_too_large_fails_the_job(tmp_path: Path) -> None:
    async with fake_host(tmp_path, {"echo": echo}) as made:
        await made.host.install(package())
        doing = jobbing_of(made.parts, outcome_bytes_max=5_000)
        job = await doing.jobs.submit(order("echo", arguments={"value": "x" * 6_000}))
        await doing.dispatcher.run_waiting()

        found = await doing.jobs.result(job.id)
        assert found.error is not None
        assert found.error.type == "result-too-large"
        assert "WARDIAN_JOB_RESULT_BYTES_MAX" in found.error.message


async def test_every_tenant_has_its_turn_however_many_jobs_another_has(tmp_path: Path) -> None:
    order_of_calls: list[str] = []

    async def run(arguments: Mapping[str, Any], answer: Any) -> None:
        order_of_calls.append(arguments["who"])

    async with fake_host(tmp_path, {"run": run}) as made:
        await made.host.tenants.create("small")
        for tenant in ("default", "small"):
            await made.host.install(package(), tenant=tenant)
        doing = jobbing_of(made.parts, at_once=1, tenant_at_once=1)
        for _ in range(30):
            await doing.jobs.submit(order(arguments={"who": "large"}))
        for _ in range(3):
            await doing.jobs.submit(order(arguments={"who": "small"}), tenant="small")
        await doing.dispatcher.run_waiting()

        assert order_of_calls[:6].count("small") == 3


async def test_one_tenant_has_no_more_running_than_its_share(tmp_path: Path) -> None:
    work = Working()
    work.go.clear()
    async with fake_host(tmp_path, {"run": work}) as made, asyncio.timeout(60):
        await made.host.install(package())
        doing = jobbing_of(made.parts, at_once=10, tenant_at_once=3)
        for _ in range(8):
            await doing.jobs.submit(order())
        running = asyncio.create_task(doing.dispatcher.run_waiting())
        while work.running < 3:
            await asyncio.sleep(0)
        work.go.set()
        await running

        assert (work.most, len(work.calls)) == (3, 8)


async def test_a_job_that_waits_is_cancelled_and_never_begun(tmp_path: Path) -> None:
    work = Working()
    async with fake_host(tmp_path, {"run": work}) as made:
        await made.host.install(package())
        doing = jobbing_of(made.parts)
        job = await doing.jobs.submit(order())
        assert (await doing.jobs.cancel(job.id, actor="ops")).state is JobState.CANCELLED
        assert (await doing.jobs.cancel(job.id)).state is JobState.CANCELLED  # once is enough
        await doing.dispatcher.run_waiting()

        found = await doing.jobs.result(job.id)
        assert work.calls == []
        assert found.error is not None
        assert found.error.message == "ops cancelled the job."
        assert [event.topic for event in await told(made)] == ["job.cancelled"]


async def test_a_job_that_runs_is_cancelled_and_its_call_ends(tmp_path: Path) -> None:
    work = Working()
    work.go.clear()
    async with fake_host(tmp_path, {"run": work}) as made, asyncio.timeout(60):
        await made.host.install(package())
        doing = jobbing_of(made.parts)
        job = await doing.jobs.submit(order())
        running = asyncio.create_task(doing.dispatcher.run_waiting())
        await work.began.wait()
        assert (await doing.jobs.cancel(job.id)).state is JobState.CANCELLED
        await running

        assert work.running == 0
        assert (await doing.jobs.find(job.id)).state is JobState.CANCELLED
        assert [event.topic for event in await told(made)] == ["job.cancelled"]


async def test_a_cancellation_that_races_with_the_end_leaves_one_of_the_two(
    tmp_path: Path,
) -> None:
    async with fake_host(tmp_path, {"echo": echo}) as made:
        await made.host.install(package())
        doing = jobbing_of(made.parts, at_once=4, tenant_at_once=4)
        jobs = [await doing.jobs.submit(order("echo")) for _ in range(40)]

        async def cancel(job_id: str) -> str:
            try:
                return (await doing.jobs.cancel(job_id)).state
            except Conflict:
                return "succeeded"

        running = asyncio.create_task(doing.dispatcher.run_waiting())
        said = {job.id: await cancel(job.id) for job in reversed(jobs)}
        await running

        found = {job.id: (await doing.jobs.find(job.id)).state for job in jobs}
        assert found == said
        assert set(found.values()) == {JobState.CANCELLED, JobState.SUCCEEDED}
        assert Counter(event.value()["job"] for event in await told(made)) == Counter(list(said))


async def test_a_job_whose_host_is_gone_is_run_again_only_if_it_may_be(tmp_path: Path) -> None:
    work, clock = Working(), Clock()
    work.go.clear()
    async with fake_host(tmp_path, {"run": work}) as made, asyncio.timeout(60):
        await made.host.install(package())
        gone = jobbing_of(made.parts, clock, tenant_at_once=2)
        once = await gone.jobs.submit(order())
        again = await gone.jobs.submit(order(retry=1))
        await gone.dispatcher.look()
        while work.running < 2:
            await asyncio.sleep(0)
        other = jobbing_of(made.parts, clock)
        await other.dispatcher.look()
        assert (await other.jobs.find(once.id)).state is JobState.RUNNING  # the lease holds

        clock.goes_on(minutes=1)
        await other.dispatcher.look()
        work.go.set()  # the host was only slow, and what it has to say counts for nothing
        await gone.dispatcher.run_waiting()
        await other.dispatcher.run_waiting()

        assert (await other.jobs.find(once.id)).state is JobState.LOST
        found = await other.jobs.find(again.id)
        assert (found.state, found.attempt) == (JobState.SUCCEEDED, 2)
        assert len(work.calls) == 3
        topics = [event.topic for event in await told(made)]
        assert sorted(topics) == ["job.lost", "job.succeeded"]


async def test_a_host_that_lost_a_lease_ends_the_call(tmp_path: Path) -> None:
    work, clock = Working(), Clock()
    work.go.clear()
    async with fake_host(tmp_path, {"run": work}) as made, asyncio.timeout(60):
        await made.host.install(package())
        slow = jobbing_of(made.parts, clock)
        job = await slow.jobs.submit(order())
        running = asyncio.create_task(slow.dispatcher.run_waiting())
        await work.began.wait()
        clock.goes_on(seconds=20)
        await slow.dispatcher.renew()
        clock.goes_on(seconds=20)
        other = jobbing_of(made.parts, clock)
        await other.dispatcher.look()
        assert (await other.jobs.find(job.id)).state is JobState.RUNNING  # it was renewed

        clock.goes_on(minutes=1)
        await other.dispatcher.look()
        await slow.dispatcher.renew()
        await running

        assert work.running == 0
        assert (await other.jobs.find(job.id)).state is JobState.LOST


async def test_a_host_that_stops_gives_up_what_does_not_end(tmp_path: Path) -> None:
    work = Working()
    work.go.clear()
    async with fake_host(tmp_path, {"run": work}) as made, asyncio.timeout(60):
        await made.host.install(package())
        doing = jobbing_of(made.parts, tenant_at_once=2)
        once = await doing.jobs.submit(order())
        again = await doing.jobs.submit(order(retry=1))
        async with doing.kept():
            while work.running < 2:
                await asyncio.sleep(0.01)

        assert work.running == 0
        assert (await doing.jobs.find(once.id)).state is JobState.LOST
        assert (await doing.jobs.find(again.id)).state is JobState.QUEUED


async def test_a_host_that_stops_lets_jobs_end_for_a_while(tmp_path: Path) -> None:
    work = Working()
    work.go.clear()
    async with fake_host(tmp_path, {"run": work}) as made, asyncio.timeout(60):
        await made.host.install(package())
        doing = jobbing_of(made.parts, drain=timedelta(seconds=50))
        job = await doing.jobs.submit(order())
        async with doing.kept():
            await work.began.wait()
            asyncio.get_running_loop().call_later(0.1, work.go.set)

        assert (await doing.jobs.find(job.id)).state is JobState.SUCCEEDED


async def test_who_waits_is_told_as_soon_as_it_has_ended(tmp_path: Path) -> None:
    work = Working()
    work.go.clear()
    async with fake_host(tmp_path, {"run": work}) as made, asyncio.timeout(30):
        await made.host.install(package())
        doing = jobbing_of(made.parts)
        async with doing.kept():
            job = await doing.jobs.submit(order())
            assert not (await doing.jobs.wait(job.id, seconds=0)).state.has_ended
            waiting = asyncio.create_task(doing.jobs.wait(job.id, seconds=3_600))
            await work.began.wait()
            work.go.set()
            assert (await waiting).state is JobState.SUCCEEDED


async def test_a_job_that_finds_no_worker_waits_and_is_not_begun_in_vain(tmp_path: Path) -> None:
    clock = Clock()
    answers = iter([Overloaded("All are busy."), None])

    async def run(arguments: Mapping[str, Any], answer: Any) -> int:
        busy = next(answers)
        if busy is not None:
            raise busy
        return 1

    async with fake_host(tmp_path, {"run": run}) as made:
        await made.host.install(package())
        doing = jobbing_of(made.parts, clock)
        job = await doing.jobs.submit(order())
        await doing.dispatcher.run_waiting()
        found = await doing.jobs.find(job.id)
        assert (found.state, found.attempt) == (JobState.QUEUED, 0)

        clock.goes_on(seconds=2)
        await doing.dispatcher.run_waiting()
        found = await doing.jobs.find(job.id)
        assert (found.state, found.attempt) == (JobState.SUCCEEDED, 1)


async def test_a_job_of_a_key_that_was_revoked_is_not_done(tmp_path: Path) -> None:
    work = Working()
    async with fake_host(tmp_path, {"run": work}) as made:
        await made.host.install(package())
        key = await made.host.keys.create("app", ["call"], "default")
        doing = jobbing_of(made.parts)
        job = await doing.jobs.submit(order(subject="app", key_id=key.id, scopes={"call"}))
        await made.host.keys.revoke(key.id, "default")
        await doing.dispatcher.run_waiting()

        assert work.calls == []
        assert (await doing.jobs.find(job.id)).error == "forbidden"


async def test_a_job_has_the_scopes_that_its_key_has_when_it_begins(tmp_path: Path) -> None:
    scopes = 'required_scopes = ["orders"]\n'
    manifest = (scopes + MANIFEST).format(name="stores", more="")
    content = write_archive({"plugin.toml": manifest.encode(), "plugin.wasm": WASM})
    work = Working()
    async with fake_host(tmp_path, {"run": work}) as made:
        await made.host.install(content)
        plain = await made.host.keys.create("plain", ["call"], "default")
        doing = jobbing_of(made.parts)
        with pytest.raises(Forbidden, match="orders"):
            await doing.jobs.submit(order(key_id=plain.id, scopes={"call"}))
        # As if it had been asked for when the key had more.
        job = await doing.jobs.submit(order(key_id=plain.id, scopes={"call", "orders"}))
        await doing.dispatcher.run_waiting()

        assert work.calls == []
        assert (await doing.jobs.find(job.id)).error == "forbidden"


async def test_a_job_is_not_done_by_another_plugin_that_has_the_name_by_now(
    tmp_path: Path,
) -> None:
    work = Working()
    async with fake_host(tmp_path, {"run": work}) as made:
        await made.host.install(package())
        doing = jobbing_of(made.parts)
        job = await doing.jobs.submit(order(arguments={"value": CANARY}))
        await made.host.uninstall("stores")
        await made.host.install(package(), allow_older=True)
        await doing.dispatcher.run_waiting()

        assert work.calls == []
        assert (await doing.jobs.find(job.id)).error == "not-found"


async def test_old_jobs_go_and_those_beyond_a_number_and_outcomes_beyond_a_size(
    tmp_path: Path,
) -> None:
    clock = Clock()
    async with fake_host(tmp_path, {"echo": echo}) as made:
        await made.host.install(package())
        doing = jobbing_of(made.parts, clock, kept=4, kept_bytes=3_000)

        async def done(size: int) -> str:
            job = await doing.jobs.submit(order("echo", arguments={"value": "x" * size}))
            await doing.dispatcher.run_waiting()
            return job.id

        old = await done(1)
        clock.goes_on(days=8)
        jobs = [await done(1_000) for _ in range(5)]
        waits = await doing.jobs.submit(order("echo"))
        await doing.upkeep.tend()

        listed = (await doing.jobs.list()).jobs
        assert [job.id for job in listed] == [waits.id, *jobs[:0:-1]]
        for job_id in (old, jobs[0]):
            with pytest.raises(NotFound):
                await doing.jobs.find(job_id)
        assert [job.has_result for job in listed] == [False, True, True, False, False]
        with pytest.raises(NotFound, match="not kept any more"):
            await doing.jobs.result(jobs[1])


async def test_what_is_kept_is_bounded_without_waiting_for_the_upkeep(tmp_path: Path) -> None:
    async with fake_host(tmp_path, {"echo": echo}) as made:
        await made.host.install(package())
        doing = jobbing_of(made.parts, kept_bytes=MIB)
        for _ in range(8):
            value = "x" * (MIB // 2)
            await doing.jobs.submit(order("echo", arguments={"value": value}))
            await doing.dispatcher.run_waiting()
        async with made.parts.database.reading() as connection:
            rows = await JobRepository(connection, "default").page(limit=20)
        assert sum(row.outcome_bytes for row in rows) <= MIB


async def test_jobs_are_listed_a_page_at_a_time_by_state_and_plugin(tmp_path: Path) -> None:
    async with fake_host(tmp_path, {"echo": echo, "refuse": refuse}) as made:
        for name in ("stores", "others"):
            await made.host.install(package(name))
        doing = jobbing_of(made.parts)
        for function in ("echo", "refuse"):
            for name in ("stores", "others"):
                await doing.jobs.submit(order(function, name))
        await doing.dispatcher.run_waiting()

        first = await doing.jobs.list(limit=3)
        assert first.next is not None
        rest = await doing.jobs.list(limit=3, before=first.next)
        assert (len(first.jobs), len(rest.jobs), rest.next) == (3, 1, None)
        failed = await doing.jobs.list(states=[JobState.FAILED], plugin="others")
        assert [(job.plugin, job.function) for job in failed.jobs] == [("others", "refuse")]
        for cursor in ("", "z", "-1", "f" * 40):
            with pytest.raises(InvalidArguments):
                await doing.jobs.list(before=cursor)
        with pytest.raises(InvalidArguments):
            await doing.jobs.list(limit=101)
