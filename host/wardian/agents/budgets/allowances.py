"""What a question may cost, with all that its agents ask of others while they answer it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from wardian.agents.money import nanos
from wardian.agents.questions import Question


class Allowance:
    """What is left of a question's ceiling on cost, and of those that led to it."""

    def __init__(self, limit_nanos: int | None, parent: Allowance | None = None) -> None:
        """``limit_nanos`` None is no ceiling of its own."""
        self._limit = limit_nanos
        self._parent = parent
        self._taken = 0

    @property
    def left_nanos(self) -> int | None:
        """What may still be taken; None if nothing bounds it."""
        bounds = [each._limit - each._taken for each in self._line() if each._limit is not None]
        return max(0, min(bounds)) if bounds else None

    def take(self, wanted_nanos: int) -> bool:
        """Take so much, if so much is left."""
        left = self.left_nanos
        if left is not None and wanted_nanos > left:
            return False
        for each in self._line():
            each._taken += wanted_nanos
        return True

    def give_back(self, unused_nanos: int) -> None:
        """Give back what was taken and not used."""
        for each in self._line():
            each._taken -= unused_nanos

    def _line(self) -> Iterator[Allowance]:
        allowance: Allowance | None = self
        while allowance is not None:
            yield allowance
            allowance = allowance._parent


class Allowances:
    """The allowances of the questions that are being answered.

    They are known by what the calls say that answer them, which is the same for all attempts that
    an agent's `retry` makes of one.
    """

    def __init__(self) -> None:
        self._of_questions: dict[str, Allowance] = {}

    def of(self, question: Question) -> Allowance:
        """Return a question's allowance, within that of the question that its caller answers."""
        ceiling = question.criteria.ceilings.cost
        return Allowance(None if ceiling is None else nanos(ceiling), self._parent(question))

    @contextmanager
    def answering(self, question: str, allowance: Allowance) -> Iterator[None]:
        """Have what calls ask that answer a question be within an allowance, while this is open.

        ``question`` is what `CallRequest.question` has.
        """
        self._of_questions[question] = allowance
        try:
            yield
        finally:
            del self._of_questions[question]

    def _parent(self, question: Question) -> Allowance | None:
        if question.caller is None:
            return None
        names = (call.facts.question for call in question.caller.line())
        found = (self._of_questions.get(name) for name in names if name is not None)
        return next((each for each in found if each is not None), None)
