"""The rules of tenants: kept, checked, told and known; on both databases."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hosts import FakeHost, fake_host
from wardian.agents.routing.rule_book import RuleBook, RuleBookParts
from wardian.agents.routing.rules import RULES_MAX, RuleSet
from wardian.agents.routing.strategies import NAMES
from wardian.errors import InvalidArguments, NotFound
from wardian.events import Event
from wardian.storage.agents import AgentRepository

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("on_both_databases")]

NIGHT = {
    "name": "night",
    "strategy": "cheapest",
    "when": {"hours": {"from": "22:00", "to": "06:00"}},
}


def book_of(made: FakeHost) -> RuleBook:
    parts = made.parts
    return RuleBook(RuleBookParts(parts.database, parts.events, parts.journal, parts.registry))


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[FakeHost]:
    async with fake_host(tmp_path / "host") as opened:
        yield opened


async def test_a_tenant_that_has_set_none_has_none_and_the_default(made: FakeHost) -> None:
    book = book_of(made)
    await book.refresh("default")

    assert book.of("default") == RuleSet()
    view = await book.get("default")
    assert (view.rules, view.default, view.strategies) == ([], "weighted", list(NAMES))


async def test_rules_are_what_they_were_set_to_and_a_restart_knows_them(made: FakeHost) -> None:
    book = book_of(made)
    view = await book.set("default", {"rules": [NIGHT], "default": "cheapest"}, "key:ops")

    assert [each.name for each in view.rules] == ["night"]
    assert view.rules[0].when == NIGHT["when"]
    assert [each.name for each in book.of("default").rules] == ["night"]
    assert book.of("default").default == "cheapest"
    anew = book_of(made)
    await anew.refresh("default")
    assert anew.of("default").default == "cheapest"
    assert book.of("other") == RuleSet()


async def test_what_is_left_out_is_as_if_it_were_said(made: FakeHost) -> None:
    book = book_of(made)
    rule = {"name": "all", "strategy": "cheapest"}
    view = await book.set("default", {"rules": [rule]}, "key:ops")

    assert (view.rules[0].when, view.default) == ({}, "weighted")


async def test_rules_that_cannot_be_change_nothing_and_say_where_they_fail(
    made: FakeHost,
) -> None:
    book = book_of(made)
    await book.set("default", {"rules": [NIGHT]}, "key:ops")

    for value, path in (
        ({"rules": [NIGHT, {"name": "x", "strategy": "none"}]}, "rules[1].strategy"),
        ([], "rules"),
        ({"rulez": []}, "rules"),
        ({"default": "none"}, "default"),
        ({"rules": object()}, "rules"),
        ({"rules": [{**NIGHT, "when": {"share": math.nan}}]}, "rules[0].when.share"),
    ):
        with pytest.raises(InvalidArguments) as refused:
            await book.set("default", value, "key:ops")
        assert refused.value.path == path

    assert [each.name for each in (await book.get("default")).rules] == ["night"]


async def test_a_value_that_holds_itself_is_refused(made: FakeHost) -> None:
    value: dict[str, Any] = {}
    value["rules"] = [value]

    with pytest.raises(InvalidArguments):
        await book_of(made).set("default", value, "key:ops")


async def test_rules_are_of_tenants_that_there_are(made: FakeHost) -> None:
    for attempt in (book_of(made).get("none"), book_of(made).set("none", {}, "key:ops")):
        with pytest.raises(NotFound):
            await attempt


async def test_who_set_rules_is_told_once_and_nobody_of_no_change(made: FakeHost) -> None:
    told: list[Event] = []
    made.parts.events.subscribe("tenant.*", told.append)
    book = book_of(made)
    for _ in range(2):
        await book.set("default", {"rules": [NIGHT]}, "key:ops")
    await book.set("default", None, "key:ops")
    await book.set("default", None, "key:ops")

    first, second = told
    assert first.topic == "tenant.agent-rules-set"
    assert first.value()["actor"] == "key:ops"
    assert first.value()["rules"] == [NIGHT]
    assert (second.value()["count"], second.value()["rules"]) == (0, [])
    assert (await book.get("default")).rules == []


async def test_of_very_long_rules_the_digest_is_told(made: FakeHost) -> None:
    told: list[Event] = []
    made.parts.events.subscribe("tenant.*", told.append)
    tags = [f"{number}" * 100 for number in range(10, 64)]
    long = [
        {"name": f"{number}", "strategy": "cheapest", "when": {"tags": tags}}
        for number in range(RULES_MAX)
    ]

    await book_of(made).set("default", {"rules": long}, "key:ops")

    (event,) = told
    assert event.value()["count"] == RULES_MAX
    assert len(event.value()["sha256"]) == 64
    assert "rules" not in event.value()


async def test_rules_that_a_later_version_wrote_are_left_alone_and_not_gone_by(
    made: FakeHost,
) -> None:
    stored = {"rules": [{"name": "x", "strategy": "of-next-year", "when": {}}], "default": "y"}
    async with made.parts.database.transaction() as connection:
        await AgentRepository(connection, "default").write_rules(stored, "key:ops")
    book = book_of(made)
    await book.refresh("default")

    assert book.of("default") == RuleSet()
    assert (await book.get("default")).rules[0].strategy == "of-next-year"


async def test_a_host_that_may_have_missed_something_reads_rules_anew(made: FakeHost) -> None:
    book = book_of(made)
    await book.refresh("default")
    stored = {"rules": [NIGHT], "default": "cheapest"}
    async with made.parts.database.transaction() as connection:
        await AgentRepository(connection, "default").write_rules(stored, "key:ops")

    made.parts.registry.forget_all()
    await book.refresh("default")

    assert book.of("default").default == "cheapest"
