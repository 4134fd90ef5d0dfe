"""How one question comes to an answer: the chosen agent, others beside it or after it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator
from functools import partial

from wardian.agents.asking.attempt import Attempt
from wardian.agents.asking.attempts import Attempts, Say
from wardian.agents.asking.outcomes import budget_error
from wardian.agents.budgets.allowances import Allowance
from wardian.agents.candidates import Candidate, Ending
from wardian.agents.questions import Piece, Question

HEDGE_FACTOR = 2.0
"""An agent takes longer than usual when it takes longer than so many times its mean."""

HEDGE_SECONDS_MIN = 0.05

HedgeAfter = Callable[[Candidate], float]
"""How many seconds an agent has before another is asked beside it."""

_TOO_DEAR = "it may cost as much as the budget has just refused"

_log = logging.getLogger("wardian.agents")


def hedge_after(candidate: Candidate) -> float:
    """Return how many seconds an agent has: twice its mean time to an answer."""
    return max(HEDGE_SECONDS_MIN, HEDGE_FACTOR * candidate.latency_ms / 1_000)


class Ears:
    """Hears one agent at a time, and says where another begins."""

    def __init__(self, question: Question) -> None:
        self._on_piece = question.on_piece
        self._speaker: Attempt | None = None
        self._was_heard = False

    def of(self, attempt: Attempt) -> Say | None:
        """Return what hears an attempt; None if nobody wants to."""
        return None if self._on_piece is None else partial(self._hear, attempt)

    async def listen(self, attempt: Attempt) -> None:
        """Hear this attempt from now on, and none before it."""
        self._speaker = attempt
        if self._was_heard:
            self._was_heard = False
            await self._tell(Piece(text="", agent=attempt.candidate.agent, restarted=True))

    async def _hear(self, attempt: Attempt, text: str) -> None:
        if attempt is self._speaker:
            self._was_heard = True
            await self._tell(Piece(text=text, agent=attempt.candidate.agent))

    async def _tell(self, piece: Piece) -> None:
        if self._on_piece is None:
            return
        try:
            await self._on_piece(piece)
        except Exception:  # noqa: BLE001 -- who does not hear well still gets the answer
            _log.exception("A piece of an answer was not heard; no more of them are told.")
            self._on_piece = None


class Pursuit:
    """Asks the agents that a decision ranked, until one has answered.

    Attributes:
        attempts: everybody who was asked, or would have been, in order.
    """

    def __init__(
        self,
        attempts: Attempts,
        question: Question,
        ranked: Iterable[Candidate],
        allowance: Allowance,
        after: HedgeAfter = hedge_after,
    ) -> None:
        self._attempts = attempts
        self._question = question
        self._left = iter(ranked)
        self._allowance = allowance
        self._after = after
        self._ears = Ears(question)
        self._tasks: dict[asyncio.Task[Attempt], Attempt] = {}
        self._too_dear: int | None = None
        self.attempts: list[Attempt] = []

    async def run(self) -> Attempt | None:
        """Return the attempt that was answered; None if none was.

        At most as many are asked after the first as the question's criteria say; those that could
        not be asked at all do not count.
        """
        try:
            for candidate in self._left:
                if self._is_too_dear(candidate):
                    continue
                answered = await self._race(candidate)
                if answered is not None:
                    return answered
                if any(each.is_final for each in self.attempts) or self._asked_enough():
                    return None
        except Exception:
            await self.end()
            raise
        return None

    async def end(self) -> None:
        """End what is still being asked, for nobody waits; return when it has ended."""
        for task, attempt in self._tasks.items():
            attempt.is_abandoned = True
            task.cancel()
        if self._tasks:
            done, _ = await asyncio.wait(list(self._tasks))
            list(self._ended(done))

    async def _race(self, first: Candidate) -> Attempt | None:
        """Ask one, and another beside it if that is wished and the first takes long."""
        attempt = self._begin(first)
        await self._ears.listen(attempt)
        running = {self._start(attempt)}
        if self._may_hedge():
            done, _ = await asyncio.wait(running, timeout=self._after(first))
            if not done:
                running |= self._hedges()
        answered = await self._first_answered(running)
        if answered is not None and answered is not attempt:
            await self._ears.listen(answered)
        return answered

    def _hedges(self) -> set[asyncio.Task[Attempt]]:
        other = next((each for each in self._left if not self._is_too_dear(each)), None)
        if other is None:
            return set()
        return {self._start(self._begin(other, hedge=True))}

    async def _first_answered(self, running: set[asyncio.Task[Attempt]]) -> Attempt | None:
        answered: Attempt | None = None
        while running and answered is None:
            done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for each in self._ended(done):
                answered = answered or (each if each.ending is Ending.ANSWERED else None)
        for task in running:
            self._tasks[task].outrun_by = "" if answered is None else answered.candidate.agent
            task.cancel()
        if running:
            done, _ = await asyncio.wait(running)
            list(self._ended(done))
        return answered

    def _ended(self, done: set[asyncio.Task[Attempt]]) -> Iterator[Attempt]:
        for task in done:
            attempt = self._tasks.pop(task)
            if task.cancelled():  # before it had begun
                attempt.ending = Ending.CANCELLED
            else:
                task.result()
            if budget_error(attempt) is not None:
                self._too_dear = attempt.most_nanos
            yield attempt

    def _begin(self, candidate: Candidate, *, hedge: bool = False) -> Attempt:
        attempt = Attempt(candidate, hedge=hedge)
        self.attempts.append(attempt)
        return attempt

    def _start(self, attempt: Attempt) -> asyncio.Task[Attempt]:
        say = None if attempt.hedge else self._ears.of(attempt)
        made = self._attempts.make(self._question, attempt, self._allowance, say)
        task = asyncio.create_task(made, name=f"wardian-ask-{self._question.id}")
        self._tasks[task] = attempt
        return task

    def _asked_enough(self) -> bool:
        asked = sum(each.was_put and not each.hedge for each in self.attempts)
        return asked > self._question.criteria.fallback

    def _may_hedge(self) -> bool:
        # Two calls of one caller would take turns in the one place that it has.
        return self._question.criteria.hedge and self._question.caller is None

    def _is_too_dear(self, candidate: Candidate) -> bool:
        """Tell whether the budget has just refused as much as this may cost; note it if so."""
        attempt = Attempt(candidate, ending=Ending.NOT_BEGUN, reason=_TOO_DEAR)
        if self._too_dear is None or attempt.most_nanos < self._too_dear:
            return False
        self.attempts.append(attempt)
        return True
