"""Jobs over HTTP: asked for, waited for, streamed, cancelled; who may; slow readers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from apis import clients, serving
from hosts import FakeHost, fake_host, package
from schedules import Working
from wardian.api.app import app_over
from wardian.errors import GuestError
from wardian.settings import Settings

pytestmark = pytest.mark.anyio

JOBS = "/api/v2/jobs"
CALLS = "/api/v2/plugins/stores/functions"
ASYNC = {"Prefer": "respond-async"}
STREAM = {"Accept": "text/event-stream"}


async def echo(arguments: Mapping[str, Any], answer: Any) -> Any:
    return arguments.get("value")


async def refuse(arguments: Mapping[str, Any], answer: Any) -> Any:
    raise GuestError(payload=b"\0")


async def tell(arguments: Mapping[str, Any], answer: Any) -> str:
    for level, message, fields in (
        ("info", "began", [["step", "1"]]),
        ("info", "half", [["progress", "0.5"]]),
        ("warn", "odd", [["progress", "2"]]),
    ):
        await answer("logging", "log", [level, message, fields])
    return "done"


class Scene:
    """A host that does jobs, and clients of its application."""

    def __init__(self, made: FakeHost, work: Working, settings: Settings) -> None:
        self.made = made
        self.work = work
        self.settings = settings
        self._connect = clients(made.host, settings)

    async def client(self, *scopes: str, name: str = "app", tenant: str = "default") -> Any:
        key = await self.made.host.keys.create(name, scopes, tenant)
        return self._connect(key.token)


@asynccontextmanager
async def scene(folder: Path, **settings: Any) -> AsyncIterator[Scene]:
    work = Working()
    functions = {"echo": echo, "refuse": refuse, "tell": tell, "work": work}
    chosen = {"job_drain_seconds": 0.0, "workers_max": 4} | settings
    async with (
        asyncio.timeout(60),
        fake_host(folder, functions, **chosen) as made,
        made.parts.jobbing.kept(),
    ):
        await made.host.install(package())
        yield Scene(made, work, Settings(data_dir=folder, **chosen))


async def queued(client: httpx.AsyncClient, function: str, **body: Any) -> str:
    answer = await client.post(f"{CALLS}/{function}", json=body, headers=ASYNC)
    assert answer.status_code == 202, answer.text
    job: str = answer.json()["id"]
    assert answer.headers["location"] == f"{JOBS}/{job}"
    assert answer.headers["preference-applied"] == "respond-async"
    return job


async def ended(client: httpx.AsyncClient, job: str) -> Any:
    answer = await client.get(f"{JOBS}/{job}", params={"wait": 30})
    assert answer.status_code == 200, answer.text
    assert "retry-after" not in answer.headers
    return answer.json()


def messages(text: str) -> list[tuple[str, Any]]:
    """The events of a stream, each with its data."""
    found = []
    for block in text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.split("\n") if line[:1] not in ("", ":"))
        if lines:
            found.append((lines["event"], json.loads(lines["data"])))
    return found


@pytest.mark.parametrize(
    "prefer", ["respond-async", "Respond-Async, wait=5", "handling=lenient,  respond-async;x=1"]
)
async def test_a_call_becomes_a_job_and_its_result_can_be_had(tmp_path: Path, prefer: str) -> None:
    async with scene(tmp_path) as found, await found.client("call") as client:
        answer = await client.post(
            f"{CALLS}/echo", json={"arguments": {"value": [1]}}, headers={"Prefer": prefer}
        )
        job = answer.json()["id"]
        assert (answer.status_code, answer.json()["state"]) == (202, "queued")
        shown = await ended(client, job)
        assert (shown["state"], shown["attempt"], shown["has_result"]) == ("succeeded", 1, True)
        result = (await client.get(f"{JOBS}/{job}/result")).json()
        assert (set(result), result["result"]) == ({"result", "usage"}, [1])
        assert result["usage"]["call_id"] == shown["call_id"]
        listed = (await client.get(JOBS, params={"state": ["succeeded", "lost"]})).json()
        assert [each["id"] for each in listed["jobs"]] == [job]
        assert (await client.get(JOBS, params={"state": "failed"})).json()["jobs"] == []


async def test_a_job_that_fails_has_the_problem_that_its_call_would_have_had(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path) as found, await found.client("call") as client:
        job = await queued(client, "refuse")
        assert (await ended(client, job))["error"] == "guest-error"
        result = (await client.get(f"{JOBS}/{job}/result")).json()
        assert set(result) == {"problem", "usage"}
        assert (result["problem"]["type"], result["problem"]["status"]) == (
            "/problems/guest-error", 422,
        )  # fmt: skip
        assert result["problem"]["payload"] == "AA=="


async def test_what_cannot_be_a_job_is_refused_with_its_own_problem(tmp_path: Path) -> None:
    async with scene(tmp_path, jobs=False, job_waiting_max=1) as found:
        client = await found.client("call")
        for body, function, status in (
            ({"retry": 11}, "echo", 400),
            ({"retry": "x"}, "echo", 400),
            ({"notify": "nothing"}, "echo", 404),
            ({}, "nothing", 404),
            ({"limits": {"wall": 1}}, "echo", 400),
            ({"arguments": {}, "more": 1}, "echo", 400),
        ):
            refused = await client.post(f"{CALLS}/{function}", json=body, headers=ASYNC)
            assert refused.status_code == status, refused.text
        await queued(client, "echo")
        full = await client.post(f"{CALLS}/echo", json={}, headers=ASYNC)
        assert (full.status_code, full.json()["type"]) == (429, "/problems/rate-limited")
        assert int(full.headers["retry-after"]) > 0


async def test_a_job_that_has_not_ended_has_no_result_and_says_when_to_ask_again(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path) as found, await found.client("call") as client:
        found.work.go.clear()
        job = await queued(client, "work")
        shown = await client.get(f"{JOBS}/{job}", params={"wait": 0.01})
        assert (shown.status_code, shown.headers["retry-after"]) == (200, "1")
        early = await client.get(f"{JOBS}/{job}/result")
        assert (early.status_code, early.json()["type"]) == (409, "/problems/conflict")
        for wait in ("61", "-1", "x", "nan"):
            refused = await client.get(f"{JOBS}/{job}", params={"wait": wait})
            assert refused.status_code == 400, wait


@pytest.mark.usefixtures("on_both_databases")
async def test_an_id_that_there_cannot_be_is_no_fault_of_the_host(tmp_path: Path) -> None:
    async with scene(tmp_path) as found, await found.client("call") as client:
        for method, url in (
            ("GET", f"{JOBS}/%00"),
            ("GET", f"{JOBS}/%00/result"),
            ("GET", f"{JOBS}/%00/stream"),
            ("DELETE", f"{JOBS}/{'x' * 5_000}"),
            ("GET", f"{JOBS}?plugin=%00&before=1"),
            ("POST", "/api/v2/plugins/%00/functions/%00"),
        ):
            answer = await client.request(method, url, json={} if method == "POST" else None)
            assert answer.status_code in (200, 400, 404), url
        body = {"notify": "\0"}
        refused = await client.post(f"{CALLS}/echo", json=body, headers=ASYNC)
        assert refused.status_code in (400, 404)


async def test_a_job_is_cancelled_and_its_call_ends(tmp_path: Path) -> None:
    async with scene(tmp_path) as found, await found.client("call") as client:
        found.work.go.clear()
        job = await queued(client, "work")
        await found.work.began.wait()
        cancelled = await client.delete(f"{JOBS}/{job}")
        assert (cancelled.status_code, cancelled.json()["state"]) == (200, "cancelled")
        while found.work.running:
            await asyncio.sleep(0)
        assert (await client.delete(f"{JOBS}/{job}")).status_code == 200
        result = (await client.get(f"{JOBS}/{job}/result")).json()
        assert result["problem"]["type"] == "/problems/cancelled"

        done = await queued(client, "echo")
        await ended(client, done)
        late = await client.delete(f"{JOBS}/{done}")
        assert (late.status_code, late.json()["type"]) == (409, "/problems/conflict")


async def test_who_may_see_and_end_a_job(tmp_path: Path) -> None:
    async with scene(tmp_path) as found:
        owner = await found.client("call", name="shop")
        renewed = await found.client("call", name="shop")
        stranger = await found.client("call", name="other")
        reader = await found.client("call", "read", name="watcher")
        ops = await found.client("admin", name="ops")
        await found.made.host.tenants.create("foreign")
        foreign = await found.client("admin", name="shop", tenant="foreign")
        job = await queued(owner, "echo", arguments={"value": "mine"})
        await ended(owner, job)

        paths = ("", "/result", "/stream")
        for client, statuses in (
            (owner, (200, 200, 200)),
            (renewed, (200, 200, 200)),
            (stranger, (404, 404, 404)),
            (reader, (200, 404, 200)),
            (ops, (200, 200, 200)),
            (foreign, (404, 404, 404)),
        ):
            answers = [await client.get(f"{JOBS}/{job}{path}") for path in paths]
            assert tuple(each.status_code for each in answers) == statuses
            listed = (await client.get(JOBS)).json()["jobs"]
            assert len(listed) == (1 if statuses[0] == 200 else 0)
            ended_by = (await client.delete(f"{JOBS}/{job}")).status_code
            assert ended_by == (404 if statuses[1] == 404 else 409)
        # One that only looks is told how it ended, and not what came of it.
        told = messages((await reader.get(f"{JOBS}/{job}/stream")).text)
        assert [event for event, _ in told] == ["state"]


async def test_a_job_s_stream_tells_its_states_lines_and_progress_and_its_outcome(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path) as found, await found.client("call") as client:
        job = await queued(client, "tell")
        answer = await client.get(f"{JOBS}/{job}/stream")
        assert answer.headers["content-type"].startswith("text/event-stream")
        told = messages(answer.text)

        states = [data["state"] for event, data in told if event == "state"]
        assert states[-1] == "succeeded"
        lines = [data for event, data in told if event == "line"]
        assert [(line["message"], line["fields"]) for line in lines] == [
            ("began", {"step": "1"}), ("odd", {"progress": "2"}),
        ]  # fmt: skip
        assert [data for event, data in told if event == "progress"] == [
            {"progress": 0.5, "message": "half"}
        ]
        assert (told[-1][0], told[-1][1]["result"]) == ("result", "done")


async def test_a_call_that_is_streamed_tells_its_lines_and_then_its_result_or_problem(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path) as found, await found.client("call") as client:
        answer = await client.post(f"{CALLS}/tell", json={}, headers=STREAM)
        told = messages(answer.text)
        assert [event for event, _ in told] == ["line", "progress", "line", "result"]
        assert told[-1][1]["result"] == "done"
        assert told[-1][1]["usage"]["call_id"] == told[0][1]["call_id"]

        for body, function, kind in (
            ({}, "refuse", "guest-error"),
            ({}, "nothing", "not-found"),
            ({"limits": {"wall": 1}}, "echo", "invalid-arguments"),
        ):
            answer = await client.post(f"{CALLS}/{function}", json=body, headers=STREAM)
            ((event, problem),) = messages(answer.text)
            assert (event, problem["type"]) == ("problem", f"/problems/{kind}")


async def test_streams_and_waits_of_a_key_are_bounded(tmp_path: Path) -> None:
    async with scene(tmp_path, event_streams_max=4) as found, await found.client("call") as client:
        found.work.go.clear()
        job = await queued(client, "work")
        waiting = asyncio.create_task(client.get(f"{JOBS}/{job}", params={"wait": 30}))
        await found.work.began.wait()
        while not found.made.parts.jobbing._watches._open:
            await asyncio.sleep(0)
        for refused in (
            await client.get(f"{JOBS}/{job}", params={"wait": 30}),
            await client.get(f"{JOBS}/{job}/stream"),
            await client.post(f"{CALLS}/tell", json={}, headers=STREAM),
        ):
            assert (refused.status_code, refused.json()["type"]) == (429, "/problems/rate-limited")
        found.work.go.set()
        assert (await waiting).json()["state"] == "succeeded"
        assert found.made.parts.jobbing._watches._open == {}


async def test_whoever_waits_is_answered_when_the_host_ends(tmp_path: Path) -> None:
    async with scene(tmp_path) as found:
        found.work.go.clear()
        app = app_over(found.made.host, found.settings)
        key = await found.made.host.keys.create("app", ["call"], "default")
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app),
            base_url="http://host",
            headers={"Authorization": f"Bearer {key.token}"},
            trust_env=False,
        ) as client:
            job = await queued(client, "work")
            await found.work.began.wait()
            waiting = [
                asyncio.create_task(client.get(f"{JOBS}/{job}", params={"wait": 60})),
                asyncio.create_task(client.get(f"{JOBS}/{job}/stream")),
                asyncio.create_task(client.post(f"{CALLS}/work", json={}, headers=STREAM)),
            ]
            while len(app.state.streams._followed) < 3:
                await asyncio.sleep(0)
            app.state.streams.close()
            waited, streamed, called = await asyncio.gather(*waiting)
        assert waited.json()["state"] == "running"
        assert not [event for event, _ in messages(streamed.text) if event != "state"]
        assert messages(called.text)[-1][1]["type"] == "/problems/deadline-exceeded"


async def test_a_reader_that_is_slow_holds_neither_the_call_nor_much_memory(
    tmp_path: Path,
) -> None:
    """It takes nothing at all, while the call logs far more than is kept for it."""
    logged = 900

    async def chatter(arguments: Mapping[str, Any], answer: Any) -> str:
        for number in range(logged):
            await answer("logging", "log", ["info", f"{number} " + "x" * 2_000, []])
        return "done"

    functions = {"chatter": chatter}
    async with asyncio.timeout(60), fake_host(tmp_path, functions) as made:
        await made.host.install(package())
        key = await made.host.keys.create("app", ["call"], "default")
        async with serving(made.host, Settings(data_dir=tmp_path)) as address:
            reader, writer = await asyncio.open_connection(*address, limit=1_024)
            writer.write(
                f"POST {CALLS}/chatter HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {key.token}\r\n"
                "Accept: text/event-stream\r\nContent-Length: 2\r\n\r\n{}".encode()
            )
            while not (made.executor.jobs and not made.parts.calls.running("default")):
                await asyncio.sleep(0.01)
            # The call is over, and its reader has not read.
            content = await reader.read(2**26)
            while more := await reader.read(2**26):
                content += more
                if b"event: result" in content:
                    break
            writer.close()
        text = content.decode()
        assert '"result":"done"' in text
        assert "event: dropped" in text
