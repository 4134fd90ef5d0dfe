"""Requests that are carried out once: what is kept of them, how long, and for whom."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from rows import add_tenant, journal_of
from wardian.errors import (
    AnswerNotKept,
    KeyReused,
    OutcomeUnknown,
    RateLimited,
    StillRunning,
)
from wardian.policy.secret import Secret
from wardian.runtime.idempotency import Claim, Idempotency, KeptPolicy
from wardian.runtime.sealed_answers import Asked, KeptAnswer
from wardian.storage import Database
from wardian.storage.idempotency import IdempotencyRepository, RequestRow
from wardian.storage.tables import idempotency_keys, idempotency_totals
from wardian.tenants import Tenants

pytestmark = pytest.mark.anyio

ANSWER = KeptAnswer(201, [("location", "/a")], b'{"token":"wdn_shown_once"}')


class Clock:
    """A clock that stands still until it is told to go on."""

    def __init__(self) -> None:
        self.at = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def goes_on(self, **time: float) -> None:
        self.at += timedelta(**time)


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def hosts(
    database: Database, clock: Clock, count: int = 1, **policy: Any
) -> list[Idempotency]:
    """So many hosts on one database, with a tenant and another."""
    tenants = Tenants(database, journal_of(database))
    for name in ("acme", "other"):
        await add_tenant(database, name)
    chosen = KeptPolicy(**policy)
    return [Idempotency(database, tenants, chosen, clock=clock) for _ in range(count)]


def asked(key: str = "k", token: str = "wdn_" + "a" * 43, **other: str) -> Asked:
    facts = {"tenant": "acme", "api_key_id": "key-1", "request": "1" * 64} | other
    return Asked(key=key, token=Secret(token), **facts)


async def begun(host: Idempotency, wanted: Asked) -> Claim:
    claim = await host.begin(wanted)
    assert isinstance(claim, Claim)
    return claim


async def carried_out(host: Idempotency, wanted: Asked) -> None:
    await host.settle(await begun(host, wanted), ANSWER)


async def test_another_host_gives_the_same_answer(database: Database, clock: Clock) -> None:
    one, two = await hosts(database, clock, 2)
    await carried_out(one, asked())
    assert await two.begin(asked()) == ANSWER
    with pytest.raises(KeyReused):
        await two.begin(asked(request="2" * 64))


async def test_a_lease_that_is_renewed_holds_and_one_that_is_not_ends(
    database: Database, clock: Clock
) -> None:
    one, two = await hosts(database, clock, 2, lease=timedelta(seconds=30))
    await begun(one, asked())
    for _ in range(5):
        clock.goes_on(seconds=20)
        await one.renew()
        await two.renew()
        with pytest.raises(StillRunning):
            await two.begin(asked())
    clock.goes_on(seconds=31)
    for host in (one, two):
        with pytest.raises(OutcomeUnknown) as told:
            await host.begin(asked())
    left = told.value.forgotten_in_seconds
    assert left is not None
    clock.goes_on(seconds=left)
    await begun(two, asked())


async def test_an_end_that_comes_late_is_still_an_end(database: Database, clock: Clock) -> None:
    one, two = await hosts(database, clock, 2)
    claim = await begun(one, asked())
    clock.goes_on(minutes=10)
    with pytest.raises(OutcomeUnknown):
        await two.begin(asked())
    await one.settle(claim, ANSWER)
    assert await two.begin(asked()) == ANSWER


async def test_an_end_that_comes_too_late_takes_nothing_from_the_next(
    database: Database, clock: Clock
) -> None:
    one, two = await hosts(database, clock, 2)
    late = await begun(one, asked())
    clock.goes_on(days=2)
    claim = await begun(two, asked())
    await one.settle(late, ANSWER)
    await one.release(late)
    with pytest.raises(StillRunning):
        await one.begin(asked())
    await two.settle(claim, ANSWER)
    assert await one.begin(asked()) == ANSWER


async def test_what_is_released_may_be_carried_out_anew(database: Database, clock: Clock) -> None:
    (host,) = await hosts(database, clock)
    await host.release(await begun(host, asked()))
    await carried_out(host, asked(request="2" * 64))


async def test_an_answer_opens_for_the_token_that_asked_and_for_no_other(
    database: Database, clock: Clock
) -> None:
    (host,) = await hosts(database, clock)
    await carried_out(host, asked())
    with pytest.raises(AnswerNotKept) as told:
        await host.begin(asked(token="wdn_" + "b" * 43))
    assert told.value.answered == 201
    assert await host.begin(asked()) == ANSWER


@pytest.mark.parametrize("moved", ["sealed", "claim", "request"])
async def test_an_answer_that_was_moved_or_changed_is_not_given(
    database: Database, clock: Clock, moved: str
) -> None:
    (host,) = await hosts(database, clock)
    for key in ("one", "two"):
        await carried_out(host, asked(key, request=key))
    async with database.transaction() as connection:
        of_acme = connection.of("acme")
        rows = (await of_acme.execute(select(idempotency_keys))).mappings().all()
        (first,) = (row for row in rows if row["request"] == "one")
        second = idempotency_keys.c.request == "two"
        await of_acme.execute(update(idempotency_keys).where(second).values({moved: first[moved]}))
    with pytest.raises(AnswerNotKept):
        await host.begin(asked("two", request="one" if moved == "request" else "two"))


async def test_nobody_meets_the_keys_of_another(database: Database, clock: Clock) -> None:
    (host,) = await hosts(database, clock)
    await carried_out(host, asked())
    await begun(host, asked(api_key_id="key-2"))
    await begun(host, asked(tenant="other"))


async def test_ten_thousand_keys_are_bounded_forgotten_and_leave_others_room(
    database: Database, clock: Clock
) -> None:
    (host,) = await hosts(database, clock, keys=20_000)
    rows = [
        RequestRow(
            api_key_id="key-1",
            mark=f"{number:064}",
            claim=f"claim-{number}",
            request="1" * 64,
            until=clock.at + timedelta(days=1),
            status=200,
            size=10,
        )
        for number in range(10_000)
    ]
    async with database.transaction() as connection:
        of_acme = connection.of("acme")
        values = [{"tenant": "acme", **asdict(row)} for row in rows]
        await of_acme.execute(insert(idempotency_keys), values)
        total = {"tenant": "acme", "api_key_id": "key-1", "requests": 10_000, "bytes": 100_000}
        await of_acme.execute(insert(idempotency_totals), total)
    with pytest.raises(RateLimited) as told:
        await host.begin(asked())
    assert told.value.retry_after_seconds == 3_600
    await begun(host, asked(api_key_id="key-2"))
    await begun(host, asked(tenant="other"))
    clock.goes_on(hours=23, minutes=50)
    with pytest.raises(RateLimited) as told:
        await host.begin(asked())
    assert told.value.retry_after_seconds == 600
    clock.goes_on(minutes=10)
    await host.tend()
    async with database.reading() as connection:
        totals = await IdempotencyRepository(connection, "acme").totals()
    assert (totals["key-1"].requests, totals["key-1"].bytes) == (0, 0)
    await carried_out(host, asked())


async def test_a_request_that_runs_is_not_forgotten(database: Database, clock: Clock) -> None:
    (host,) = await hosts(database, clock, age=timedelta(seconds=1))
    claim = await begun(host, asked())
    clock.goes_on(seconds=20)
    await host.tend()
    with pytest.raises(StillRunning):
        await host.begin(asked())
    await host.settle(claim, ANSWER)
    assert await host.begin(asked()) == ANSWER
