"""What is played: for each strategy what its name promises, and what everybody may rely on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from random import Random
from statistics import fmean

from simulation.world import FOR_EVER, Agent, Played, Purse, Right, World, constant
from wardian.agents.health.breaker import BreakerLimits
from wardian.agents.money import CostModel
from wardian.agents.registry.decay import HalfLives
from wardian.agents.routing.strategies.qualities import LATENCY_LEAST_MS, scale_of

QUESTIONS = 600
SEEDS = range(1, 21)

OUTAGE = (200.0, 400.0)
BREAKER = BreakerLimits(open_seconds=5, open_seconds_max=40)

DRIFT_AT = 300 * 60.0
DRIFT_LIVES = HalfLives(quality=3_600.0, latency=3_600.0)

BUDGET = 100_000

TRADES = (
    # Looks cheapest before it was asked, and turns out to take many units.
    Played(
        name="wordy",
        quality=constant(0.5),
        latency_ms=700.0,
        cost=CostModel(per_unit=10),
        units=4_000,
        units_max=10_000,
    ),
    Played(
        name="cheap",
        quality=constant(0.4),
        latency_ms=800.0,
        cost=CostModel(per_unit=12),
        units=1_000,
        units_max=10_000,
    ),
    Played(
        name="quick",
        quality=constant(0.6),
        latency_ms=50.0,
        cost=CostModel(per_unit=40),
        units=1_000,
        units_max=10_000,
    ),
    Played(
        name="good",
        quality=constant(0.9),
        latency_ms=900.0,
        cost=CostModel(per_unit=60),
        units=1_000,
        units_max=10_000,
    ),
)


def _least(measure: Callable[[Agent], float]) -> Right:
    def right(world: World) -> set[str]:
        least = min(measure(agent) for agent in world.agents.values())
        return {name for name, agent in world.agents.items() if measure(agent) == least}

    return right


def _loaded(agent: Agent) -> float:
    return agent.known.in_flight / agent.played.concurrent


def _worth(world: World) -> dict[str, float]:
    """Return what the default weights make of what the agents are really like, idle."""
    agents = [agent.played for agent in world.agents.values()]
    costs = scale_of([each.cost.of(each.units) for each in agents])
    latencies = scale_of([each.latency_ms for each in agents], LATENCY_LEAST_MS)
    return {
        each.name: costs.part(each.cost.of(each.units))
        + latencies.part(each.latency_ms)
        + 2.0 * each.quality(0.0)
        for each in agents
    }


def _worthiest(world: World) -> set[str]:
    worth = _worth(world)
    return {max(worth, key=worth.__getitem__)}


def _worthy(world: World) -> set[str]:
    worth = _worth(world)
    best = max(worth.values())
    return {name for name, each in worth.items() if each >= best - 0.35}


def _within(times: float, measure: Callable[[Agent], float]) -> Right:
    def right(world: World) -> set[str]:
        least = min(measure(agent) for agent in world.agents.values())
        return {name for name, a in world.agents.items() if measure(a) <= times * least}

    return right


PROMISES: dict[str, Right] = {
    "cheapest": _least(lambda agent: agent.played.cost.of(agent.played.units)),
    "fastest": _least(lambda agent: agent.played.latency_ms),
    "best-quality": _least(lambda agent: -agent.played.quality(0.0)),
    "thompson": _least(lambda agent: -agent.played.quality(0.0)),
    "weighted": _worthiest,
    "round-robin": _least(lambda agent: agent.asked),
    "least-loaded": _least(_loaded),
}
"""By strategy: who would be right to ask, by what the agents are really like."""


def promise(strategy: str, seed: int) -> World:
    """Have a strategy choose among agents of which each is the best at something else."""
    right = PROMISES[strategy]
    return World(TRADES, strategy, seed=seed, every_seconds=0.4, right=right).run(QUESTIONS)


NEARLY: dict[str, Right] = {
    "cheapest": _within(1.0, lambda agent: agent.played.cost.of(agent.played.units)),
    "fastest": _within(1.3, lambda agent: agent.played.latency_ms),
    "best-quality": _within(2.0, lambda agent: 1.0 - agent.played.quality(0.0)),
    "thompson": _within(2.0, lambda agent: 1.0 - agent.played.quality(0.0)),
    "weighted": _worthy,
    "round-robin": PROMISES["round-robin"],
    "least-loaded": PROMISES["least-loaded"],
}
"""By strategy: who would be right to ask, or next to it, where several are nearly alike."""


def elsewhere(strategy: str, seed: int) -> World:
    """Have a strategy choose among agents of which nothing was chosen by hand: how many there are,
    what each is like, how often one is asked, and how late its answers are judged."""
    random = Random(seed)
    agents = [
        Played(
            name=f"a{number:02}",
            quality=constant(random.uniform(0.2, 0.95)),
            latency_ms=10.0 ** random.uniform(1.0, 3.5),
            cost=CostModel(per_call=round(10.0 ** random.uniform(2.0, 6.0))),
        )
        for number in range(random.randint(2, 16))
    ]
    # Slow enough that nobody has more than a few at a time, or load would count, too.
    every, judged = 10.0 ** random.uniform(0.5, 1.5), random.choice([0.0, 1.0, 30.0])
    return World(
        agents,
        strategy,
        seed=seed,
        every_seconds=every,
        judged_after=judged * every,
        lives=HalfLives(),
        right=NEARLY[strategy],
    ).run(QUESTIONS)


@cache
def regret(strategy: str, seed: int) -> tuple[float, ...]:
    """Return the regret up to each question, among ten agents of different quality."""
    agents = [Played(name=f"a{n}", quality=constant(0.3 + 0.05 * n)) for n in range(10)]
    total = 0.0
    found: list[float] = []
    for step in World(agents, strategy, seed=seed).run(QUESTIONS).steps:
        total += step.regret
        found.append(total)
    return tuple(found)


def outage(seed: int) -> World:
    """Have the fastest of three fail for a while."""
    agents = (
        Played(name="quick", latency_ms=20.0, fails=lambda time: OUTAGE[0] <= time < OUTAGE[1]),
        Played(name="second", latency_ms=200.0),
        Played(name="third", latency_ms=400.0),
    )
    return World(agents, "fastest", seed=seed, limits=BREAKER).run(QUESTIONS)


def drift(seed: int, lives: HalfLives = DRIFT_LIVES) -> World:
    """Have the better of two agents become the worse one half of the way."""
    agents = (
        Played(name="fading", quality=lambda time: 0.9 if time < DRIFT_AT else 0.2),
        Played(name="steady", quality=constant(0.6)),
    )
    right = _right_now
    return World(agents, "thompson", seed=seed, every_seconds=60.0, lives=lives, right=right).run(
        QUESTIONS
    )


def _right_now(world: World) -> set[str]:
    return {
        max(world.agents.values(), key=lambda agent: agent.played.quality(world.time)).played.name
    }


def drift_unaged(seed: int) -> World:
    """The same, and nothing that was seen grows old."""
    return drift(seed, FOR_EVER)


MANY = 3_000
"""So many questions are asked before an agent that many ask becomes worse."""


def drift_of_many(seed: int) -> World:
    """Have the better of two agents become the worse one after three days of a thousand questions
    each, which all are nearly new by the half-life."""
    every = 86.4
    agents = (
        Played(name="fading", quality=lambda time: 0.9 if time < MANY * every else 0.2),
        Played(name="steady", quality=constant(0.6)),
    )
    lives, right = HalfLives(), _right_now
    return World(agents, "thompson", seed=seed, every_seconds=every, lives=lives, right=right).run(
        MANY + QUESTIONS
    )


def spending(strategy: str, seed: int) -> World:
    """Have agents cost more than there is; some dozens of questions are under way at once."""
    agents = [
        Played(
            name=f"a{n}",
            latency_ms=3_000.0,
            cost=CostModel(per_call=10, per_unit=3),
            units=60,
            units_max=100,
        )
        for n in range(5)
    ]
    return World(agents, strategy, seed=seed, every_seconds=0.1, purse=Purse(BUDGET)).run(
        QUESTIONS * 2
    )


def share_right(world: World, since: int) -> float:
    """Return the share of questions that were put to whom the strategy promises."""
    return fmean(step.was_right for step in world.steps[since:])


def over_time(values: Sequence[float], window: int = 30) -> list[float]:
    """Return the mean of the last few values at each."""
    return [fmean(values[max(0, end - window) : end]) for end in range(1, len(values) + 1)]
