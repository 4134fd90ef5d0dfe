"""Bring a database's schema to what this program knows, before anything else touches it."""

from __future__ import annotations

from importlib.resources import as_file, files

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.script.revision import RevisionError
from alembic.util import CommandError
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from wardian.errors import HostUnusable

MIGRATIONS = "wardian.storage.migrations"


async def bring_up_to_date(engine: AsyncEngine) -> None:
    """Run the migrations that ``engine``'s database lacks, all in one transaction.

    Raises:
        HostUnusable: the database cannot be reached or written, or its schema is newer.
    """
    writer = engine.execution_options(wardian_writes=True)
    try:
        async with writer.begin() as connection:
            await connection.run_sync(migrate)
    except (DBAPIError, OSError) as exc:
        cause = exc.orig if isinstance(exc, DBAPIError) else exc
        raise HostUnusable(f"The database cannot be opened for writing: {cause}.") from exc


def migrate(connection: Connection) -> None:
    """Upgrade the schema behind ``connection`` to the newest revision.

    Raises:
        HostUnusable: the schema was written by a newer program.
    """
    with as_file(files(MIGRATIONS)) as folder:
        config = Config()
        config.set_main_option("script_location", str(folder).replace("%", "%%"))
        config.attributes["connection"] = connection
        scripts = ScriptDirectory.from_config(config)
        found = MigrationContext.configure(connection).get_current_heads()
        for revision in found:
            _refuse_unknown(scripts, revision)
        if set(found) != set(scripts.get_heads()):
            command.upgrade(config, "head")


def _refuse_unknown(scripts: ScriptDirectory, revision: str) -> None:
    try:
        scripts.get_revision(revision)
    except (RevisionError, CommandError) as exc:
        raise HostUnusable(
            f"The database has schema revision {revision!r}, which this version of Wardian does "
            "not know: a newer version has written it. Start that version, or restore a backup."
        ) from exc
