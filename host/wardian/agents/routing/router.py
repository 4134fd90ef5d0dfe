"""Which agent is asked: the operator's rules choose a strategy, and the strategy an agent."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from random import Random

from wardian.agents.candidates import Candidate
from wardian.agents.decisions import Decision, Explanation, Judged
from wardian.agents.ports import Request
from wardian.agents.routing.filtering import Field, Refusal, range_of
from wardian.agents.routing.rules import Moment, RuleSet, utc_now
from wardian.agents.routing.strategies import NAMES, Strategy, strategies
from wardian.errors import AgentUnavailable, InvalidArguments, NotFound

FIELDS_MAX = 1_024
"""Lists of candidates of which whose turn it was is known: one for each tenant, capability and
set of agents that a key may ask."""

SHOWN_MAX = 5


class AIStrategyRouter:
    """Chooses among candidates; implements `wardian.agents.ports.Router`.

    It awaits nothing and asks nobody: all that it goes by is in memory.
    """

    def __init__(
        self,
        rules: Callable[[str], RuleSet],
        *,
        random: Random | None = None,
        now: Moment = utc_now,
    ) -> None:
        """Make one.

        Args:
            rules: returns a tenant's.
            random: what strategies that draw have their numbers from.
            now: what time it is, UTC, for rules that name hours.
        """
        self._rules = rules
        # Nothing that an attacker could win is drawn.
        self._strategies = strategies(random or Random())  # noqa: S311
        self._now = now
        self._fields: OrderedDict[tuple[Candidate, ...], Field] = OrderedDict()

    def decide(self, request: Request, candidates: Sequence[Candidate]) -> Decision:
        """Choose among candidates, and count that as a turn.

        Raises:
            NotFound: there is none, or none in such a version or with such tags.
            AgentUnavailable: there are, and none can be asked now; says why.
            InvalidArguments: the request names no strategy or no range that there is.
        """
        strategy, rule = self._strategy(request)
        field = self._field(candidates)
        decision, _ = _decided(strategy, rule, field, request)
        if decision is None:
            raise _none(request, field.refusals(request))
        field.turns.take(decision.chosen)
        return decision

    def explain(self, request: Request, candidates: Sequence[Candidate]) -> Explanation:
        """Say how each candidate fares in the decision that would be next, the best one first.

        Nothing that decisions depend on changes: no turn is taken, and what is drawn is what the
        next decision draws. A rule for a share of the questions may tell this one from the next.

        Raises:
            InvalidArguments: the request names no strategy or no range that there is.
        """
        strategy, rule = self._strategy(request)
        field = self._field(candidates)
        decision, scores = _decided(strategy, rule, field, request)
        refusals = field.refusals(request)
        if decision is None:
            judged = [_refused(each, refusal) for each, refusal in refusals]
            return Explanation(None, tuple(judged), str(_none(request, refusals)))
        judged = _judged(strategy, decision, scores, request, field)
        judged += [_refused(each, refusal) for each, refusal in refusals]
        return Explanation(decision, tuple(judged))

    def _strategy(self, request: Request) -> tuple[Strategy, str | None]:
        name, rule = request.criteria.strategy, None
        if name is None:
            name, rule = self._rules(request.tenant).choose(request, self._now)
        strategy = self._strategies.get(name)
        if strategy is None:
            raise InvalidArguments(
                f"There is no strategy {name[:80]!r}; there are {', '.join(NAMES)}.",
                path="criteria.strategy",
            )
        return strategy, rule

    def _field(self, candidates: Sequence[Candidate]) -> Field:
        """Return what is known of a list; the same list for as long as it has the same members."""
        key = tuple(candidates)
        field = self._fields.get(key)
        if field is None:
            field = self._fields[key] = Field(key)
            if len(self._fields) > FIELDS_MAX:
                self._fields.popitem(last=False)
        else:
            self._fields.move_to_end(key)
        return field


def _decided(
    strategy: Strategy, rule: str | None, field: Field, request: Request
) -> tuple[Decision | None, Sequence[float]]:
    """Return the decision, and the scores in the field's order; none if nobody can be asked."""
    eligible = field.eligible(request)
    if not eligible:
        return None, ()
    scores = strategy.scores(request, eligible, field.turns)
    # Sorting is stable also in reverse, so equal ones stay in the order of priority and name.
    places = sorted(range(len(scores)), key=scores.__getitem__, reverse=True)
    return Decision(tuple(map(eligible.__getitem__, places)), strategy.name, rule), scores


def _judged(
    strategy: Strategy,
    decision: Decision,
    scores: Sequence[float],
    request: Request,
    field: Field,
) -> list[Judged]:
    # In the field's order, because a draw belongs to a candidate's place in it.
    eligible = field.eligible(request)
    parts = dict(zip(eligible, strategy.parts(request, eligible, field.turns), strict=True))
    of, best = dict(zip(eligible, scores, strict=True)), decision.chosen
    found: list[Judged] = []
    for each in decision.ranked:
        lost = "" if each is best else _why_lost(each, of[each], best, of[best])
        found.append(Judged(each, of[each], dict(parts[each]), lost))
    return found


def _why_lost(candidate: Candidate, score: float, best: Candidate, most: float) -> str:
    if score < most:
        return f"Its score is {score:.6g}, and that of {best.agent} {most:.6g}."
    if candidate.priority < best.priority:
        return (
            f"It is as good as {best.agent}, which has the priority {best.priority} and not "
            f"{candidate.priority}."
        )
    return f"It is as good as {best.agent}, which comes first by its name and version."


def _refused(candidate: Candidate, refusal: Refusal) -> Judged:
    return Judged(candidate, None, {}, refusal.reason)


def _none(
    request: Request, refusals: Sequence[tuple[Candidate, Refusal]]
) -> NotFound | AgentUnavailable:
    """Return why nobody can be asked: there is no such agent, or none of them can be asked now."""
    range_of(request.criteria)
    capability = repr(request.capability[:200])
    if not refusals:
        return NotFound(f"No agent that may be asked here offers {capability}.")
    near = [(each, refusal) for each, refusal in refusals if not refusal.is_other]
    shown = near or refusals
    reasons = [f"{each.agent} {each.version}: {refusal.reason}" for each, refusal in shown]
    more = f" And {len(reasons) - SHOWN_MAX} more." if len(reasons) > SHOWN_MAX else ""
    told = " ".join(reasons[:SHOWN_MAX]) + more
    if near:
        return AgentUnavailable(f"No agent that offers {capability} can be asked now. {told}")
    return NotFound(f"No agent that may be asked here offers {capability} as it is wanted. {told}")
