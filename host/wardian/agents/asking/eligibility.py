"""Which agents a question may be put to, whoever is the best of them."""

from __future__ import annotations

from collections.abc import Sequence

from wardian.agents.candidates import Candidate
from wardian.agents.questions import Question
from wardian.errors import Forbidden
from wardian.plugins import Installed, Registry
from wardian.runtime.scopes import check_scopes
from wardian.tenants.scopes import may_call


class Eligibility:
    """Knows what keys, and plugins within a chain of calls, may ask."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def of(self, question: Question, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
        """Return those that may be asked; the very same list where all may.

        Raises:
            Forbidden: there are some, and none may be asked; says why not the first.
        """
        if question.scopes is None and question.caller is None:
            return candidates
        refusals = await self._refusals(question, candidates)
        if not refusals:
            return candidates
        eligible = [each for each in candidates if each.agent not in refusals]
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
                refusal = _refusal(question, plugin)
                if refusal is not None:
                    refusals[candidate.agent] = refusal
        return refusals


def _refusal(question: Question, plugin: Installed) -> Forbidden | None:
    """Return why a key may not ask an agent; None if it may, or none is needed."""
    scopes = question.scopes
    # What a plugin asks is its own affair, and has its rights.
    if question.caller is None and scopes is not None and not may_call(plugin.name, scopes):
        # Without its name: such a key does not learn which plugins there are beside its own.
        return Forbidden(
            "This API key is for other plugins than those that answer for "
            f"{question.capability[:80]}."
        )
    try:
        check_scopes(plugin, scopes)
    except Forbidden as error:
        return error
    return None
