"""API keys."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rows import add_tenant, journal_of
from wardian.crypto.tokens import new_token
from wardian.errors import Conflict, InvalidArguments, NotFound, RateLimited, Unauthenticated
from wardian.events import Event, Events
from wardian.runtime.journal import Journal
from wardian.runtime.key_upkeep import KeyUpkeep
from wardian.storage import Connection, Database
from wardian.storage.audit import AuditRepository
from wardian.storage.rows import FoundKeyRow, now
from wardian.storage.tenants import KeyRepository, find_key
from wardian.tenants import (
    KeyChange,
    KeyPolicy,
    KeyRing,
    KeyTerms,
    Scope,
    authentication,
    bootstrap,
)
from wardian.tenants.authentication import Clocks
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
        KeyRing(database, journal_of(database), clocks=Clocks(lasting=clock)),
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


NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)


class Wall:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Timed:
    """A key ring over clocks that a test sets, and what looks after it."""

    database: Database
    wall: Wall
    lasting: Clock
    ring: KeyRing
    upkeep: KeyUpkeep
    events: list[Event]

    def pass_by(self, **time: float) -> None:
        self.wall.now += timedelta(**time)
        self.lasting.now += timedelta(**time).total_seconds()


async def timed_over(database: Database, policy: KeyPolicy | None = None) -> Timed:
    wall, lasting, told = Wall(), Clock(), list[Event]()
    events = Events(database)
    events.subscribe("key.*", told.append)
    journal = Journal(database, events)
    ring = KeyRing(database, journal, policy, clocks=Clocks(wall=wall, lasting=lasting))
    upkeep = KeyUpkeep(
        database,
        journal,
        ring,
        default_tenant="default",
        told_before=timedelta(days=7),
        clock=wall,
    )
    return Timed(database, wall, lasting, ring, upkeep, told)


@pytest.fixture
async def timed(database: Database) -> Timed:
    await add_tenant(database)
    await add_tenant(database, "acme")
    return await timed_over(database)


async def holds(ring: KeyRing, token: str) -> bool:
    try:
        await ring.authenticate(token)
    except Unauthenticated:
        return False
    return True


@pytest.mark.parametrize("seconds", [3, 3_600])
async def test_a_key_is_refused_from_the_moment_it_expires_though_it_was_remembered(
    timed: Timed, seconds: int
) -> None:
    terms = KeyTerms(expires_in=timedelta(seconds=seconds))
    made = await timed.ring.create("ci", ["read"], "acme", terms)
    assert made.expires_at == NOW + timedelta(seconds=seconds)

    timed.pass_by(seconds=seconds - 1)
    assert (await timed.ring.authenticate(made.token)).expires_at == made.expires_at
    timed.pass_by(seconds=0.999)
    assert await holds(timed.ring, made.token)
    timed.pass_by(seconds=0.001)
    with pytest.raises(Unauthenticated, match="expired at 2027-03-01"):
        await timed.ring.authenticate(made.token)
    with pytest.raises(NotFound):
        await timed.ring.rotate(made.id, "acme")


async def test_a_key_of_a_host_with_a_longest_life_expires_though_nobody_said_so(
    database: Database,
) -> None:
    await add_tenant(database, "acme")
    timed = await timed_over(database, KeyPolicy(life_max=timedelta(days=90)))

    made = await timed.ring.create("ci", ["read"], "acme")

    assert made.expires_at == NOW + timedelta(days=90)
    for terms in (
        KeyTerms(expires_in=timedelta(days=90, seconds=1)),
        KeyTerms(expires_at=NOW + timedelta(days=91)),
    ):
        with pytest.raises(InvalidArguments, match="at most 90 days"):
            await timed.ring.create("ci", ["read"], "acme", terms)
        with pytest.raises(InvalidArguments, match="at most 90 days"):
            await timed.ring.rotate(made.id, "acme", terms)


@pytest.mark.parametrize(
    ("terms", "path"),
    [
        (KeyTerms(expires_at=NOW), "expires_at"),
        (KeyTerms(expires_at=NOW - timedelta(days=1)), "expires_at"),
        (KeyTerms(expires_at=NOW.replace(tzinfo=None) + timedelta(days=1)), "expires_at"),
        (KeyTerms(expires_in=timedelta(0)), "expires_in"),
        (KeyTerms(expires_in=timedelta(days=1), expires_at=NOW + timedelta(days=1)), "expires_in"),
        (KeyTerms(description="a\nb"), "description"),
        (KeyTerms(description="x" * 501), "description"),
        (KeyTerms(rate="often"), "rate"),
        (KeyTerms(networks=[]), "networks"),
        (KeyTerms(networks=["10.0.0.1/8"]), "networks"),
    ],
)
async def test_terms_that_cannot_be_are_refused_by_their_path(
    timed: Timed, terms: KeyTerms, path: str
) -> None:
    with pytest.raises(InvalidArguments) as caught:
        await timed.ring.create("ci", ["read"], "acme", terms)

    assert caught.value.path == path


async def test_both_tokens_hold_during_the_overlap_of_a_rotation_and_one_after_it(
    timed: Timed,
) -> None:
    made = await timed.ring.create("ci", ["read"], "acme")
    await timed.ring.authenticate(made.token)

    rotated = await timed.ring.rotate(made.id, "acme", overlap=timedelta(minutes=5))

    assert rotated.id == made.id
    assert rotated.token != made.token
    assert rotated.old_token_until == NOW + timedelta(minutes=5)
    for token in (made.token, rotated.token):
        assert (await timed.ring.authenticate(token)).key_id == made.id
    timed.pass_by(minutes=5)
    assert not await holds(timed.ring, made.token)
    assert await holds(timed.ring, rotated.token)


async def test_without_an_overlap_the_token_before_is_over_at_once(timed: Timed) -> None:
    made = await timed.ring.create("ci", ["read"], "acme")
    await timed.ring.authenticate(made.token)

    rotated = await timed.ring.rotate(made.id, "acme", overlap=timedelta(0))

    assert not await holds(timed.ring, made.token)
    assert await holds(timed.ring, rotated.token)


async def test_a_second_rotation_ends_the_first_token_and_revoking_ends_both(
    timed: Timed,
) -> None:
    tokens = [(made := await timed.ring.create("ci", ["read"], "acme")).token]
    for _ in range(2):
        tokens.append((await timed.ring.rotate(made.id, "acme")).token)

    assert [await holds(timed.ring, token) for token in tokens] == [False, True, True]
    await timed.ring.revoke(made.id, "acme")
    assert not any([await holds(timed.ring, token) for token in tokens])


@pytest.mark.parametrize("seconds", [-1, 7 * 86_400 + 1])
async def test_an_overlap_is_bounded(timed: Timed, seconds: int) -> None:
    made = await timed.ring.create("ci", ["read"], "acme")

    with pytest.raises(InvalidArguments):
        await timed.ring.rotate(made.id, "acme", overlap=timedelta(seconds=seconds))


async def test_a_rotated_key_gets_as_long_a_life_as_it_had_and_its_old_token_none_of_it(
    timed: Timed,
) -> None:
    terms = KeyTerms(expires_in=timedelta(days=10))
    made = await timed.ring.create("ci", ["read"], "acme", terms)
    timed.pass_by(days=9, hours=23, minutes=30)

    rotated = await timed.ring.rotate(made.id, "acme", overlap=timedelta(hours=2))

    assert rotated.expires_at == timed.wall.now + timedelta(days=10)
    assert rotated.old_token_until == made.expires_at
    timed.pass_by(minutes=30)
    assert not await holds(timed.ring, made.token)
    assert await holds(timed.ring, rotated.token)


async def test_the_last_key_that_administers_the_host_can_be_rotated(timed: Timed) -> None:
    made = await timed.ring.create("first", ["admin"], "default")

    rotated = await timed.ring.rotate(made.id, "default", overlap=timedelta(0))

    assert (await timed.ring.authenticate(rotated.token)).holds(Scope.ADMIN)
    with pytest.raises(Conflict):
        await timed.ring.revoke(made.id, "default")


async def test_a_key_that_has_expired_administers_nothing_any_more(timed: Timed) -> None:
    terms = KeyTerms(expires_in=timedelta(days=1))
    first = await timed.ring.create("first", ["admin"], "default")
    second = await timed.ring.create("second", ["admin"], "default", terms)
    timed.pass_by(days=1)

    with pytest.raises(Conflict, match="last key"):
        await timed.ring.revoke(first.id, "default")
    await timed.ring.revoke(second.id, "default")


async def test_a_tenant_cannot_rotate_or_change_anothers_key(timed: Timed) -> None:
    made = await timed.ring.create("ci", ["read"], "acme")

    with pytest.raises(NotFound):
        await timed.ring.rotate(made.id, "default")
    with pytest.raises(NotFound):
        await timed.ring.change(made.id, "default", KeyChange(description="mine"))

    assert (await timed.ring.list("acme"))[0].description == ""


async def test_what_is_done_to_a_key_is_told_and_nothing_of_its_token(timed: Timed) -> None:
    made = await timed.ring.create("ci", ["read"], "acme", actor="alice")
    rotated = await timed.ring.rotate(made.id, "acme", actor="bob")
    await timed.ring.change(made.id, "acme", KeyChange(description="x", rate="5/minute"))

    assert [(each.topic, each.value()["actor"]) for each in timed.events] == [
        ("key.created", "alice"),
        ("key.rotated", "bob"),
        ("key.changed", "host"),
    ]
    for token in (made.token, rotated.token):
        assert token[4:] not in repr(timed.events)
    (shown,) = await timed.ring.list("acme")
    assert (shown.description, shown.rate) == ("x", "5/minute")
    assert (await timed.ring.authenticate(rotated.token)).bounds.key == "5/minute"
    await timed.ring.change(made.id, "acme", KeyChange(rate=""))
    assert (await timed.ring.authenticate(rotated.token)).bounds.key is None


async def test_a_use_is_written_down_now_and_then_and_never_set_back(timed: Timed) -> None:
    made = await timed.ring.create("ci", ["read"], "acme")
    assert (await timed.ring.list("acme"))[0].last_used_at is None

    await timed.ring.authenticate(made.token)
    await timed.upkeep.run()
    assert (await timed.ring.list("acme"))[0].last_used_at == NOW

    timed.pass_by(seconds=30)
    await timed.ring.authenticate(made.token)
    await timed.upkeep.run()
    assert (await timed.ring.list("acme"))[0].last_used_at == NOW
    timed.pass_by(seconds=30)
    await timed.upkeep.run()
    await timed.ring.authenticate(made.token)
    timed.pass_by(seconds=30)
    await timed.ring.authenticate(made.token)
    await timed.upkeep.run()
    assert (await timed.ring.list("acme"))[0].last_used_at == timed.wall.now


async def test_that_a_key_expires_soon_is_told_once_over_all_hosts_and_once_of_its_next_life(
    timed: Timed,
) -> None:
    other = await timed_over(timed.database)
    terms = KeyTerms(expires_in=timedelta(days=20))
    made = await timed.ring.create("ci", ["read"], "acme", terms)
    await timed.ring.create("for ever", ["read"], "acme")

    async def told_after(**time: float) -> list[str]:
        for host in (timed, other):
            host.pass_by(**time)
            host.events.clear()
        await asyncio.gather(timed.upkeep.run(), other.upkeep.run())
        await timed.upkeep.run()
        found = [*timed.events, *other.events]
        return [each.value()["id"] for each in found if each.topic == "key.expiring"]

    assert await told_after(days=12) == []
    assert await told_after(days=1) == [made.id]
    assert await told_after(days=1) == []
    await timed.ring.rotate(made.id, "acme", KeyTerms(expires_in=timedelta(days=3)))
    assert await told_after(days=1) == [made.id]


async def test_a_thousand_wrong_keys_cost_the_database_a_few_looks_and_a_right_one_goes_on(
    timed: Timed, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused: Counter[str] = Counter()
    timed.ring.authentication.watch(lambda reason: refused.update([reason]))
    looks: list[str] = []

    async def looked_up(connection: Connection, digest: str) -> FoundKeyRow | None:
        looks.append(digest)
        return await find_key(connection, digest)

    monkeypatch.setattr(authentication, "find_key", looked_up)
    made = await timed.ring.create("ci", ["read"], "acme")
    outcomes: Counter[str] = Counter()
    for _ in range(1_000):
        try:
            await timed.ring.authenticate(new_token(), "198.51.100.1")
        except (Unauthenticated, RateLimited) as error:
            outcomes[type(error).type] += 1

    assert outcomes == {"unauthenticated": 30, "rate-limited": 970}
    assert len(looks) == 30
    assert refused == {"unknown": 30, "guessing": 970}
    assert (await timed.ring.authenticate(made.token, "198.51.100.1")).key_id == made.id
    timed.pass_by(seconds=CACHE_SECONDS + 1)
    timed.ring.forget_all()
    assert (await timed.ring.authenticate(made.token, "198.51.100.1")).key_id == made.id
    await timed.upkeep.run()
    (told,) = [each for each in timed.events if each.topic == "key.guessed"]
    assert told.tenant == "default"
    assert told.value()["address"] == "198.51.100.1"
    assert "wdn_" not in repr(timed.events)


async def test_keys_that_were_used_lately_go_on_after_a_start_where_somebody_guesses(
    timed: Timed,
) -> None:
    made = await timed.ring.create("ci", ["read"], "acme")
    never_used = await timed.ring.create("idle", ["read"], "acme")
    await timed.ring.authenticate(made.token)
    await timed.upkeep.run()
    restarted = await timed_over(timed.database)
    async with restarted.upkeep.kept():
        for _ in range(40):
            with pytest.raises((Unauthenticated, RateLimited)):
                await restarted.ring.authenticate(new_token(), "198.51.100.1")

        assert await holds(restarted.ring, made.token)
        await restarted.ring.authenticate(made.token, "198.51.100.1")
        with pytest.raises(RateLimited):
            await restarted.ring.authenticate(never_used.token, "198.51.100.1")
        await restarted.ring.authenticate(never_used.token, "198.51.100.2")


async def test_a_key_that_was_revoked_or_has_expired_is_no_guess(timed: Timed) -> None:
    made = await timed.ring.create("ci", ["read"], "acme")
    await timed.ring.revoke(made.id, "acme")

    for _ in range(100):
        with pytest.raises(Unauthenticated):
            await timed.ring.authenticate(made.token, "198.51.100.1")


async def test_a_host_whose_last_administrator_s_key_expired_gets_another_at_its_start(
    timed: Timed,
) -> None:
    journal = journal_of(timed.database)
    terms = KeyTerms(expires_at=now() + timedelta(seconds=5))
    real = KeyRing(timed.database, journal)
    first = await real.create("first", ["admin"], "default", terms)
    assert await bootstrap(journal, tenant="default") is None
    await KeyRing(timed.database, journal).create("reader", ["read"], "default")
    async with timed.database.transaction() as connection:
        past = {"expires_at": now() - timedelta(seconds=1)}
        await KeyRepository(connection, "default").change(first.id, past)

    token = await bootstrap(journal, tenant="default", chosen_key=first.token)

    assert token not in (None, first.token)
    assert (await real.authenticate(str(token))).holds(Scope.ADMIN)
    assert await bootstrap(journal, tenant="default") is None
