"""Rows that tests need before they can begin."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Table, select

from wardian.crypto.digests import sha256_hex
from wardian.crypto.identifiers import new_id
from wardian.events import Events
from wardian.runtime.journal import Journal
from wardian.storage import Database
from wardian.storage.plugins import PluginRepository
from wardian.storage.rows import PackageRow, PluginRow, now
from wardian.storage.tables import metadata
from wardian.storage.tenants import TenantRepository


def plugin_row(name: str = "counter", *, tenant: str = "default", **changes: Any) -> PluginRow:
    values: dict[str, Any] = {
        "id": new_id(),
        "tenant": tenant,
        "name": name,
        "plugin_version": "1.0.0",
        "digest": sha256_hex(b"component"),
        "package_digest": sha256_hex(b"package"),
        "level": "restricted",
        "state": "active",
        "state_reason": "",
        "manifest": {"name": name, "version": "1.0.0"},
        "description": {
            "digest": sha256_hex(b"component"),
            "size_bytes": 9,
            "imports": [],
            "exports": [],
            "functions": {},
        },
        "installed_at": now(),
        "installed_by": "test",
    }
    return PluginRow(**values | changes)


def package_row(row: PluginRow) -> PackageRow:
    return PackageRow(digest=row.package_digest, component_digest=row.digest, size_bytes=9)


def journal_of(database: Database) -> Journal:
    """Return what writes down and tells what changes, for parts without a host."""
    return Journal(database, Events(database))


async def add_tenant(database: Database, name: str = "default") -> None:
    async with database.transaction() as connection:
        await TenantRepository(connection).add(name)


async def add_plugin(database: Database, row: PluginRow | None = None) -> PluginRow:
    row = row or plugin_row()
    async with database.transaction() as connection:
        if not await TenantRepository(connection).exists(row.tenant):
            await TenantRepository(connection).add(row.tenant)
        await PluginRepository(connection, row.tenant).add(row, package_row(row))
    return row


async def everything(database: Database, *tables: Table) -> bytes:
    """All that is in some tables, or in all of them; then also the bytes of a database's files."""
    parts: list[bytes] = []
    async with database.reading() as connection:
        for table in tables or metadata.sorted_tables:
            found = await connection.of_every_tenant().execute(select(table))
            parts += [repr(tuple(row)).encode() for row in found]
    file = database.engines.writer.url.database
    if not tables and not database.is_shared and file is not None:
        parts += [path.read_bytes() for path in Path(file).parent.glob(f"{Path(file).name}*")]
    return b"\n".join(parts)
