"""F-2 to F-5: hosts that are killed, disks that are full, databases that are locked or gone.

What an operation was to do is done whole or not at all, the host stays up, says that it is not
ready, and goes on by itself when the fault is over. `integration/host/test_kills.py` kills a host
at every named step of every change.
"""

from __future__ import annotations

import asyncio
import os
import random
import resource
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import httpx
import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import text

import postgres
from guests.handlers import HANDLE
from hosts import FakeHost, fake_host, package
from rows import add_tenant, journal_of
from wardian import open_host
from wardian.api.app import app_over
from wardian.errors import HostUnusable, WardianError
from wardian.runtime.audit import AuditTrail, Denials
from wardian.settings import Settings
from wardian.storage import Database, schema
from wardian.storage import engines as engines_module
from wardian.storage.audit import AuditRepository
from wardian.storage.events import EventRepository

pytestmark = pytest.mark.anyio

TESTS = Path(__file__).parents[1]
TRIALS = 15
SUBSCRIBES = """
[[permissions]]
permission = "events:subscribe:orders.*"
reason = "Follows orders."
"""


def spawned(script: str, *arguments: object) -> subprocess.Popen[str]:
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(TESTS), *filter(None, sys.path)])
    }
    command = [sys.executable, str(TESTS / script), *map(str, arguments)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


# -- F-2: the host is killed --


async def test_f2_of_two_rows_of_a_transaction_a_killed_host_leaves_both_or_none(
    database_location: Path | str,
) -> None:
    chance = random.Random(2)
    async with Database.open(database_location) as database:
        await add_tenant(database)
        acknowledged = 0
        for _ in range(TRIALS):
            acknowledged += await asyncio.to_thread(
                killed_while_writing, database_location, chance.randint(1, 40)
            )

        async with database.reading() as connection:
            events = await EventRepository(connection, "default").after(0, 10_000)
            entries = await AuditRepository(connection, "default").recent(10_000)
    assert len(events) == len(entries)
    assert acknowledged <= len(events) <= acknowledged + TRIALS


def killed_while_writing(location: Path | str, after: int) -> int:
    """Kill a host once it has said that so many were committed; return how many it said."""
    with spawned("killed_writes.py", location) as running:
        assert running.stdout is not None
        for _ in range(after):
            assert running.stdout.readline()
        running.kill()
        rest = running.stdout.read().count("\n")
        assert running.wait() == -signal.SIGKILL
    return after + rest


async def test_f2_the_audit_trail_that_several_hosts_write_at_once_is_whole_when_some_are_killed(
    postgres_url: str,
) -> None:
    chance = random.Random(8)
    async with Database.open(postgres_url) as database:
        await add_tenant(database)
        journal = journal_of(database)
        killed = [
            asyncio.to_thread(killed_while_writing, postgres_url, chance.randint(5, 40))
            for _ in range(6)
        ]
        told = asyncio.gather(*killed)
        mine = 0
        while not told.done():
            async with journal.change("default", "survivor") as change:
                await change.note("granted", "stores", {"number": mine})
            mine += 1

        trail = AuditTrail(database, journal, Denials(journal))
        report = await trail.verify()
        page = await trail.page(limit=1)
    acknowledged = mine + sum(await told)
    assert (report.sound, report.faults, report.first) == (True, [], 1)
    assert acknowledged <= report.entries <= acknowledged + len(killed)
    assert report.head is not None
    assert page.entries[0].hash == report.head.hash


# -- F-3: the disk is full, or fails --


@contextmanager
def files_end_at(size: int) -> Iterator[None]:
    """Have every write of this process beyond so many bytes of a file fail."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def answered(arguments: Mapping[str, Any], answer: Any) -> Any:
    return "here"


@asynccontextmanager
async def watched(
    folder: Path, **settings: Any
) -> AsyncIterator[tuple[FakeHost, httpx.AsyncClient]]:
    """A host with a plugin, and a client of its API with an administrator's key."""
    async with asyncio.timeout(120), AsyncExitStack() as stack:
        made = await stack.enter_async_context(
            fake_host(folder / "data", {"run": answered, HANDLE: answered}, **settings)
        )
        await made.host.install(package(more=SUBSCRIBES), grants="all")
        app = app_over(made.host, Settings(data_dir=folder / "data"))
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        headers = {"Authorization": f"Bearer {made.host.bootstrap_token}"}
        client = await stack.enter_async_context(
            httpx.AsyncClient(
                transport=transport, base_url="http://host", headers=headers, trust_env=False
            )
        )
        yield made, client


async def is_ready(client: httpx.AsyncClient) -> bool:
    answer = await client.get("/readyz")
    assert answer.status_code == (200 if answer.json()["ready"] else 503)
    assert (await client.get("/healthz")).status_code == 200
    return bool(answer.json()["ready"])


async def publish(client: httpx.AsyncClient, data: object) -> int:
    body = {"topic": "orders.new", "data": data}
    return (await client.post("/api/v1/events", json=body)).status_code


async def published(made: FakeHost) -> list[Any]:
    return [
        event.value() for event in await made.host.events.recent(99, "orders.*", tenant="default")
    ]


def packages_in(folder: Path) -> list[str]:
    return sorted(str(each) for each in (folder / "data" / "packages").rglob("*") if each.is_file())


async def test_f3_on_a_disk_that_takes_no_more_what_is_asked_fails_whole_and_the_host_goes_on(
    tmp_path: Path,
) -> None:
    async with watched(tmp_path) as (made, client):
        assert await publish(client, "before") == 201
        # The room for records of calls is reserved by the first of them.
        assert (await made.host.call("stores", "run", {})).result == "here"
        before = packages_in(tmp_path)
        # What is written goes to the end of the log; the database itself may be longer.
        log = (tmp_path / "data" / "wardian.db-wal").stat().st_size

        with files_end_at(log + 64 * 1024):
            with pytest.raises(WardianError):
                await made.host.bus.publish("orders.new", "x" * 200_000)
            assert await publish(client, "x" * 200_000) == 503
            large = package("large", wasm=b"\0asm\x0d\0\x01\0" + random.Random(3).randbytes(2**20))
            with pytest.raises(WardianError):
                await made.host.install(large)
            # What is there is shown, and called.
            assert (await client.get("/api/v1/plugins/stores")).status_code == 200
            assert (await made.host.call("stores", "run", {})).result == "here"
            assert (await client.get("/healthz")).status_code == 200

        assert await is_ready(client)
        assert await publish(client, "after") == 201
        assert await published(made) == ["after", "before"]
        assert [view.name for view in await made.host.plugins()] == ["stores"]
        assert packages_in(tmp_path) == before
        await made.host.install(large)


async def test_f3_a_call_that_the_disk_has_no_room_to_account_for_is_refused_before_it_runs(
    tmp_path: Path,
) -> None:
    async with watched(tmp_path) as (made, client):
        run = "/api/v1/plugins/stores/functions/run"
        log = (tmp_path / "data" / "wardian.db-wal").stat().st_size
        with files_end_at(log + 64 * 1024):
            refused = await client.post(run, json={})
            assert (refused.status_code, refused.json()["type"]) == (503, "/problems/try-later")
            assert "Retry-After" in refused.headers
            assert made.executor.jobs == []
            assert (await client.get("/healthz")).status_code == 200

        assert (await client.post(run, json={})).json()["result"] == "here"


async def test_f3_a_database_that_can_only_be_read_is_told_and_written_again_when_it_can_be(
    tmp_path: Path,
) -> None:
    async with watched(tmp_path) as (made, client):
        await readable_only(made, "ON")
        assert not await is_ready(client)
        assert await publish(client, 1) == 503
        with pytest.raises(WardianError, match="can only be read"):
            await made.host.bus.publish("orders.new", 1)
        assert (await made.host.call("stores", "run", {})).result == "here"
        assert (await client.get("/api/v1/plugins/stores")).status_code == 200

        await readable_only(made, "OFF")
        assert await is_ready(client)
        assert await publish(client, 2) == 201
        assert await published(made) == [2]


async def readable_only(made: FakeHost, switch: str) -> None:
    """Have SQLite refuse every write, as it does where the file system does."""
    async with AsyncExitStack() as stack:
        for _ in range(10):  # as many connections as there may be in the pool by now
            connection = await stack.enter_async_context(made.parts.database.reading())
            await connection.execute(text(f"PRAGMA query_only = {switch}"))


async def test_f3_a_host_does_not_start_where_it_cannot_write_and_says_so() -> None:
    with pytest.raises(HostUnusable, match="/proc/wardian"):
        async with open_host(Settings(data_dir=Path("/proc/wardian"))):
            pass


# -- F-4: the database is locked, or gone --


async def test_f4_a_database_that_another_has_locked_for_too_long_is_waited_for_and_then_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    impatient = (*engines_module._PRAGMAS, "PRAGMA busy_timeout = 20")
    monkeypatch.setattr(engines_module, "_PRAGMAS", impatient)
    async with watched(tmp_path) as (made, client):
        assert await publish(client, "before") == 201
        other = sqlite3.connect(tmp_path / "data" / "wardian.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")

        assert not await is_ready(client)
        assert await publish(client, "lost, and the app knows") == 503
        # Readers wait for nobody.
        assert (await client.get("/api/v1/plugins/stores")).status_code == 200
        assert (await made.host.call("stores", "run", {})).result == "here"

        other.execute("ROLLBACK")
        other.close()
        assert await is_ready(client)
        assert await publish(client, "after") == 201
        assert await published(made) == ["after", "before"]


async def test_f4_a_server_that_is_stopped_and_started_again_costs_nothing_that_was_stored(
    tmp_path: Path,
) -> None:
    async with AsyncExitStack() as stack:
        running = await asyncio.to_thread(stack.enter_context, postgres.server())
        url = await stack.enter_async_context(running.lent())
        # The tests' servers are in haste, and forget what a server in earnest does not.
        await running.run(f"ALTER DATABASE {postgres.name_of(url)} SET synchronous_commit = on")
        made, client = await stack.enter_async_context(watched(tmp_path, database_url=url))
        await made.host.deliveries.set_paused("stores", True)
        assert [await publish(client, number) for number in range(5)] == [201] * 5
        followed = await made.host.bus.subscribe("orders.*", after=0)

        running.stop()
        assert not await is_ready(client)
        assert await publish(client, "lost, and the app knows") == 503
        await says_that_it_is_away(client, url)
        await running.start()

        while not await is_ready(client):
            await asyncio.sleep(0.05)
        assert await publish(client, 5) == 201
        assert [(await anext(followed)).value() for _ in range(6)] == list(range(6))
        await made.host.deliveries.set_paused("stores", False)
        async with made.parts.delivering.kept():
            while (await made.host.deliveries.subscribers())[0].queued:
                await asyncio.sleep(0.01)
        assert (await made.host.deliveries.dead()).dead_letters == []


ASKED = (
    ("POST", "/api/v1/plugins/stores/functions/run", {}),
    ("POST", "/api/v1/plugins/stores/functions/nothing", {}),
    ("POST", "/api/v1/agents/ask", {"capability": "summarize", "input": "x"}),
    ("POST", "/api/v2/agents/ask", {"capability": "summarize", "input": "x"}),
    ("POST", "/api/v2/batch", {"calls": [{"plugin": "stores", "function": "run"}]}),
    ("POST", "/api/v2/plugins/stores/functions/run/jobs", {}),
    ("PUT", "/api/v1/agent-budgets/summarize/day", {"limit": 1}),
    ("GET", "/api/v1/audit", None),
    ("GET", "/api/v1/analytics", None),
    ("GET", "/api/v1/plugins/stores/kv", None),
    ("POST", "/mcp", {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}),
)
"""What takes a database, on each of the API's sides."""


async def says_that_it_is_away(client: httpx.AsyncClient, url: str) -> None:
    """Ask for this and that; nothing of a fault, and nothing of where the database is, is told."""
    answers = [await client.request(method, path, json=body) for method, path, body in ASKED]
    answers += [
        await client.get("/api/v1/keys", headers={"Authorization": f"Bearer wdn_{'a' * 43}"})
    ]
    for answer in answers:
        assert answer.status_code == 503, (answer.request.url, answer.text)
    told = "".join(answer.text for answer in answers)
    assert "did not answer as it should" in told
    for part in (url.partition("host=")[2], "asyncpg", "Errno", "SELECT", postgres.name_of(url)):
        assert part not in told


# -- F-5: a migration is cut short, or a newer program was here --


def revisions() -> list[str]:
    with as_file(files(schema.MIGRATIONS)) as folder:
        scripts = ScriptDirectory(str(folder))
        return [script.revision for script in scripts.walk_revisions()]


@pytest.mark.parametrize("step", range(1, len(revisions()) + 1))
async def test_f5_a_start_that_is_killed_while_it_migrates_leaves_the_schema_that_was_there(
    tmp_path: Path, step: int
) -> None:
    await is_whole_after_a_kill(tmp_path / "test.db", step)


async def test_f5_on_postgresql_too(postgres_server: postgres.Server) -> None:
    for step in range(1, len(revisions()) + 1):
        async with postgres_server.fresh() as url:
            await is_whole_after_a_kill(url, step)


async def is_whole_after_a_kill(location: Path | str, step: int) -> None:
    def kill() -> int:
        with spawned("killed_migration.py", location, step) as running:
            return running.wait()

    assert await asyncio.to_thread(kill) == -signal.SIGKILL

    assert (await Database.survey(location)).revision is None
    async with Database.open(location) as database:
        assert await database.answers()
        await add_tenant(database)
    found = await Database.survey(location)
    assert found.revision == found.newest


async def test_f5_a_newer_schema_is_refused_and_left_alone(
    database_location: Path | str,
) -> None:
    async with Database.open(database_location) as database:
        await at_revision(database, "9999")

        with pytest.raises(HostUnusable, match="newer version"):
            async with Database.open(database_location):
                pass

        found = await Database.survey(database_location)
        assert (found.revision, found.known) == ("9999", False)
        await at_revision(database, found.newest)


async def at_revision(database: Database, revision: str) -> None:
    async with database.transaction() as connection:
        await connection.execute(
            text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision}
        )
