"""The audit trail: bound together, from where, and what was refused."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from callings import calling
from hosts import FakeHost, fake_host, package
from wardian.capabilities import Refused
from wardian.crypto.chains import Verification
from wardian.errors import Forbidden, InvalidArguments, NotFound
from wardian.policy.origin import Origin, coming_from
from wardian.runtime.audit import Denials
from wardian.runtime.audit.denials import AGAIN_SECONDS, DISTINCT_MAX, FURTHER, KNOWN_MAX
from wardian.storage.audit import WantedEntries

pytestmark = pytest.mark.anyio

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)

SOMEBODY = Origin(
    address="192.0.2.7",
    request_id="r1",
    tenant="default",
    key_id="k1",
    key_name="ann",
    layer="scope:admin",
)


async def puts(arguments: Mapping[str, Any], answer: Any) -> Any:
    return await answer("kv", "set", ["k", "v", None])


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[FakeHost]:
    async with fake_host(tmp_path, {"run": puts}) as opened:
        yield opened


async def exported(made: FakeHost, tenant: str = "default") -> list[dict[str, Any]]:
    file = io.BytesIO()
    await made.host.audit.export(file, tenant=tenant, actor="ann")
    return [json.loads(line) for line in file.getvalue().splitlines()]


@pytest.mark.usefixtures("on_both_databases")
async def test_everything_that_is_written_down_is_one_chain_for_each_tenant(tmp_path: Path) -> None:
    async with fake_host(tmp_path) as made:
        await made.host.tenants.create("acme")
        await made.host.install(package())
        await made.host.install(package(), tenant="acme")
        await made.host.set_config("stores", {"greeting": "grüße \U0001f600"})

        for tenant in ("default", "acme"):
            entries = await exported(made, tenant)
            verification = Verification()
            for entry in entries:
                verification.add(entry)
            report = verification.report()
            assert report == await made.host.audit.verify(tenant=tenant)
            assert report.sound, report.faults
            assert report.head == await made.host.audit.head(tenant=tenant)
            assert [each["sequence"] for each in entries] == list(range(1, len(entries) + 1))
            assert entries[-1]["action"] == "audit.exported"
            assert {each["tenant"] for each in entries} == {tenant}


@pytest.mark.usefixtures("on_both_databases")
async def test_changes_that_are_made_at_once_stay_one_chain(tmp_path: Path) -> None:
    async with fake_host(tmp_path) as made:
        await asyncio.gather(
            *(made.host.keys.create(f"k{n}", ["read"], "default") for n in range(20))
        )

        report = await made.host.audit.verify()
        assert report.sound, report.faults
        assert report.entries == 21


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE audit SET actor = 'nobody' WHERE sequence = 2",
        "UPDATE audit SET detail = '{}' WHERE sequence = 2",
        "UPDATE audit SET time = '2020-01-01 00:00:00' WHERE sequence = 2",
        "UPDATE audit SET decision = 'denied' WHERE sequence = 2",
        "UPDATE audit SET address = '203.0.113.9' WHERE sequence = 2",
        "DELETE FROM audit WHERE sequence = 2",
    ],
)
async def test_a_row_that_was_changed_behind_the_hosts_back_shows(
    made: FakeHost, change: str
) -> None:
    await made.host.install(package())
    async with made.parts.database.transaction() as connection:
        await connection.execute(text(change))

    report = await made.host.audit.verify()
    assert not report.sound
    assert report.faults[0].sequence in (2, 3)


async def test_a_trail_that_was_cut_off_shows_beside_a_head_that_was_kept(made: FakeHost) -> None:
    await made.host.install(package())
    kept = await made.host.audit.head()
    async with made.parts.database.transaction() as connection:
        await connection.execute(text("DELETE FROM audit WHERE sequence >= 3"))

    assert (await made.host.audit.verify()).sound
    assert not (await made.host.audit.verify(kept)).sound


async def test_an_entry_says_from_where_and_what_let_it_in(made: FakeHost) -> None:
    with coming_from(SOMEBODY):
        await made.host.install(package(), actor="ann")

    entries = (await made.host.audit.page(WantedEntries(action="plugin.installed"))).entries
    (entry,) = entries
    assert (entry.actor, entry.key_id, entry.address) == ("ann", "k1", "192.0.2.7")
    assert (entry.request_id, entry.decision, entry.layer) == ("r1", "allowed", "scope:admin")


async def test_what_the_host_does_by_itself_comes_from_nobody(made: FakeHost) -> None:
    with coming_from(SOMEBODY):
        await made.host.install(package())

    (entry,) = (await made.host.audit.page(WantedEntries(action="plugin.installed"))).entries
    assert (entry.actor, entry.key_id, entry.address, entry.layer) == ("host", "", "", "host")


async def test_entries_are_found_by_who_what_when_and_decision(made: FakeHost) -> None:
    await made.host.install(package(), actor="ann")
    await made.host.disable("stores", actor="bob")
    trail = made.host.audit

    async def found(**wanted: Any) -> list[str]:
        return [each.action for each in (await trail.page(WantedEntries(**wanted))).entries]

    assert await found(actor="bob") == ["plugin.disabled"]
    assert await found(action="plugin.dis*") == ["plugin.disabled"]
    assert await found(action="plugin_disabled") == []
    assert await found(action="%") == []
    assert len(await found(subject="st*es")) == 4
    assert await found(decision="denied") == []
    assert await found(until=LONG_AGO) == []
    assert len(await found(since=LONG_AGO)) == 5

    first = await trail.page(limit=2)
    second = await trail.page(limit=500, before=first.next)
    assert [each.sequence for each in (*first.entries, *second.entries)] == [5, 4, 3, 2, 1]
    assert second.next is None
    with pytest.raises(InvalidArguments, match="1 to 500"):
        await trail.page(limit=0)


async def test_the_trail_of_another_tenant_is_not_seen(made: FakeHost) -> None:
    await made.host.tenants.create("acme")
    await made.host.install(package())

    assert [each.action for each in (await made.host.audit.page(tenant="acme")).entries] == [
        "tenant.created"
    ]
    with pytest.raises(NotFound):
        await made.host.disable("stores", tenant="acme")


async def test_what_a_plugin_is_refused_is_written_down_once_an_hour(made: FakeHost) -> None:
    await made.host.install(package())  # nothing is granted
    for _ in range(3):
        answer = (await made.host.call("stores", "run", {}, subject="ci")).result
        assert answer["val"]["tag"] == "denied"
    await made.host.audit.denials.flush()
    for _ in range(2):
        await made.host.call("stores", "run", {}, subject="ci")
    await made.host.audit.denials.flush()

    (entry,) = (await made.host.audit.page(WantedEntries(decision="denied"))).entries
    assert (entry.actor, entry.action, entry.subject) == (
        "plugin:stores",
        "permission.denied",
        "stores",
    )
    assert entry.layer == "grant"
    assert entry.detail["name"] == "kv:write"
    assert entry.detail["function"] == "kv.set"
    assert entry.detail["caller"] == "ci"
    assert entry.detail["count"] == 3
    (told,) = await made.host.events.recent(1, "permission.*", tenant="default")
    assert json.loads(told.data)["layer"] == "grant"

    await made.host.audit.denials.write_all()
    newest = (await made.host.audit.page(WantedEntries(decision="denied"))).entries[0]
    assert newest.detail["count"] == 2
    assert (await made.host.audit.verify()).sound


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def refused(name: str | None = None) -> Refused:
    return Refused("denied", "No.", layer="manifest", permission=name)


async def denied(made: FakeHost) -> list[Any]:
    page = await made.host.audit.page(WantedEntries(decision="denied"), limit=500)
    return list(reversed(page.entries))


async def test_what_is_refused_again_after_an_hour_is_an_entry_again(made: FakeHost) -> None:
    clock = Clock()
    denials = Denials(made.parts.journal, clock=clock)
    denials.host_call(calling(), "kv.get", refused("kv:read"))
    await denials.flush()
    denials.host_call(calling(), "kv.get", refused("kv:read"))
    await denials.flush()
    assert len(await denied(made)) == 1

    clock.now += AGAIN_SECONDS
    await denials.flush()
    assert [entry.detail["count"] for entry in await denied(made)] == [1, 1]


async def test_a_plugin_that_is_refused_a_thousand_things_fills_no_trail(made: FakeHost) -> None:
    denials = Denials(made.parts.journal)
    for number in range(1_000):
        denials.host_call(calling(), "http.send", refused(f"http:request:GET:https://{number}/"))
    await denials.write_all()

    entries = await denied(made)
    assert len(entries) == DISTINCT_MAX + 1
    assert entries[-1].subject == FURTHER
    assert sum(entry.detail["count"] for entry in entries) == 1_000


async def test_one_plugin_takes_nothing_from_what_is_told_of_another(made: FakeHost) -> None:
    denials = Denials(made.parts.journal)
    for number in range(100):
        denials.host_call(calling(), "kv.get", refused(f"kv:read:{number}"))
    denials.request(SOMEBODY, "GET /x", Forbidden("No."))
    await denials.write_all()

    assert [each.subject for each in await denied(made) if each.action == "api.denied"] == [
        "GET /x"
    ]


async def test_what_is_counted_of_a_hundred_thousand_plugins_is_bounded(made: FakeHost) -> None:
    denials = Denials(made.parts.journal)
    for number in range(KNOWN_MAX + 1_000):
        denials.request(
            Origin(address="", request_id="", tenant="default", key_id="k", key_name=f"k{number}"),
            "GET /x",
            Forbidden("No."),
        )

    assert len(denials._known) == KNOWN_MAX
    assert len(denials._distinct) == KNOWN_MAX


async def test_a_request_without_a_key_or_with_another_fault_is_no_entry(made: FakeHost) -> None:
    denials = Denials(made.parts.journal)
    denials.request(Origin(address="192.0.2.7", request_id="r"), "GET /x", Forbidden("No."))
    denials.request(SOMEBODY, "GET /x", InvalidArguments("No."))
    await denials.write_all()

    assert await denied(made) == []


async def test_words_of_strangers_are_one_line_of_what_prints(made: FakeHost) -> None:
    denials = Denials(made.parts.journal)
    denials.request(SOMEBODY, "GET /\x1b[2J\n" + "x" * 1_000, Forbidden("No."))
    denials.host_call(calling(), "kv.get", refused("kv:read:\x1b" + "y" * 10_000))
    await denials.write_all()

    for entry in await denied(made):
        written = entry.subject + str(entry.detail)
        assert written.isprintable()
        assert len(written) < 1_000
