"""Plugins that ask agents: nobody gains a right, a budget or a way round by asking another."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from agents import ASK, agent, agent_component, asked, asker
from hosts import WASM, FakeHost, fake_host
from packages import package
from wardian import Host, Settings, open_host
from wardian.errors import AgentUnavailable, DeadlineExceeded, GuestError, OutOfFuel, Trap
from wardian.runtime.executor.job import HostCalls

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def host_of(
    folder: Path, *packages: bytes, grants: Any = "all", **settings: Any
) -> AsyncIterator[Host]:
    chosen = Settings(data_dir=folder / "data", **{"workers_max": 1} | settings)
    async with open_host(chosen) as host:
        for content in packages:
            await host.install(content, grants=grants)
        yield host


async def told(host: Host, does: str = "hello", **more: Any) -> str:
    """What a plugin that asks was refused with."""
    with pytest.raises(GuestError) as caught:
        await host.call("asker", ASK, asked(does), **more)
    return str(caught.value.payload)


async def test_a_plugin_is_answered_by_an_agent_in_its_own_name(tmp_path: Path) -> None:
    async with host_of(tmp_path, agent("one", per_call=0.5), asker("asker")) as host:
        outcome = await host.call("asker", ASK, asked("hello"), correlation_id="trail")
        (known,) = (await host.agents.asks()).asks

    assert json.loads(outcome.result["output"]) == ["hello"]
    assert (known.subject, known.agent, known.cost) == ("plugin:asker", "one", 0.5)


@pytest.mark.parametrize(
    ("permission", "grants"), [("agents:ask:*", []), ("agents:ask:translate", "all")]
)
async def test_who_lacks_the_right_asks_nobody(
    tmp_path: Path, permission: str, grants: Any
) -> None:
    async with host_of(tmp_path, agent("one")) as host:
        await host.install(asker("asker", permission), grants=grants)
        refusal = await told(host)
        asks = (await host.agents.asks()).asks

    assert "agents:ask:summarize" in refusal
    assert not asks


async def test_an_agent_that_is_in_the_chain_is_not_asked(tmp_path: Path) -> None:
    agents = [agent(name, always="a", asks=True) for name in ("one", "two", "three")]
    async with host_of(tmp_path, *agents, chain_depth_max=8) as host:
        with pytest.raises(GuestError) as caught:
            await host.agents.ask("summarize", ["a"], criteria={"fallback": 0})
        lines = {each.subject for each in (await host.agents.asks()).asks}

    assert "cannot be asked from within a call of its own" in str(caught.value.payload)
    assert lines >= {"host", "plugin:one"}


async def test_agents_that_all_ask_each_other_come_to_an_end(tmp_path: Path) -> None:
    names = [f"agent-{number}" for number in range(6)]
    agents = [agent(name, always="a", asks=True) for name in names]
    async with host_of(tmp_path, *agents, chain_depth_max=4) as host:
        with pytest.raises((GuestError, AgentUnavailable)):
            await host.agents.ask("summarize", ["a"], criteria={"fallback": 8})
        # The one worker is free again.
        await host.install(agent("last", priority=99))
        answer = await host.agents.ask("summarize", ["hello"])

    assert answer.agent == "last"


async def test_an_agent_spends_what_its_asker_has_left(tmp_path: Path) -> None:
    async with host_of(tmp_path, agent("one", always="s"), asker("asker")) as host:
        with pytest.raises((OutOfFuel, GuestError)) as caught:
            await host.call("asker", ASK, asked("hello"), limits={"fuel": 2_000_000})

        usage = caught.value.usage
    assert usage is not None
    assert 1_000_000 < usage.fuel <= 2_000_000


async def test_an_agent_ends_with_its_asker_and_leaves_its_place(tmp_path: Path) -> None:
    async with host_of(tmp_path, agent("one", always="s"), asker("asker")) as host:
        with pytest.raises((DeadlineExceeded, GuestError)):
            await host.call("asker", ASK, asked("hello"), limits={"wall_seconds": 0.2})
        await host.disable("one")
        await host.install(agent("two"))
        outcome = await host.call("asker", ASK, asked("hello"))

    assert json.loads(outcome.result["output"]) == ["hello"]


async def test_a_tenant_pays_for_what_its_plugins_ask_and_no_more_than_it_may(
    tmp_path: Path,
) -> None:
    async with host_of(tmp_path, agent("one", per_call=0.75), asker("asker")) as host:
        await host.agents.budgets.set("default", "*", "ever", 1.0)
        await host.call("asker", ASK, asked("hello"))
        refusal = await told(host)
        (budget,) = await host.agents.budgets.get()

    assert "budget" in refusal
    assert (budget.spent, budget.held) == (0.75, 0.0)


async def test_what_an_agent_asks_is_within_the_ceiling_of_its_own_question(
    tmp_path: Path,
) -> None:
    cheap = agent("cheap", always="a", asks=True, per_call=0.5, priority=90)
    dear = agent("dear", per_call=5.0)
    async with host_of(tmp_path, cheap, dear) as host:
        with pytest.raises((GuestError, AgentUnavailable)):
            await host.agents.ask("summarize", ["a"], criteria={"ceilings": {"cost": 1.0}})
        asks = (await host.agents.asks()).asks

    assert not [each for each in asks if each.agent == "dear" and each.ending == "answered"]
    assert sum(each.cost for each in asks) <= 1.0


GUARDED = """
category = "ai_agent"
capabilities = ["summarize"]
required_scopes = ["texts"]
"""


async def test_a_key_without_an_agents_scopes_does_not_reach_it_through_a_plugin(
    tmp_path: Path,
) -> None:
    guarded = package("one", agent_component(), GUARDED)
    async with host_of(tmp_path, guarded, asker("asker")) as host:
        refusal = await told(host, scopes=["call"])
        outcome = await host.call("asker", ASK, asked("hello"), scopes=["call", "texts"])

    assert "this one lacks texts" in refusal
    assert json.loads(outcome.result["output"]) == ["hello"]


async def test_a_recorded_question_is_asked_again_of_nobody(tmp_path: Path) -> None:
    async with host_of(tmp_path, agent("one"), asker("asker")) as host:
        await host.recordings.set_calls("asker", 5)
        await host.call("asker", ASK, asked("hello"), call_id="mine")
        await host._parts.recorder.flush()
        recording = await host.recordings.find("default", "mine")
        again = await host.replays.one("mine", None, tenant="default")
        asks = (await host.agents.asks()).asks

    (said,) = recording.host_calls
    assert (said.interface, said.function) == ("agents", "ask")
    assert said.arguments == ["summarize", '["hello"]', None]
    assert said.answer["val"]["agent"] == "one"
    assert again.same
    assert len(asks) == 1


@dataclass
class Deeds:
    """What the fake agent does while it is asked, and what it was answered."""

    calls: list[tuple[str, str, list[Any]]] = field(default_factory=list)
    answers: list[Any] = field(default_factory=list)
    error: Exception | None = None
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, arguments: Mapping[str, Any], answer: HostCalls) -> Any:
        self.answers = [await answer(*each) for each in self.calls]
        self.reached.set()
        await self.go_on.wait()
        if self.error is not None:
            raise self.error
        return {"output": "1", "units": 1, "confidence": None, "cacheable": False}

    async def ask(self, arguments: Mapping[str, Any], answer: HostCalls) -> Any:
        return await answer("agents", "ask", ["summarize", "[]", arguments.get("criteria")])

    async def ask_twice(self, arguments: Mapping[str, Any], answer: HostCalls) -> Any:
        return [await self.ask(arguments, answer) for _ in range(2)]


MAY_ASK = '[[permissions]]\npermission = "agents:ask:*"\nreason = "Asks."\n'
MAY_KEEP = """
category = "ai_agent"
capabilities = ["summarize"]
[[permissions]]
permission = "kv:write"
reason = "Keeps."
"""


@asynccontextmanager
async def faked(folder: Path, deeds: Deeds) -> AsyncIterator[FakeHost]:
    bodies = {ASK: deeds.answer, "ask": deeds.ask, "ask-twice": deeds.ask_twice}
    async with fake_host(folder, bodies) as made:
        await made.host.install(package("one", WASM, MAY_KEEP), grants="all")
        await made.host.install(package("asker", WASM, MAY_ASK), grants="all")
        yield made


async def test_an_agent_may_do_no_more_than_its_asker(tmp_path: Path) -> None:
    deeds = Deeds([("kv", "set", ["a", "b", None])])
    deeds.go_on.set()
    async with faked(tmp_path, deeds) as made:
        await made.host.agents.ask("summarize", [])
        by_itself = deeds.answers
        outcome = await made.host.call("asker", "ask", {})

    assert [each["tag"] for each in by_itself] == ["ok"]
    assert outcome.result["tag"] == "ok"
    (refused,) = deeds.answers
    assert refused["val"]["tag"] == "denied"
    assert "asker" in refused["val"]["val"]


async def test_a_right_that_is_revoked_while_an_agent_answers_is_gone_for_the_next_question(
    tmp_path: Path,
) -> None:
    deeds = Deeds()
    async with faked(tmp_path, deeds) as made:
        asking = asyncio.create_task(made.host.call("asker", "ask-twice", {}))
        await deeds.reached.wait()
        await made.host.set_grants("asker", [])
        deeds.go_on.set()
        first, second = (await asking).result

    assert first["tag"] == "ok"
    assert second["val"]["tag"] == "denied"


async def test_a_right_that_is_revoked_while_an_agent_fails_has_nobody_asked_after_it(
    tmp_path: Path,
) -> None:
    deeds = Deeds(error=Trap())
    async with faked(tmp_path, deeds) as made:
        await made.host.install(package("two", WASM, MAY_KEEP), grants="all")
        asking = asyncio.create_task(made.host.call("asker", "ask", {}))
        await deeds.reached.wait()
        await made.host.set_grants("asker", [])
        deeds.go_on.set()
        refused = (await asking).result

    assert refused["val"]["tag"] == "denied"
    assert len(made.executor.jobs) == 2


async def test_what_a_plugin_asked_ends_when_nobody_waits_for_the_plugin(tmp_path: Path) -> None:
    deeds = Deeds()
    async with faked(tmp_path, deeds) as made:
        asking = asyncio.create_task(made.host.call("asker", "ask", {}))
        await deeds.reached.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        running = made.parts.calls.running("default")

    assert running == []


async def test_a_plugin_that_wants_two_agents_at_once_has_one_after_the_other(
    tmp_path: Path,
) -> None:
    deeds = Deeds()
    deeds.go_on.set()
    async with faked(tmp_path, deeds) as made:
        await made.host.install(package("two", WASM, MAY_KEEP), grants="all")
        outcome = await made.host.call("asker", "ask", {"criteria": '{"hedge": true}'})
        (known,) = (await made.host.agents.asks()).asks

    assert outcome.result["tag"] == "ok"
    assert [each.hedge for each in known.attempts] == [False]
