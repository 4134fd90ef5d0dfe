"""Bring a database's schema to what this program knows, before anything else touches it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.script.revision import RevisionError
from alembic.util import CommandError
from sqlalchemy import Connection, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from wardian.errors import HostUnusable
from wardian.storage.postgres import EVERY_TENANT, reason_of
from wardian.storage.tables import data_keys

MIGRATIONS = "wardian.storage.migrations"

# Hosts that start together migrate one after the other; and what a migration changes, it changes
# for every tenant.
_MIGRATE_ALONE = text(
    "SELECT set_config('wardian.tenant', :tenant, true), "
    "pg_advisory_xact_lock(hashtextextended('wardian migrates', 0))"
)

_ABOUT_EVERY_TENANT = text("SELECT set_config('wardian.tenant', :tenant, true)")

_IS_ABOVE_POLICIES = text(
    "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"
)

_log = logging.getLogger("wardian.storage")


@dataclass(frozen=True, slots=True)
class SchemaFound:
    """The schema that a database has, and the one that this program brings it to.

    Attributes:
        revision: None for an empty database.
        known: whether this program knows the revision, and can work with it.
    """

    revision: str | None
    newest: str
    known: bool


async def look_up(engine: AsyncEngine) -> SchemaFound:
    """Read the schema's revision of ``engine``'s database, and change nothing.

    Raises:
        HostUnusable: the database cannot be reached.
    """
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(_found)
    except (DBAPIError, OSError) as exc:
        raise HostUnusable(f"The database cannot be reached: {reason_of(exc)}.") from exc


async def root_keys_of(engine: AsyncEngine) -> frozenset[str]:
    """Return the ids of the root keys that wrap the data keys of all tenants.

    Raises:
        HostUnusable: the database cannot be reached, or has no such table.
    """
    try:
        async with engine.connect() as connection:
            if connection.dialect.name == "postgresql":
                await connection.execute(_ABOUT_EVERY_TENANT, {"tenant": EVERY_TENANT})
            return frozenset(await connection.scalars(select(data_keys.c.root_key).distinct()))
    except (DBAPIError, OSError) as exc:
        raise HostUnusable(f"The database has no keys to read: {reason_of(exc)}.") from exc


def _found(connection: Connection) -> SchemaFound:
    with as_file(files(MIGRATIONS)) as folder:
        scripts = ScriptDirectory.from_config(_config(folder, connection))
        revision = MigrationContext.configure(connection).get_current_revision()
        known = {script.revision for script in scripts.walk_revisions()}
        newest = scripts.get_current_head() or ""
        return SchemaFound(revision, newest, revision is None or revision in known)


async def bring_up_to_date(engine: AsyncEngine) -> None:
    """Run the migrations that ``engine``'s database lacks, all in one transaction.

    Raises:
        HostUnusable: the database cannot be reached or written, or its schema is newer.
    """
    writer = engine.execution_options(wardian_writes=True, wardian_migrates=True)
    try:
        async with writer.begin() as connection:
            await connection.run_sync(migrate)
            await connection.run_sync(_warn_of_power)
    except (DBAPIError, OSError) as exc:
        raise HostUnusable(f"The database cannot be opened for writing: {reason_of(exc)}.") from exc
    finally:
        await engine.dispose()  # a connection that has migrated checks no references


def migrate(connection: Connection) -> None:
    """Upgrade the schema behind ``connection`` to the newest revision.

    Raises:
        HostUnusable: the schema was written by a newer program.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(_MIGRATE_ALONE, {"tenant": EVERY_TENANT})
    found = MigrationContext.configure(connection).get_current_heads()
    if set(found) == _newest():
        return
    with as_file(files(MIGRATIONS)) as folder:
        config = _config(folder, connection)
        scripts = ScriptDirectory.from_config(config)
        for revision in found:
            _refuse_unknown(scripts, revision)
        command.upgrade(config, "head")
        _check_references(connection)


@cache
def _newest() -> frozenset[str]:
    """Return the revision that this program brings a schema to, as a set of one.

    Kept, because Alembic runs every migration's module to find out.
    """
    with as_file(files(MIGRATIONS)) as folder:
        return frozenset(ScriptDirectory(str(folder)).get_heads())


def _warn_of_power(connection: Connection) -> None:
    if connection.dialect.name == "postgresql" and connection.scalar(_IS_ABOVE_POLICIES):
        _log.warning(
            "The database's role is a superuser or has BYPASSRLS, so row-level security does not "
            "keep tenants apart; give Wardian a role of its own."
        )


def _check_references(connection: Connection) -> None:
    if connection.dialect.name != "sqlite":
        return
    dangling = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
    if dangling is not None:
        raise HostUnusable(
            f"A row of the table {dangling[0]!r} refers to one of {dangling[2]!r} that is not "
            "there, so the database was not changed. Restore a backup."
        )


def _config(folder: Path, connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _refuse_unknown(scripts: ScriptDirectory, revision: str) -> None:
    try:
        scripts.get_revision(revision)
    except (RevisionError, CommandError) as exc:
        raise HostUnusable(
            f"The database has schema revision {revision!r}, which this version of Wardian does "
            "not know: a newer version has written it. Start that version, or restore a backup."
        ) from exc
