"""Migrations."""

from __future__ import annotations

import sqlite3
from functools import partial
from importlib.resources import as_file, files
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, text

from wardian.errors import HostUnusable
from wardian.storage import Database, schema
from wardian.storage.config import ConfigRepository
from wardian.storage.engines import engines_of
from wardian.storage.kv import KvRepository
from wardian.storage.plugins import PluginRepository
from wardian.storage.tables import metadata

pytestmark = pytest.mark.anyio

OF_THE_HOST = {"tenants", "usage_ledgers"}
"""A ledger has the calls of all tenants of its host, and only how far it is read is kept."""

REVISIONS = ["0001", "0002", "0003", "0004", "0006", "0007"]


async def test_the_migrations_make_exactly_the_tables_of_the_models(database: Database) -> None:
    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, metadata))

    async with database.reading() as connection:
        assert await connection.run_sync(differences) == []


def test_every_table_of_a_tenant_s_has_a_tenant_that_must_exist() -> None:
    for name, table in metadata.tables.items():
        if name not in OF_THE_HOST:
            assert not table.c.tenant.nullable
            assert {key.target_fullname for key in table.c.tenant.foreign_keys} >= {"tenants.name"}


async def test_opening_twice_changes_nothing(tmp_path: Path) -> None:
    for _ in range(2):
        async with Database.open(tmp_path / "test.db") as database:
            assert await database.answers()


async def test_migrations_are_not_looked_through_where_there_is_nothing_to_do(
    database_location: Path | str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Database.open(database_location):
        pass
    monkeypatch.setattr(schema, "ScriptDirectory", None)

    async with Database.open(database_location) as database:
        assert await database.answers()


async def test_f5_a_newer_schema_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "test.db"
    async with Database.open(path):
        pass
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()

    with pytest.raises(HostUnusable, match="newer version"):
        async with Database.open(path):
            pass

    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [
            ("9999",)
        ]
    connection.close()


async def test_f5_a_migration_that_fails_in_the_middle_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "test.db"
    migrate = schema.migrate

    def interrupted(connection: Connection) -> None:
        migrate(connection)
        raise OSError("killed")

    monkeypatch.setattr(schema, "migrate", interrupted)
    with pytest.raises(HostUnusable):
        async with Database.open(path):
            pass

    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == []
    connection.close()


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "test.db"
    path.write_bytes(b"this is not a database" * 100)

    with pytest.raises(HostUnusable, match="cannot be opened"):
        async with Database.open(path):
            pass


@pytest.mark.parametrize("url", ["nonsense", "oracle+nothing://x"])
async def test_a_url_that_cannot_be_used_is_named(url: str) -> None:
    with pytest.raises(HostUnusable, match="database URL"):
        async with Database.open(url):
            pass


@pytest.mark.parametrize("revision", REVISIONS)
async def test_what_an_older_host_had_installed_is_all_there_afterwards(
    tmp_path: Path, revision: str
) -> None:
    path = tmp_path / "test.db"
    with sqlite3.connect(path) as connection:
        connection.executescript(OLDER)
    connection.close()
    engines = engines_of(path)
    migrating = engines.migrating.execution_options(wardian_writes=True, wardian_migrates=True)
    async with migrating.begin() as begun:
        await begun.run_sync(partial(upgraded, to=revision))
    await engines.dispose()

    async with Database.open(path) as database, database.reading() as opened:
        repository = PluginRepository(opened, "default")
        plugin = await repository.find("counter")
        assert plugin is not None
        assert await repository.granted(plugin.id) == ["kv:read"]
        configured = ConfigRepository(opened, "default")
        assert await configured.documents("counter") == ({}, {}, {}, {"user": {"step": 5}})
        (entry,) = await configured.history("counter", limit=5)
        assert entry[1].after == {"step": 5}
        assert await KvRepository(opened, "default", plugin.id).keys(b"", None, 10) == [b"n"]
        assert [kept.package_digest for kept in await repository.versions(plugin.id)] == ["d1"]
        found = await opened.execute(text("PRAGMA foreign_keys"))
        assert found.scalar_one() == 1


def upgraded(connection: Connection, *, to: str) -> None:
    """Bring a schema to what a host of some time ago knew."""
    with as_file(files(schema.MIGRATIONS)) as folder:
        command.upgrade(schema._config(folder, connection), to)


OLDER = (Path(__file__).parent / "schema_0001.sql").read_text()
