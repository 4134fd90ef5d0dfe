"""Two hosts on one PostgreSQL: what one finds of an agent holds on both."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from hosts import WASM, FakeHost, fake_host
from packages import package
from wardian.agents.questions import Question
from wardian.errors import AgentUnavailable, Trap
from wardian.plugins.agents import AGENT_ASK

pytestmark = pytest.mark.anyio

HEARD_SECONDS = 20.0
"""How long a test waits for what takes a second or two; the machine may be busy."""

AGENT = 'category = "ai_agent"\ncapabilities = ["summarize@1.0.0"]'

Pair = tuple[FakeHost, FakeHost]


class Mood:
    """An agent that traps as long as it is ill, and counts who asks it."""

    def __init__(self) -> None:
        self.is_ill = False
        self.asked = 0
        self.go = asyncio.Event()
        self.go.set()

    async def __call__(self, arguments: Mapping[str, Any], answer: Any) -> Any:
        self.asked += 1
        await self.go.wait()
        if self.is_ill:
            raise Trap("It is ill.")
        return {"output": "1", "units": 1, "confidence": None, "cacheable": False}


@pytest.fixture
def mood() -> Mood:
    return Mood()


@pytest.fixture
async def pair(postgres_url: str, tmp_path: Path, mood: Mood) -> AsyncIterator[Pair]:
    settings = {
        "database_url": postgres_url,
        "packages_dir": tmp_path / "packages",
        "agent_failures_max": 3,
        "agent_open_seconds": 0.5,
    }
    key = f"file:{tmp_path / 'one' / 'root.key'}"
    async with (
        fake_host(tmp_path / "one", {AGENT_ASK: mood}, **settings) as one,
        fake_host(tmp_path / "other", {AGENT_ASK: mood}, root_key=key, **settings) as other,
    ):
        async with asyncio.timeout(HEARD_SECONDS):
            await one.relay.listens.wait()
            await other.relay.listens.wait()
        await one.host.install(package("lead", WASM, AGENT))
        yield one, other


async def ask(made: FakeHost) -> bool:
    """Whether a question was answered."""
    try:
        await made.host.agents.ask("summarize", 1)
    except AgentUnavailable:
        return False
    return True


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(HEARD_SECONDS):
        while not await holds():
            await asyncio.sleep(0.02)


async def is_kept_away(made: FakeHost) -> bool:
    """Whether no question would be put, which is looked at without putting one."""
    question = Question(tenant="default", capability="summarize", input="1")
    explained = await made.host.agents.asking.explain(question)
    return explained.decision is None


async def test_what_opens_on_one_host_keeps_questions_away_on_the_other(
    pair: Pair, mood: Mood
) -> None:
    one, other = pair
    assert await ask(other)
    mood.is_ill = True
    for _ in range(3):
        assert not await ask(one)

    await until(lambda: is_kept_away(other))

    assert (await other.host.agents.health.find("default", "lead")).state != "closed"


async def test_of_two_hosts_one_tries_an_agent_again_and_both_ask_it_then(
    pair: Pair, mood: Mood
) -> None:
    one, other = pair
    mood.is_ill = True
    for _ in range(3):
        await ask(one)
    await until(lambda: is_kept_away(other))
    mood.is_ill, mood.asked = False, 0
    mood.go.clear()  # the trial goes on for as long as the test looks at it

    trials: list[asyncio.Task[bool]] = []
    async with asyncio.timeout(HEARD_SECONDS):
        while not mood.asked:
            trials += [asyncio.create_task(ask(made)) for made in pair]
            await asyncio.sleep(0.05)
    for _ in range(30):
        trials += [asyncio.create_task(ask(made)) for made in pair]
        await asyncio.sleep(0.05)

    assert mood.asked == 1
    mood.go.set()
    assert sum(await asyncio.gather(*trials)) == 1
    for made in pair:
        await until(lambda made=made: ask(made))  # type: ignore[misc]
    assert (await one.host.agents.health.find("default", "lead")).state == "closed"


async def test_what_is_scored_on_one_host_is_known_of_a_trial_on_the_other(
    pair: Pair, mood: Mood
) -> None:
    one, other = pair
    await one.host.upgrade(package("lead", WASM + b"\0", AGENT, "2.0.0"))
    await one.host.agents.trials.start("default", "lead", "1.0.0", share=0.5)

    async def answers() -> bool:
        answer = await other.host.agents.ask("summarize", 1)
        return answer.version == "1.0.0"

    await until(answers)
    answer = await other.host.agents.ask("summarize", 1)
    await one.host.agents.feedback.give("default", answer.id, score=1.0, by="ada")

    async def is_known() -> bool:
        view = await one.host.agents.trials.status("default", "lead")
        return view.other.asked >= 1

    await until(is_known)
    await other.host.agents.trials.stop("default", "lead")

    async def is_over() -> bool:
        found = [await one.host.agents.ask("summarize", 1) for _ in range(5)]
        return {each.version for each in found} == {"2.0.0"}

    await until(is_over)
