"""A world of agents whose true qualities are known, with questions that come at even times.

Only the agents, the clock and the purse are played. Who is asked is decided by the real router,
what is learned of it is the real evidence, growing old, and the real breaker keeps questions from
those who fail.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from routes import candidate, wanted
from wardian.agents.candidates import Candidate, Ending, Outcome
from wardian.agents.health.breaker import Breaker, BreakerLimits, State, admit, ended
from wardian.agents.money import CostModel
from wardian.agents.registry import quality
from wardian.agents.registry.decay import Evidence, HalfLives
from wardian.agents.routing.router import AIStrategyRouter
from wardian.agents.routing.rules import RuleSet
from wardian.errors import AgentUnavailable, BudgetExceeded

PRICE = CostModel(per_call=1)

FOR_EVER = HalfLives(quality=1e12, latency=1e12)


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What an agent is really like.

    Attributes:
        quality: how likely an answer is judged good, at a time in seconds.
        fails: whether it fails at a time.
        units: that its answers take, on average; no more than ``units_max``.
    """

    name: str
    quality: Callable[[float], float] = lambda time: 0.5
    latency_ms: float = 100.0
    cost: CostModel = PRICE
    units: int = 0
    units_max: int = 1
    concurrent: int = 16
    fails: Callable[[float], bool] = lambda time: False


def constant(value: float) -> Callable[[float], float]:
    """Return a quality that stays."""
    return lambda time: value


@dataclass(slots=True)
class Purse:
    """A budget as it has to be, in memory: what may be spent is held before it is."""

    limit: float = math.inf
    spent: int = 0
    held: int = 0

    def reserve(self, most: int) -> None:
        """Hold what a question may cost; raise BudgetExceeded if less is left."""
        if self.spent + self.held + most > self.limit:
            raise BudgetExceeded
        self.held += most

    def settle(self, most: int, cost: int) -> None:
        """Charge what it cost, and free the rest."""
        self.held -= most
        self.spent += cost


@dataclass(frozen=True, slots=True)
class Step:
    """One question: who was asked, and who would have been right by the strategy's promise.

    Attributes:
        chosen: empty if nobody could be asked.
        regret: how much better the best agent is than the chosen one.
    """

    time: float
    chosen: str
    was_right: bool
    regret: float
    ending: Ending
    spent: int
    held: int


@dataclass(order=True, slots=True)
class _Running:
    """A question until it ends."""

    ends: float
    number: int
    agent: Agent = field(compare=False)
    outcome: Outcome = field(compare=False)
    begun: float = field(compare=False)
    score: float = field(compare=False)


@dataclass(order=True, slots=True)
class _Judging:
    """An answer until somebody says what it is worth."""

    due: float
    number: int
    agent: Agent = field(compare=False)
    score: float = field(compare=False)


@dataclass(slots=True, eq=False)
class Agent:
    """One of them: what it is, what is known of it, and its breaker."""

    played: Played
    known: Candidate
    evidence: Evidence = field(default_factory=Evidence)
    breaker: Breaker = field(default_factory=Breaker)
    asked: int = 0

    @property
    def most(self) -> int:
        """What a question may cost."""
        return self.known.cost.of(self.known.units_max)


Right = Callable[["World"], set[str]]


class World:
    """Agents, and what has become of the questions.

    Answers are judged ``judged_after`` seconds after they were given.
    """

    def __init__(
        self,
        agents: Sequence[Played],
        strategy: str,
        *,
        seed: int = 1,
        every_seconds: float = 1.0,
        lives: HalfLives = FOR_EVER,
        limits: BreakerLimits | None = None,
        purse: Purse | None = None,
        judged_after: float = 0.0,
        right: Right = lambda world: set(),
    ) -> None:
        self.agents = {each.name: Agent(each, _known(each)) for each in agents}
        self.steps: list[Step] = []
        self.time = 0.0
        self.purse = purse or Purse()
        self._request = wanted(strategy=strategy)
        self._random = Random(seed)
        self._router = AIStrategyRouter(lambda tenant: RuleSet(), random=Random(seed))
        self._every, self._lives, self._right = every_seconds, lives, right
        self._limits = limits or BreakerLimits()
        self._judged_after = judged_after
        self._running: list[_Running] = []
        self._judging: list[_Judging] = []
        self._known = tuple(agent.known for agent in self.agents.values())

    def run(self, questions: int) -> World:
        """Ask so many."""
        for _ in range(questions):
            self.time += self._every
            self._end_those_due()
            self._judge_those_due()
            for agent in self.agents.values():
                self._tell(agent)
            self.steps.append(self._ask())
        return self

    def chosen(self, since: int = 0) -> Counter[str]:
        """Count who was asked, from a step on."""
        return Counter(step.chosen for step in self.steps[since:])

    def _ask(self) -> Step:
        right = self._right(self)
        try:
            ranked = self._router.decide(self._request, self._known).ranked
            agent = next(filter(self._admits, (self.agents[each.agent] for each in ranked)))
            self.purse.reserve(agent.most)
        except (AgentUnavailable, BudgetExceeded, StopIteration):
            return self._step("", False, 0.0, Ending.NOT_BEGUN)
        best = max(each.played.quality(self.time) for each in self.agents.values())
        ending = self._begin(agent)
        regret = best - agent.played.quality(self.time)
        return self._step(agent.played.name, agent.played.name in right, regret, ending)

    def _step(self, chosen: str, was_right: bool, regret: float, ending: Ending) -> Step:
        return Step(self.time, chosen, was_right, regret, ending, self.purse.spent, self.purse.held)

    def _admits(self, agent: Agent) -> bool:
        agent.breaker, is_let = admit(agent.breaker, self._limits, self.time)
        return is_let

    def _begin(self, agent: Agent) -> Ending:
        played, random = agent.played, self._random
        ending = Ending.FAILED if played.fails(self.time) else Ending.ANSWERED
        units = min(round(random.uniform(0.5, 1.5) * played.units), played.units_max)
        cost = played.cost.of(units if ending is Ending.ANSWERED else 0)
        latency = played.latency_ms * random.uniform(0.5, 1.5)
        outcome = Outcome(ending=ending, latency_ms=latency, cost_nanos=cost, units=units)
        score = 1.0 if random.random() < played.quality(self.time) else 0.0
        ends = self.time + latency / 1_000.0
        running = _Running(ends, len(self.steps), agent, outcome, self.time, score)
        heapq.heappush(self._running, running)
        agent.known.carry(agent.known.in_flight + 1)
        agent.asked += 1
        return ending

    def _end_those_due(self) -> None:
        while self._running and self._running[0].ends <= self.time:
            one = heapq.heappop(self._running)
            agent, outcome = one.agent, one.outcome
            agent.known.carry(agent.known.in_flight - 1)
            self.purse.settle(agent.most, outcome.cost_nanos)
            agent.breaker = ended(agent.breaker, self._limits, one.ends, outcome.ending, one.begun)
            self._learn(agent, quality.seen(outcome, one.ends))
            if outcome.ending is Ending.ANSWERED:
                due = one.ends + self._judged_after
                heapq.heappush(self._judging, _Judging(due, one.number, agent, one.score))

    def _judge_those_due(self) -> None:
        while self._judging and self._judging[0].due <= self.time:
            one = heapq.heappop(self._judging)
            self._learn(one.agent, quality.judged(one.score, 1.0, one.due))

    def _learn(self, agent: Agent, evidence: Evidence | None) -> None:
        if evidence is not None:
            agent.evidence.add(evidence, self._lives)

    def _tell(self, agent: Agent) -> None:
        agent.evidence.grow_old(self.time, self._lives)
        quality.tell(agent.known, agent.evidence)
        breaker = agent.breaker
        agent.known.is_available = breaker.state is State.CLOSED or breaker.may_be_tried(self.time)


def _known(played: Played) -> Candidate:
    return candidate(
        played.name,
        asked=0,
        cost=played.cost,
        units_max=played.units_max,
        concurrent_max=played.concurrent,
    )
