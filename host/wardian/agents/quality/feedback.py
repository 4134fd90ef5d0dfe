"""What askers think of answers: written down, and told to whoever learns from it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Protocol

from wardian.agents.asking.ask_rows import AskRows
from wardian.agents.candidates import Candidate
from wardian.agents.ports import Candidates
from wardian.agents.registry.decay import HalfLives, halved, share_left
from wardian.agents.views import FeedbackView
from wardian.crypto.identifiers import new_id
from wardian.errors import Conflict, Forbidden, InvalidArguments, NotFound
from wardian.storage import Database
from wardian.storage.agent_feedback import AnsweredRow, FeedbackRepository, FeedbackRow
from wardian.storage.rows import now

LABELS: Mapping[str, float] = MappingProxyType(
    {
        "excellent": 1.0,
        "good": 0.8,
        "fair": 0.5,
        "poor": 0.2,
        "bad": 0.0,
        "correct": 1.0,
        "incorrect": 0.0,
        "helpful": 1.0,
        "unhelpful": 0.0,
        "accepted": 1.0,
        "edited": 0.6,
        "rejected": 0.0,
        "harmful": 0.0,
    }
)
"""What may be said of an answer in a word, and the score that it stands for."""

COMMENT_CHARACTERS_MAX = 4_000
ASKERS_MAX = 100
"""So many may say something of one answer."""

OPINIONS_MAX = 50
"""So many of one asker's scores of a version count for a capability, the newest: however often
somebody asks and judges, nobody alone decides what an agent is worth."""

SCORE_WEIGHT = 1.0

_BY_CHARACTERS_MAX = 200
_PRUNED_EVERY = 100


class Scored(Protocol):
    """Hears of scores, beside the candidates: the trial that an answer was a part of."""

    def scored(self, tenant: str, answered: AnsweredRow, score: float, weight: float) -> None:
        """Learn a score of an answer; a weight below 0 takes one back."""
        ...


class Judged(Protocol):
    """Counts feedback."""

    def judged(self, tenant: str, agent: str) -> None:
        """Count one."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackParts:
    """What feedback is taken with.

    Attributes:
        rows: writes down what is judged.
        kept: so many are kept of a tenant, the newest.
        lives: how fast what was said is forgotten.
    """

    database: Database
    rows: AskRows
    candidates: Candidates
    trials: Scored
    metrics: Judged
    kept: int = 100_000
    lives: HalfLives = field(default_factory=HalfLives)
    now: Callable[[], datetime] = now


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """What somebody thinks of an answer.

    Attributes:
        score: 0 to 1; None takes that of the label, if there is one.
        label: one of `LABELS`, or empty.
    """

    score: float | None = None
    label: str = ""
    comment: str = ""


class AgentFeedback:
    """Takes feedback."""

    def __init__(self, parts: FeedbackParts) -> None:
        self._parts = parts
        self._given = 0

    async def give(
        self,
        tenant: str,
        ask_id: str,
        *,
        score: float | None = None,
        label: str = "",
        comment: str = "",
        by: str = "host",
    ) -> FeedbackView:
        """Say what ``by`` thinks of an answer; what it said of it before counts no more.

        Args:
            score: 0 to 1.
            label: one of `LABELS`, which stands for a score if none is given.

        Raises:
            NotFound: the tenant has no such question, or it is kept no more.
            Conflict: it was not answered, or its agent is there no more.
            Forbidden: the agent would judge itself.
            InvalidArguments: nothing is said, or no score, no label, too long a comment.
        """
        opinion = _checked(Opinion(score=score, label=label, comment=comment))
        await self._parts.rows.caught_up(tenant)
        try:
            return await self._give(tenant, ask_id, opinion, by)
        except NotFound:
            if not await self._parts.rows.elsewhere():
                raise
        return await self._give(tenant, ask_id, opinion, by)

    async def of(self, tenant: str, asks: Sequence[str]) -> list[FeedbackView]:
        """Return what was said of the answers to these questions, the oldest first."""
        async with self._parts.database.reading() as connection:
            rows = await FeedbackRepository(connection, tenant).of_asks(list(asks))
        return [_view(row) for row in rows]

    async def _give(self, tenant: str, ask_id: str, opinion: Opinion, by: str) -> FeedbackView:
        await self._parts.candidates.refresh(tenant)
        async with self._parts.database.transaction() as connection:
            repository = FeedbackRepository(connection, tenant)
            answered = await _answered(repository, ask_id)
            _check_asker(answered, by)
            candidate = self._candidate(tenant, answered)
            known = self._parts.candidates
            halvings = None if candidate is None else known.halvings(tenant, candidate)
            row = self._row(answered, opinion, by, halvings)
            if not await repository.agent_exists(row.plugin_id):
                raise Conflict(f"The agent {answered.agent} is not installed any more.")
            before = await repository.mean_of_ask(row.ask)
            former = await repository.put(row)
            after = await repository.mean_of_ask(row.ask)
            if former is None and await repository.number_of_ask(row.ask) > ASKERS_MAX:
                raise Conflict(f"{ASKERS_MAX} have said what they think of this answer already.")
            beyond = await repository.count_newest(row, OPINIONS_MAX) if row.counts else []
            if self._given % _PRUNED_EVERY == 0:
                await repository.forget_beyond(self._parts.kept)
        self._given += 1
        self._parts.metrics.judged(tenant, answered.agent)
        if candidate is not None:
            self._learn(tenant, candidate, row, [*filter(None, [former]), *beyond])
        self._have_tried(tenant, answered, before, after)
        return _view(row)

    def _candidate(self, tenant: str, answered: AnsweredRow) -> Candidate | None:
        """Return who answered, if that version answers now: an older one's answers say nothing of
        the one that does."""
        who = answered.plugin_id, answered.version
        for candidate in self._parts.candidates.of(tenant, answered.capability):
            if (candidate.plugin_id, candidate.version) == who:
                return candidate
        return None

    def _row(
        self, answered: AnsweredRow, opinion: Opinion, by: str, halvings: float | None
    ) -> FeedbackRow:
        score = LABELS.get(opinion.label) if opinion.score is None else opinion.score
        return FeedbackRow(
            id=new_id(),
            ask=answered.id,
            plugin_id=answered.plugin_id,
            version=answered.version,
            capability=answered.capability,
            score=score,
            label=opinion.label,
            comment=opinion.comment,
            by=by[:_BY_CHARACTERS_MAX],
            at=self._parts.now(),
            counts=halvings is not None and score is not None,
            halvings=halvings or 0.0,
        )

    def _learn(
        self,
        tenant: str,
        candidate: Candidate,
        row: FeedbackRow,
        gone: Sequence[FeedbackRow],
    ) -> None:
        """Learn a judgement, and no longer those that are ``gone``."""
        score = self._parts.candidates.score
        for each in gone:
            if each.counts and each.score is not None:
                # Only as much is taken back as is left of it.
                age = (row.at - each.at).total_seconds()
                left = share_left(age, self._parts.lives.quality)
                left *= halved(row.halvings - each.halvings)
                score(tenant, candidate, each.score, -SCORE_WEIGHT * left)
        if row.counts and row.score is not None:
            score(tenant, candidate, row.score, SCORE_WEIGHT)

    def _have_tried(
        self, tenant: str, answered: AnsweredRow, before: float | None, after: float | None
    ) -> None:
        """Tell a trial what is thought of an answer now: one score, however many have judged it,
        because a verdict takes scores for independent of each other."""
        for score, weight in ((before, -SCORE_WEIGHT), (after, SCORE_WEIGHT)):
            if score is not None:
                self._parts.trials.scored(tenant, answered, score, weight)


def _checked(opinion: Opinion) -> Opinion:
    """Raise InvalidArguments unless something is said that can be taken."""
    score, label = opinion.score, opinion.label.strip().lower()
    if score is not None and not (_is_number(score) and 0.0 <= score <= 1.0):
        raise InvalidArguments("A score is a number from 0 (bad) to 1 (good).", path="score")
    if label and label not in LABELS:
        known = ", ".join(LABELS)
        raise InvalidArguments(
            f"{opinion.label[:40]!r} is no label of answers; there are {known}.", path="label"
        )
    if len(opinion.comment) > COMMENT_CHARACTERS_MAX:
        raise InvalidArguments(
            f"A comment has no more than {COMMENT_CHARACTERS_MAX} characters.", path="comment"
        )
    if score is None and not label and not opinion.comment.strip():
        raise InvalidArguments("Feedback has a score, a label or a comment, or several of them.")
    return Opinion(score=score, label=label, comment=opinion.comment)


def _is_number(score: object) -> bool:
    return isinstance(score, int | float) and not isinstance(score, bool) and math.isfinite(score)


async def _answered(repository: FeedbackRepository, ask_id: str) -> AnsweredRow:
    answered = await repository.answered(ask_id[:64])
    if answered is None:
        raise NotFound(f"No question {ask_id[:64]!r} is known here; old ones are not kept.")
    if answered.ending != "answered":
        raise Conflict("This question was not answered, so there is nothing to judge.")
    return answered


def _check_asker(answered: AnsweredRow, by: str) -> None:
    if by == f"plugin:{answered.agent}":
        raise Forbidden(f"{answered.agent} gave this answer, and cannot judge it.")


def _view(row: FeedbackRow) -> FeedbackView:
    return FeedbackView(
        id=row.id,
        ask=row.ask,
        score=row.score,
        label=row.label,
        comment=row.comment,
        by=row.by,
        at=row.at,
    )
