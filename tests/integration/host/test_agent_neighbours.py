"""Two hosts on one PostgreSQL: what one sees of agents, the other knows."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from hosts import FakeHost, fake_host
from registered import ASKED, agent_package, ask, one, registry_of
from wardian.agents.registry import loads
from wardian.agents.registry.changes import AgentChange
from wardian.agents.registry.registry import AgentRegistry
from wardian.agents.routing.rule_book import RuleBook, RuleBookParts
from wardian.storage.agents import MeasureRepository, MeasureRow

pytestmark = pytest.mark.anyio

HEARD_SECONDS = 20.0
"""How long a test waits for what takes some milliseconds; the machine may be busy."""


@dataclass
class Member:
    """One of the hosts."""

    made: FakeHost
    registry: AgentRegistry


Pair = tuple[Member, Member]


@pytest.fixture
async def pair(postgres_url: str, tmp_path: Path) -> AsyncIterator[Pair]:
    async with (
        one_more(postgres_url, tmp_path, "one") as one_,
        one_more(postgres_url, tmp_path, "other") as other,
    ):
        yield one_, other


@asynccontextmanager
async def one_more(url: str, folder: Path, name: str) -> AsyncIterator[Member]:
    async with fake_host(
        folder / name,
        ASKED,
        database_url=url,
        packages_dir=folder / "packages",
        root_key=f"file:{folder / 'one' / 'root.key'}" if name != "one" else None,
    ) as made:
        async with asyncio.timeout(HEARD_SECONDS):
            await made.relay.listens.wait()
        yield Member(made, registry_of(made))


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(HEARD_SECONDS):
        while not await condition():
            await asyncio.sleep(0)


async def known_to_both(pair: Pair, name: str = "lead") -> None:
    """Wait until both hosts know of an agent."""

    async def is_known() -> bool:
        await pair[1].registry.refresh("default")
        return any(each.agent == name for each in pair[1].registry.of("default", "summarize"))

    await pair[0].registry.refresh("default")
    await until(is_known)


async def rows(member: Member) -> list[MeasureRow]:
    async with member.made.parts.database.reading() as connection:
        return await MeasureRepository(connection, "default").all()


async def test_what_both_hosts_see_of_an_agent_is_added_up_and_known_to_both(pair: Pair) -> None:
    await pair[0].made.host.install(agent_package("lead"))
    await known_to_both(pair)
    here, there = [await one(each.registry, "lead") for each in pair]
    for _ in range(30):
        ask(pair[0].registry, here, latency_ms=10.0)
    for _ in range(10):
        ask(pair[1].registry, there, latency_ms=50.0)
        pair[1].registry.score("default", there, 1.0, 1.0)

    await asyncio.gather(*(each.registry.sync() for each in pair))
    for each in pair:
        await each.registry.sync()

    assert here.asked == there.asked == 40
    assert here.quality == pytest.approx(there.quality, rel=1e-4)
    assert here.latency_ms == pytest.approx(there.latency_ms) == pytest.approx(20.5, rel=0.05)
    assert here.alpha == pytest.approx(1 + 40 * 0.1875 + 10, rel=1e-3)


async def test_hosts_that_write_at_once_again_and_again_lose_nothing_and_count_nothing_twice(
    pair: Pair,
) -> None:
    await pair[0].made.host.install(agent_package("lead", capabilities=["summarize", "shorten"]))
    await known_to_both(pair)

    async def busy(member: Member) -> None:
        for _ in range(25):
            for capability in ("summarize", "shorten"):
                ask(member.registry, await one(member.registry, "lead", capability))
            await member.registry.sync()

    await asyncio.gather(*map(busy, pair))
    for each in pair:
        await each.registry.sync()

    assert sorted(row.asked for row in await rows(pair[0])) == [50, 50]
    for each in pair:
        assert (await one(each.registry, "lead")).asked == 50


async def test_hosts_agree_while_they_are_kept(pair: Pair) -> None:
    await pair[0].made.host.install(agent_package("lead"))
    await known_to_both(pair)
    here, there = [await one(each.registry, "lead") for each in pair]
    async with pair[0].registry.kept(), pair[1].registry.kept():
        ask(pair[0].registry, here)
        pair[0].registry.begin("default", here)

        async def is_heard() -> bool:
            await asyncio.sleep(0.05)
            return there.asked == 1 and there.in_flight == 1

        await until(is_heard)


async def test_a_host_whose_clock_is_behind_is_overlooked_by_nobody(
    postgres_url: str, tmp_path: Path
) -> None:
    moment = time.time()
    async with (
        one_more(postgres_url, tmp_path, "one") as first,
        one_more(postgres_url, tmp_path, "other") as second,
    ):
        first.registry = registry_of(first.made, now=lambda: moment)
        second.registry = registry_of(second.made, now=lambda: moment - 50.0)
        await first.made.host.install(agent_package("lead"))
        await known_to_both((first, second))
        here, there = [await one(each.registry, "lead") for each in (first, second)]
        for _ in range(3):
            ask(first.registry, here)
            await first.registry.sync()
            ask(second.registry, there)
            await second.registry.sync()
        await first.registry.sync()

        assert (here.asked, there.asked) == (6, 6)
        assert here.alpha == pytest.approx(there.alpha)


async def test_what_a_clock_that_is_years_ahead_has_written_does_not_hide_what_comes_after(
    postgres_url: str, tmp_path: Path
) -> None:
    moment = time.time()
    async with (
        one_more(postgres_url, tmp_path, "one") as first,
        one_more(postgres_url, tmp_path, "other") as second,
    ):
        first.registry = registry_of(first.made, now=lambda: moment + 1e9)
        second.registry = registry_of(second.made, now=lambda: moment)
        await first.made.host.install(agent_package("lead"))
        await known_to_both((first, second))
        ask(first.registry, await one(first.registry, "lead"))
        await first.registry.sync()
        await second.registry.sync()
        there = await one(second.registry, "lead")
        for _ in range(50):
            second.registry.score("default", there, 0.0, 1.0)
        await second.registry.sync()

        assert there.quality < 0.1
        assert math.isfinite(there.latency_ms)


async def test_the_load_of_all_hosts_is_seen_by_each_and_goes_with_its_host(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    await pair[0].made.host.install(agent_package("lead"))
    await known_to_both(pair)
    here, there = [await one(each.registry, "lead") for each in pair]
    for _ in range(3):
        pair[0].registry.begin("default", here)
    pair[1].registry.begin("default", there)
    for each in (*pair, *pair):
        await each.registry.sync()
    assert here.in_flight == there.in_flight == 4

    # The first says nothing any more: it was killed.
    monkeypatch.setattr(loads, "STALE_SECONDS", -1.0)
    await pair[1].registry.sync()
    assert there.in_flight == 1


async def test_load_that_has_ended_is_seen_to_have(pair: Pair) -> None:
    await pair[0].made.host.install(agent_package("lead"))
    await known_to_both(pair)
    here, there = [await one(each.registry, "lead") for each in pair]
    pair[0].registry.begin("default", here)
    for each in pair:
        await each.registry.sync()
    assert there.in_flight == 1
    ask(pair[0].registry, here)  # begins one more, and ends it
    for each in pair:
        await each.registry.sync()
    assert there.in_flight == 1


async def test_a_new_versions_beginning_is_taken_over_once(pair: Pair) -> None:
    await pair[0].made.host.install(agent_package("lead"))
    await known_to_both(pair)
    former = await one(pair[0].registry, "lead")
    for _ in range(100):
        pair[0].registry.score("default", former, 1.0, 1.0)
    for each in pair:
        await each.registry.sync()
    await pair[0].made.host.upgrade(agent_package("lead", "1.1.0"))

    async def is_upgraded() -> bool:
        return (await one(pair[1].registry, "lead")).version == "1.1.0"

    await until(is_upgraded)
    newer = [await one(each.registry, "lead") for each in pair]
    for member, candidate in zip(pair, newer, strict=True):
        assert candidate.alpha == pytest.approx(11.0, rel=1e-3)
        member.registry.score("default", candidate, 1.0, 1.0)
    await asyncio.gather(*(each.registry.sync() for each in pair))
    for each in pair:
        await each.registry.sync()

    for candidate in newer:
        assert candidate.alpha == pytest.approx(13.0, rel=1e-3)


async def test_what_is_set_of_an_agent_on_one_host_holds_on_the_other(pair: Pair) -> None:
    await pair[0].made.host.install(agent_package("lead"))
    await known_to_both(pair)
    await pair[0].registry.change(
        "default", "lead", AgentChange(priority=90, paused=True), "key:ops"
    )

    async def is_paused() -> bool:
        return not (await one(pair[1].registry, "lead")).is_available

    await until(is_paused)
    assert (await one(pair[1].registry, "lead")).priority == 90


async def test_rules_set_on_one_host_are_gone_by_on_the_other(pair: Pair) -> None:
    books = [
        RuleBook(RuleBookParts(parts.database, parts.events, parts.journal, parts.registry))
        for parts in (each.made.parts for each in pair)
    ]
    await books[1].refresh("default")
    await books[0].set("default", {"rules": [], "default": "cheapest"}, "key:ops")

    async def is_heard() -> bool:
        await books[1].refresh("default")
        return books[1].of("default").default == "cheapest"

    await until(is_heard)
