"""PostgreSQL: what two hosts do at once, whose rows are seen, and a server that goes away."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from importlib.resources import as_file, files
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

import postgres
from rows import add_plugin, add_tenant, journal_of, plugin_row
from skipping import needed
from wardian.errors import InvalidArguments, Unavailable, WardianError
from wardian.storage import Database, schema
from wardian.storage import postgres as storage_postgres
from wardian.storage.config import ConfigRepository
from wardian.storage.kv import Entry, KvRepository, Quota, QuotaExceeded
from wardian.storage.plugins import PluginRepository
from wardian.storage.tables import metadata
from wardian.storage.tenants import TenantRepository
from wardian.tenants import bootstrap

pytestmark = pytest.mark.anyio

Pair = tuple[Database, Database]

WITH_TENANT = sorted(name for name, table in metadata.tables.items() if "tenant" in table.c)


@pytest.fixture
async def hosts(postgres_url: str) -> AsyncIterator[Pair]:
    """One database as two hosts have it."""
    async with Database.open(postgres_url) as one, Database.open(postgres_url) as other:
        yield one, other


async def test_two_hosts_cannot_pass_a_quota_together(hosts: Pair) -> None:
    row = await add_plugin(hosts[0])
    quota = Quota(bytes=10_000, keys=10)

    async def write(number: int) -> bool:
        try:
            async with hosts[number % 2].transaction() as connection:
                entries = KvRepository(connection, "default", row.id)
                await entries.put(b"%d" % number, Entry(b"x", None), quota)
        except QuotaExceeded:
            return False
        return True

    written = await asyncio.gather(*(write(number) for number in range(60)))

    assert sum(written) == 10
    async with hosts[0].reading() as connection:
        assert (await KvRepository(connection, "default", row.id).usage())[1] == 10


async def test_no_increment_of_two_hosts_is_lost(hosts: Pair) -> None:
    row = await add_plugin(hosts[0])
    ample = Quota(bytes=10_000, keys=10)

    async def increment(number: int) -> None:
        async with hosts[number % 2].transaction() as connection:
            entries = KvRepository(connection, "default", row.id)
            old = await entries.get(b"n")
            value = 1 + (0 if old is None else int(old.value))
            await entries.put(b"n", Entry(b"%d" % value, None), ample)

    await asyncio.gather(*(increment(number) for number in range(100)))

    async with hosts[1].reading() as connection:
        assert await KvRepository(connection, "default", row.id).get(b"n") == Entry(b"100", None)


async def test_who_reads_and_then_writes_sees_what_the_other_host_has_written(hosts: Pair) -> None:
    row = await add_plugin(hosts[0])

    async def grant(number: int) -> None:
        async with hosts[number % 2].transaction() as connection:
            plugins = PluginRepository(connection, "default")
            granted = await plugins.granted(row.id)
            await plugins.set_granted(row.id, [*granted, f"kv:read-{number}"], "test")

    await asyncio.gather(*(grant(number) for number in range(30)))

    async with hosts[0].reading() as connection:
        assert len(await PluginRepository(connection, "default").granted(row.id)) == 30


async def test_hosts_that_start_together_make_one_schema_and_one_key(
    postgres_server: postgres.Server,
) -> None:
    async def start(url: str) -> str | None:
        async with Database.open(url) as database:
            return await bootstrap(journal_of(database), tenant="default")

    async with postgres_server.fresh() as url:
        tokens = await asyncio.gather(*(start(url) for _ in range(4)))

    assert len([token for token in tokens if token is not None]) == 1


async def test_a_tenant_that_writes_holds_up_no_other(hosts: Pair) -> None:
    mine = await add_plugin(hosts[0])
    theirs = await add_plugin(hosts[0], plugin_row(tenant="other"))

    async with hosts[0].transaction() as held:
        await PluginRepository(held, "default").set_state(mine.id, "disabled", "")
        async with hosts[1].transaction() as connection:
            await PluginRepository(connection, "other").set_state(theirs.id, "disabled", "")


async def test_a_lock_that_is_not_freed_is_waited_for_so_long_and_no_longer(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    impatient = storage_postgres._SETTINGS | {"lock_timeout": "50"}
    monkeypatch.setattr(storage_postgres, "_SETTINGS", impatient)
    async with Database.open(postgres_url) as database:
        row = await add_plugin(database)
        async with database.transaction() as held:
            await PluginRepository(held, "default").set_state(row.id, "disabled", "")
            with pytest.raises(Unavailable, match="others hold what this waits for"):
                async with database.transaction() as connection:
                    await PluginRepository(connection, "default").set_state(row.id, "active", "")

        assert await database.answers()


async def test_more_writers_than_connections_all_have_their_turn(hosts: Pair) -> None:
    row = await add_plugin(hosts[0])
    many = 3 * storage_postgres.CONNECTIONS_MAX

    async def write(number: int) -> None:
        async with hosts[0].transaction() as connection:
            await PluginRepository(connection, "default").set_state(row.id, "active", f"{number}")
            async with hosts[0].reading() as reading:
                await PluginRepository(reading, "default").find(row.name)

    await asyncio.gather(*(write(number) for number in range(many)))


async def test_who_holds_a_part_of_a_tenant_cannot_ask_for_all_of_it(hosts: Pair) -> None:
    async with hosts[0].transaction() as connection:
        await connection.of("default", "plugin").execute(text("SELECT 1"))
        await connection.of("acme").execute(text("SELECT 1"))
        with pytest.raises(RuntimeError, match="wants it all"):
            await connection.of("default").execute(text("SELECT 1"))


async def test_what_is_for_reading_cannot_write(hosts: Pair) -> None:
    with pytest.raises(WardianError, match="can only be read"):
        async with hosts[0].reading() as connection:
            await TenantRepository(connection).add("acme")


async def test_a_name_that_no_text_can_have_is_the_fault_of_who_asks(hosts: Pair) -> None:
    with pytest.raises(InvalidArguments, match="NUL"):
        async with hosts[0].reading() as connection:
            await connection.execute(text("SELECT CAST(:name AS TEXT)"), {"name": "a\0b"})
    assert await hosts[0].answers()


async def test_a_reader_sees_one_moment(hosts: Pair) -> None:
    await add_tenant(hosts[0])
    async with hosts[0].reading() as connection:
        before = await TenantRepository(connection).all()
        await add_tenant(hosts[1], "acme")
        assert await TenantRepository(connection).all() == before


# -- whose rows are seen --


@pytest.mark.parametrize("table", WITH_TENANT)
async def test_d1_every_table_with_a_tenant_forces_row_level_security(
    postgres_server: postgres.Server, postgres_url: str, table: str
) -> None:
    (found,) = await postgres_server.run(
        "SELECT relrowsecurity AND relforcerowsecurity AS forced, "
        "(SELECT count(*) FROM pg_policy WHERE polrelid = pg_class.oid) AS policies "
        f"FROM pg_class WHERE oid = 'public.{table}'::regclass",
        postgres.name_of(postgres_url),
    )

    assert (found["forced"], found["policies"]) == (True, 1)


async def test_the_application_is_held_by_it(hosts: Pair) -> None:
    async with hosts[0].reading() as connection:
        found = await connection.execute(
            text("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
        )
        assert found.scalar_one() is False


async def test_a_role_that_is_above_it_is_warned_of(
    postgres_server: postgres.Server, postgres_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with Database.open(postgres_url):
        assert caplog.messages == []
    async with Database.open(postgres_server.url(postgres.name_of(postgres_url), "postgres")):
        (told,) = caplog.messages

    assert "does not keep tenants apart" in told


async def test_a_statement_that_names_no_tenant_sees_and_changes_nothing(hosts: Pair) -> None:
    await add_plugin(hosts[0])

    async with hosts[0].transaction() as connection:
        assert (await connection.execute(text("SELECT * FROM plugins"))).all() == []
        assert (await connection.execute(text("DELETE FROM grants"))).rowcount == 0
        assert (await connection.execute(text("UPDATE plugins SET state = 'x'"))).rowcount == 0


async def test_a_statement_that_forgets_the_condition_stays_within_its_tenant(hosts: Pair) -> None:
    mine = await add_plugin(hosts[0])
    await add_plugin(hosts[0], plugin_row(tenant="other"))

    async with hosts[0].transaction() as connection:
        rows = connection.of("default")
        found = await rows.execute(text("SELECT id FROM plugins"))
        assert list(found.scalars()) == [mine.id]
        changed = await rows.execute(text("UPDATE plugins SET state = 'disabled'"))
        assert changed.rowcount == 1


async def test_a_row_cannot_be_given_to_another_tenant(hosts: Pair) -> None:
    row = await add_plugin(hosts[0])
    await add_tenant(hosts[0], "other")

    with pytest.raises(WardianError) as refused:
        async with hosts[0].transaction() as connection:
            await connection.of("default").execute(
                text("UPDATE kv_usage SET tenant = 'other' WHERE plugin_id = :id"), {"id": row.id}
            )
    assert "row-level security" in str(refused.value.__cause__)


async def test_what_a_transaction_was_about_is_forgotten_at_its_end(hosts: Pair) -> None:
    await add_plugin(hosts[0])
    for _ in range(storage_postgres.CONNECTIONS_MAX + 1):
        async with hosts[0].reading() as connection:
            assert (await connection.execute(text("SELECT * FROM plugins"))).all() == []
            assert len(await PluginRepository(connection, "default").all()) == 1


# -- older data, and a server that goes away --


@pytest.mark.usefixtures("postgres_server")  # where there is none, it is skipped with the others
async def test_f4_a_server_that_goes_away_is_told_and_found_again_when_it_is_back() -> None:
    async with AsyncExitStack() as stack:
        running = await asyncio.to_thread(stack.enter_context, needed(postgres.server()))
        url = await stack.enter_async_context(running.lent())
        database = await stack.enter_async_context(Database.open(url))
        await add_tenant(database)

        running.stop()
        assert not await database.answers()
        with pytest.raises(Unavailable, match="did not answer"):
            await add_tenant(database, "acme")

        await running.start()
        assert await database.answers()
        await add_tenant(database, "acme")


@pytest.mark.parametrize("revision", ["0001", "0002", "0003", "0004", "0006"])
async def test_what_an_older_host_had_installed_is_all_there_afterwards(
    postgres_server: postgres.Server, revision: str
) -> None:
    async with postgres_server.fresh() as url:
        await as_it_first_was(postgres_server, url)
        await migrated(url, revision)
        async with Database.open(url) as database, database.reading() as opened:
            repository = PluginRepository(opened, "default")
            plugin = await repository.find("counter")
            assert plugin is not None
            assert await repository.granted(plugin.id) == ["kv:read"]
            configured = ConfigRepository(opened, "default")
            assert (await configured.documents("counter"))[-1] == {"user": {"step": 5}}
            entries = KvRepository(opened, "default", plugin.id)
            assert await entries.keys(b"", None, 10) == [b"n"]
            assert [kept.package_digest for kept in await repository.versions(plugin.id)] == ["d1"]


async def as_it_first_was(server: postgres.Server, url: str) -> None:
    """Make the oldest schema, with the rows that SQLite's tests have, too."""
    await migrated(url, "0001")
    rows = re.findall(r'^INSERT INTO "(?!alembic)[^;]*;', OLDER, re.MULTILINE)
    text_ones = [row.replace("X'6E',X'31'", "'n'::bytea,'1'::bytea") for row in rows]
    # In whatever order: what they refer to is all there in the end.
    await server.script(
        ["SET session_replication_role = replica", *text_ones], postgres.name_of(url)
    )


async def migrated(url: str, revision: str) -> None:
    def migrate(connection: Connection) -> None:
        with as_file(files(schema.MIGRATIONS)) as folder:
            command.upgrade(schema._config(folder, connection), revision)

    engine = create_async_engine(url.replace("postgresql:", "postgresql+asyncpg:"))
    async with engine.begin() as connection:
        await connection.run_sync(migrate)
    await engine.dispose()


OLDER = (Path(__file__).parent / "schema_0001.sql").read_text()
