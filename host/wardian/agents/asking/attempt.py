"""One question to one agent: what is known of it while it is answered, and after."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from wardian.agents.asking.replies import Reply
from wardian.agents.candidates import Candidate, Ending
from wardian.agents.money import amount, nanos
from wardian.agents.ports import Spending
from wardian.agents.views import AskAttemptView
from wardian.capabilities import Course, Refused
from wardian.errors import CallError, DeadlineExceeded, GuestError, QuotaExceeded, WardianError
from wardian.plugins import Installed
from wardian.plugins.text import escaped
from wardian.runtime.enhancements.answers import Shelf
from wardian.runtime.views import CallOutcome

REASON_CHARACTERS_MAX = 300

COST_NANOS_MAX = nanos(1_000_000.0)
"""No question costs more, whatever a manifest says: sums of such amounts stay numbers."""


@dataclass(slots=True, eq=False)
class Attempt:
    """One question to one agent, while it is answered and after.

    Attributes:
        candidate: the version that was asked.
        hedge: whether it was asked beside another.
        most_nanos: what it can cost at most.
        ending: None while it has not ended.
        reason: why there is no reply, for people.
        was_put: whether it came as far as the agent's call.
        outrun_by: who answered first, where it was ended for that.
        is_abandoned: whether its asker has gone, while it was answered.
        spending: what it holds of the tenant's budgets; ``settling`` charges it.
        error: what kept it from being answered, as it was raised.
        call_id: of the agent's call, once there is one.
        course: what the agent did.
        shelf: where its answer is kept if it may be; as it was before the agent was called.
    """

    candidate: Candidate
    hedge: bool = False
    ending: Ending | None = None
    reason: str = ""
    cost_nanos: int = 0
    latency_ms: float = 0.0
    was_put: bool = False
    outrun_by: str = ""
    is_abandoned: bool = False
    spending: Spending | None = None
    settling: asyncio.Future[None] | None = None
    reply: Reply | None = None
    outcome: CallOutcome | None = None
    error: Exception | None = None
    call_id: str = ""
    course: Course = field(default_factory=Course)
    plugin: Installed | None = None
    shelf: Shelf | None = None

    @property
    def most_nanos(self) -> int:
        return min(COST_NANOS_MAX, self.candidate.cost.of(self.candidate.units_max))

    def cost_of(self, units: int) -> int:
        """Return what so many units cost, in billionths; no more than `most_nanos`."""
        return min(self.most_nanos, self.candidate.cost.of(units))

    @property
    def is_final(self) -> bool:
        """Whether nobody else needs to be asked: what refused is the same for all."""
        return isinstance(self.error, QuotaExceeded | Refused)

    def view(self) -> AskAttemptView:
        """Show it."""
        return AskAttemptView(
            agent=self.candidate.agent,
            version=self.candidate.version,
            ending=str(self.ending),
            reason=self.reason,
            latency_ms=round(self.latency_ms, 3),
            cost=amount(self.cost_nanos),
            hedge=self.hedge,
        )

    def refuse(self, reason: str) -> bool:
        """Have it not begin, and return that it does not."""
        self.end(Ending.NOT_BEGUN, reason)
        return False

    def end(self, ending: Ending, reason: str = "") -> None:
        """Have it end so."""
        self.ending = ending
        self.reason = escaped(reason, REASON_CHARACTERS_MAX)

    def cancel(self) -> None:
        """Have it end because nobody waits for it."""
        other = self.outrun_by
        why = f"{other} answered first" if other else "nobody waited for it any more"
        self.end(Ending.CANCELLED, why)

    def fail(self, error: WardianError | Refused) -> None:
        """Have it end by an error."""
        self.error = error
        if isinstance(error, Refused):
            self.end(Ending.NOT_BEGUN, error.text)
        elif isinstance(error, GuestError):
            self.end(Ending.REFUSED, str(error.payload))
        elif isinstance(error, CallError):
            is_late = isinstance(error, DeadlineExceeded)
            self.end(Ending.TIMED_OUT if is_late else Ending.FAILED, error.message)
        else:
            self.end(Ending.NOT_BEGUN, error.message)
