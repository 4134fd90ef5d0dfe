"""Rows about agents: how long it takes to choose one among a hundred, and to have one answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from functools import partial
from pathlib import Path
from random import Random
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from agents import ASK, agent, agent_component, agents_host, asked, question
from benchmarks.bench import Bench, Measurement
from benchmarks.figures import Figure, Row, at_most
from benchmarks.measuring import MICRO, compare, seconds_of, take_turns
from packages import package
from routes import Wanted, candidate, wanted
from wardian.agents.candidates import Candidate
from wardian.agents.routing.router import AIStrategyRouter
from wardian.agents.routing.rules import RULES_MAX, RuleSet, parse_rules
from wardian.agents.routing.strategies import DEFAULT, NAMES

AGENTS = 100
GOAL = at_most(50, absolute=True)

DEFAULT_ROW = Row("decision among 100 agents", "µs", goal=GOAL)
ROWS = {
    name: Row(f"decision among 100 agents, {name}", "µs", goal=GOAL)
    for name in NAMES
    if name != DEFAULT
}
CEILINGS_ROW = Row("decision among 100 agents, with every ceiling", "µs")
RULES_ROW = Row(f"decision among 100 agents, after {RULES_MAX} rules", "µs")
SHARES_ROW = Row(f"decision among 100 agents, after {RULES_MAX} shares of questions", "µs")

DECISIONS = (DEFAULT_ROW, *ROWS.values(), CEILINGS_ROW, RULES_ROW, SHARES_ROW)

QUESTIONS_IN_A_TURN = 25
ALONE = "a call of the same component alone"

ASKS_GOAL = at_most(3)
ASK_ROW = Row("ask of an agent, p50", "µs", ALONE, goal=ASKS_GOAL)
PAID_ROW = Row("ask of an agent that costs something, p50", "µs", ALONE, goal=ASKS_GOAL)
BUDGET_ROW = Row("ask of an agent within a budget, p50", "µs", ALONE, goal=ASKS_GOAL)
ASK_ROWS = (ASK_ROW, PAID_ROW, BUDGET_ROW)


def deciding(bench: Bench) -> Iterator[Figure]:
    """All of a decision: the tenant's rules, who can be asked, scores, and the ranking."""
    agents = _agents(Random(1))
    plain = AIStrategyRouter(lambda tenant: RuleSet(), random=Random(2))
    rules = {RULES_ROW: _rules("subject", "team-{}-*"), SHARES_ROW: _rules("share", 1e-9)}
    requests = {ROWS[name]: wanted(strategy=name) for name in ROWS}
    requests |= {DEFAULT_ROW: Wanted(), CEILINGS_ROW: _with_ceilings()}
    calls = {row.name: partial(plain.decide, each, agents) for row, each in requests.items()}
    for row, each in rules.items():
        calls[row.name] = partial(_ruled(each).decide, Wanted(), agents)
    found = compare(calls, bench.effort)
    for row in DECISIONS:
        yield Figure(row, found[row.name] * MICRO)


def _ruled(rules: RuleSet) -> AIStrategyRouter:
    return AIStrategyRouter(lambda tenant: rules, random=Random(2))


def _agents(random: Random) -> tuple[Candidate, ...]:
    """Return agents of which every one can be asked, and no two are alike."""
    return tuple(
        candidate(
            f"agent-{number}",
            priority=random.randrange(101),
            cost_nanos=random.uniform(1e3, 1e9),
            latency_ms=random.uniform(5.0, 2_000.0),
            alpha=random.uniform(1.0, 60.0),
            beta=random.uniform(1.0, 60.0),
            in_flight=random.randrange(16),
        )
        for number in range(AGENTS)
    )


def _with_ceilings() -> Wanted:
    ceilings = {
        "cost": 1e6,
        "latency_ms": 1_900,
        "load": 0.95,
        "quality_min": 0.1,
        "priority_min": 1,
    }
    return wanted(ceilings=ceilings)


def _rules(condition: str, value: str | float) -> RuleSet:
    """Return as many rules as there can be, none of which is the one."""
    rules = [
        {
            "name": f"r{number}",
            "strategy": "cheapest",
            "when": {condition: value.format(number) if isinstance(value, str) else value},
        }
        for number in range(RULES_MAX)
    ]
    return parse_rules({"rules": rules})


def asking(bench: Bench) -> Iterator[Figure]:
    """The same component asked, asked for money and within a budget, and called as any function."""

    async def figures() -> list[Figure]:
        return [figure async for figure in _asking(bench)]

    yield from asyncio.run(figures())


async def _asking(bench: Bench) -> AsyncIterator[Figure]:
    paid = agent("paid", "digest@1.0.0", per_unit=1e-9)
    bound = agent("bound", "translate@1.0.0", per_unit=1e-9)
    plain = package("plain", agent_component())
    with TemporaryDirectory() as folder:
        async with agents_host(Path(folder), agent("free"), paid, bound, plain) as host:
            await host.agents.budgets.set("default", "translate", "ever", 1_000_000.0)
            text = question("x")
            ways = {
                ASK_ROW.name: partial(host.agents.ask, "summarize", text),
                PAID_ROW.name: partial(host.agents.ask, "digest", text),
                BUDGET_ROW.name: partial(host.agents.ask, "translate", text),
                ALONE: partial(host.call, "plain", ASK, asked("x")),
            }
            turns = {name: partial(_p50, way) for name, way in ways.items()}
            for turn in turns.values():
                await turn()
            found = await take_turns(turns, bench.effort.samples(40))
    alone = median(found[ALONE]) * MICRO
    for row in ASK_ROWS:
        yield Figure(row, median(found[row.name]) * MICRO, {ALONE: alone})


async def _p50(way: Callable[[], Coroutine[Any, Any, Any]]) -> float:
    return median([await seconds_of(way()) for _ in range(QUESTIONS_IN_A_TURN)])


MEASUREMENTS = (
    Measurement(DECISIONS, deciding),
    Measurement(ASK_ROWS, asking),
)
