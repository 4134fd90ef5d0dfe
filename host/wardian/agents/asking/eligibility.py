"""Which agents a question may be put to, whoever is the best of them."""

from __future__ import annotations

from collections.abc import Sequence

from wardian.agents.candidates import Candidate
from wardian.agents.questions import Question
from wardian.errors import Forbidden
from wardian.plugins import Registry
from wardian.runtime.scopes import check_scopes
from wardian.tenants.scopes import may_call


class Eligibility:
    """Knows what keys, and plugins within a chain of calls, may ask."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def of(self, question: Question, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
        """Return those that may be asked; the very same list where all may.

        For a key that is for other plugins an agent is not there: such a key does not learn which
        there are beside its own.

        Raises:
            Forbidden: there are some, and none may be asked; says why not the first.
        """
        if question.scopes is None and question.caller is None:
            return candidates
        known = _known(question, candidates)
        refusals = await self._refusals(question, known)
        if not refusals:
            return known
        eligible = [each for each in known if each.agent not in refusals]
        if not any(each.is_available for each in eligible):
            raise next(iter(refusals.values()))
        return eligible

    async def _refusals(
        self, question: Question, candidates: Sequence[Candidate]
    ) -> dict[str, Forbidden]:
        caller = question.caller
        chain = set() if caller is None else {call.facts.plugin for call in caller.line()}
        installed = {each.name: each for each in await self._registry.all(question.tenant)}
        refusals: dict[str, Forbidden] = {}
        for candidate in candidates:
            plugin = installed.get(candidate.agent)
            if caller is not None and candidate.agent in chain:
                refusals[candidate.agent] = Forbidden(
                    f"{candidate.agent} cannot be asked from within a call of its own: "
                    f"{caller.chain(candidate.agent)}."
                )
            elif plugin is not None:
                try:
                    check_scopes(plugin, question.scopes)
                except Forbidden as error:
                    refusals[candidate.agent] = error
        return refusals


def _known(question: Question, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
    """Return those that a key is for; the very same list where it is for all, or none is needed."""
    scopes = question.scopes
    # What a plugin asks is its own affair, and has its rights.
    if question.caller is not None or scopes is None:
        return candidates
    known = [each for each in candidates if may_call(each.agent, scopes)]
    return candidates if len(known) == len(candidates) else known
