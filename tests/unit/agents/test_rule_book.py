"""The rules of tenants: kept, checked, told and known; on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from hosts import FakeHost, fake_host
from wardian.agents.rule_book import RuleBook, RuleBookParts
from wardian.errors import InvalidArguments, NotFound
from wardian.events import Event
from wardian.storage.agents import AgentRepository

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("on_both_databases")]

STRATEGIES = ("cheapest", "weighted")

NIGHT = {"name": "night", "strategy": "cheapest", "when": {"hours": [22, 6]}}


def parsed(value: Any) -> Mapping[str, Any]:
    """The least that a parser does."""
    if not isinstance(value, dict) or not value.keys() <= {"rules", "default"}:
        raise InvalidArguments("No rules.", path="rules")
    for number, rule in enumerate(value.get("rules", ())):
        if rule.get("strategy") not in STRATEGIES:
            raise InvalidArguments("No strategy.", path=f"rules[{number}].strategy")
    return dict(value)


def book_of(made: FakeHost) -> RuleBook[Mapping[str, Any]]:
    parts = made.parts
    return RuleBook(
        RuleBookParts(
            database=parts.database,
            events=parts.events,
            journal=parts.journal,
            plugins=parts.registry,
            parse=parsed,
            strategies=STRATEGIES,
        )
    )


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[FakeHost]:
    async with fake_host(tmp_path / "host") as opened:
        yield opened


async def test_a_tenant_that_has_set_none_has_none_and_the_default(made: FakeHost) -> None:
    book = book_of(made)
    await book.refresh("default")

    assert book.of("default") == {"rules": [], "default": "weighted"}
    view = await book.get("default")
    assert (view.rules, view.default, view.strategies) == ([], "weighted", list(STRATEGIES))


async def test_rules_are_what_they_were_set_to_and_a_restart_knows_them(made: FakeHost) -> None:
    book = book_of(made)
    view = await book.set("default", {"rules": [NIGHT], "default": "cheapest"}, "key:ops")

    assert [each.name for each in view.rules] == ["night"]
    assert view.rules[0].when == {"hours": [22, 6]}
    assert book.of("default") == {"rules": [NIGHT], "default": "cheapest"}
    anew = book_of(made)
    await anew.refresh("default")
    assert anew.of("default") == book.of("default")
    assert book.of("other") == {"rules": [], "default": "weighted"}


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
        ({"rules": object()}, "rules"),
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
    long = [{**NIGHT, "name": f"{number}" * 100} for number in range(1_000)]

    await book_of(made).set("default", {"rules": long}, "key:ops")

    (event,) = told
    assert event.value()["count"] == 1_000
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

    assert book.of("default") == {"rules": [], "default": "weighted"}
    assert (await book.get("default")).rules[0].strategy == "of-next-year"


async def test_a_host_that_may_have_missed_something_reads_rules_anew(made: FakeHost) -> None:
    book = book_of(made)
    await book.refresh("default")
    stored = {"rules": [NIGHT], "default": "cheapest"}
    async with made.parts.database.transaction() as connection:
        await AgentRepository(connection, "default").write_rules(stored, "key:ops")

    made.parts.registry.forget_all()
    await book.refresh("default")

    assert book.of("default") == stored
