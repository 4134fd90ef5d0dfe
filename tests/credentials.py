"""Credentials for tests: set and read in a line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Table, select, update

from wardian.policy.bindings import parse_binding
from wardian.policy.secret import Secret
from wardian.runtime.host import HostParts
from wardian.storage import Database
from wardian.vault import Bound, CredentialView, Kind, Vault

ORIGIN = "https://api.example.org/repos"
CANARY = "ghp_CanaryCanaryCanary0123456789"


async def put(vault: Vault, name: str, text: str = CANARY, **more: Any) -> CredentialView:
    """Set a bearer token of the tenant, unless ``more`` says otherwise."""
    settings: dict[str, Any] = {
        "owner": None,
        "kind": Kind.BEARER,
        "public": {},
        "secrets": {"token": Secret(text)},
        "bound": Bound(origins=(parse_binding(ORIGIN),)),
    } | more
    tenant = settings.pop("tenant", "default")
    return await vault.put(tenant, name=name, **settings)


async def token(vault: Vault, name: str, plugin: str = "any", tenant: str = "default") -> str:
    """What a plugin would use."""
    return (await vault.find(tenant, plugin, name)).secrets["token"].reveal()


async def tokens(parts: HostParts, names: list[str]) -> list[str]:
    """The same of several."""
    return [await token(parts.vault, name) for name in names]


async def rows(database: Database, table: Table) -> list[dict[str, Any]]:
    """All rows of a table, in the order in which they were made."""
    async with database.reading() as connection:
        found = await connection.of_every_tenant().execute(
            select(table).order_by(table.c.created_at)
        )
        return [dict(row) for row in found.mappings()]


async def overwrite(database: Database, table: Table, row_id: str, **values: Any) -> None:
    """Change a row behind the vault's back, as somebody would who can write to the database."""
    async with database.transaction() as connection:
        changed = update(table).where(table.c.id == row_id).values(values)
        await connection.of_every_tenant().execute(changed)


def root_key(folder: Path) -> bytes:
    """The root key's file of a data directory."""
    return (folder / "root.key").read_bytes()
