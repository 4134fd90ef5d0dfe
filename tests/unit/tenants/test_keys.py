"""API keys."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from rows import add_tenant, journal_of
from wardian.errors import Conflict, InvalidArguments, NotFound, Unauthenticated
from wardian.storage import Database
from wardian.storage.audit import AuditRepository
from wardian.tenants import KeyRing, Scope
from wardian.tenants.keys import CACHE_SECONDS

pytestmark = pytest.mark.anyio


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def ring(database: Database) -> KeyRing:
    await add_tenant(database)
    await add_tenant(database, "acme")
    return KeyRing(database, journal_of(database))


async def test_a_key_authenticates_as_its_tenant_with_its_scopes(ring: KeyRing) -> None:
    made = await ring.create("ci", ["call", "read"], "acme")

    caller = await ring.authenticate(made.token)

    assert caller.tenant == "acme"
    assert caller.key_name == "ci"
    assert caller.key_id == made.id
    assert caller.scopes == {Scope.CALL, Scope.READ}
    assert caller.holds(Scope.CALL)
    assert not caller.holds(Scope.ADMIN)


async def test_admin_holds_every_scope_and_call_does_not_hold_read(ring: KeyRing) -> None:
    admin = await ring.authenticate((await ring.create("a", ["admin"], "acme")).token)
    caller = await ring.authenticate((await ring.create("c", ["call"], "acme")).token)

    assert all(admin.holds(scope) for scope in Scope)
    assert not caller.holds(Scope.READ)


async def test_the_token_is_stored_nowhere(sqlite_database: Database, tmp_path: Path) -> None:
    await add_tenant(sqlite_database, "acme")
    ring = KeyRing(sqlite_database, journal_of(sqlite_database))
    made = await ring.create("ci", ["read"], "acme")

    connection = sqlite3.connect(tmp_path / "test.db")
    dump = "\n".join(connection.iterdump())
    connection.close()
    assert made.prefix in dump
    assert made.token not in dump
    assert made.token[8:] not in dump
    assert made.token not in repr(made)


@pytest.mark.parametrize(
    "token",
    ["", "wdn_" + "x" * 43, "Bearer x", "wdn_" + "é" * 43, "wdn_\x00" + "a" * 42, "x" * 10_000],
)
async def test_an_unknown_token_is_refused(ring: KeyRing, token: str) -> None:
    with pytest.raises(Unauthenticated):
        await ring.authenticate(token)


async def test_revocation_holds_at_once_though_the_key_was_remembered(ring: KeyRing) -> None:
    made = await ring.create("ci", ["read"], "acme")
    await ring.authenticate(made.token)

    await ring.revoke(made.id, "acme")

    with pytest.raises(Unauthenticated, match="revoked"):
        await ring.authenticate(made.token)
    (shown,) = await ring.list("acme")
    assert shown.revoked_at is not None


async def test_a_key_read_while_it_is_revoked_is_not_remembered(database: Database) -> None:
    await add_tenant(database)
    ring = KeyRing(database, journal_of(database))
    made = await ring.create("ci", ["read"], "default")

    results = await asyncio.gather(
        *(ring.authenticate(made.token) for _ in range(5)),
        ring.revoke(made.id, "default"),
        *(ring.authenticate(made.token) for _ in range(5)),
        return_exceptions=True,
    )

    assert results
    with pytest.raises(Unauthenticated):
        await ring.authenticate(made.token)


async def test_a_revocation_by_another_process_holds_after_some_seconds(
    database: Database,
) -> None:
    await add_tenant(database)
    clock = Clock()
    ring, elsewhere = (
        KeyRing(database, journal_of(database), clock=clock),
        KeyRing(database, journal_of(database)),
    )
    made = await ring.create("ci", ["read"], "default")
    await ring.authenticate(made.token)

    await elsewhere.revoke(made.id, "default")
    clock.now += CACHE_SECONDS + 1

    with pytest.raises(Unauthenticated):
        await ring.authenticate(made.token)


async def test_a_tenant_cannot_revoke_anothers_key(ring: KeyRing) -> None:
    made = await ring.create("ci", ["read"], "acme")

    with pytest.raises(NotFound):
        await ring.revoke(made.id, "default")

    await ring.authenticate(made.token)


async def test_the_last_administrator_of_the_host_is_kept(ring: KeyRing) -> None:
    first = await ring.create("first", ["admin"], "default")
    with pytest.raises(Conflict, match="last key"):
        await ring.revoke(first.id, "default")

    await ring.create("second", ["admin"], "default")
    await ring.revoke(first.id, "default")


async def test_the_last_administrator_of_another_tenant_may_go(ring: KeyRing) -> None:
    made = await ring.create("first", ["admin"], "acme")

    await ring.revoke(made.id, "acme")


@pytest.mark.parametrize(
    ("name", "scopes", "path"),
    [
        ("", ["read"], "name"),
        ("a\nb", ["read"], "name"),
        ("x" * 101, ["read"], "name"),
        ("ci", [], "scopes"),
        ("ci", ["root"], "scopes"),
    ],
)
async def test_a_key_without_a_name_or_a_known_scope_is_refused(
    ring: KeyRing, name: str, scopes: list[str], path: str
) -> None:
    with pytest.raises(InvalidArguments) as caught:
        await ring.create(name, scopes, "acme")

    assert caught.value.path == path


async def test_a_key_of_no_tenant_is_refused(ring: KeyRing) -> None:
    with pytest.raises(NotFound, match="no tenant"):
        await ring.create("ci", ["read"], "nobody")


async def test_making_and_revoking_is_audited(ring: KeyRing, database: Database) -> None:
    made = await ring.create("ci", ["read"], "acme", actor="alice")
    await ring.revoke(made.id, "acme", actor="bob")

    async with database.reading() as connection:
        entries = await AuditRepository(connection, "acme").recent(10)
    assert [(entry.actor, entry.action) for entry in entries] == [
        ("bob", "key.revoked"),
        ("alice", "key.created"),
    ]
    assert made.token not in repr(entries)
