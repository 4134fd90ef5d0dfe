"""Trials as questions meet them: which version answers, and what came of each."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field
from hashlib import blake2b

from wardian.agents.candidates import Candidate, Ending, Outcome
from wardian.agents.money import CostModel, nanos
from wardian.agents.registry.quality import judged, seen
from wardian.plugins import Installed
from wardian.plugins.agents import Agent
from wardian.plugins.offers import offered
from wardian.plugins.versions import in_order
from wardian.storage.agent_trials import ACTIVE, ARMS, OTHER, ArmSums, TrialRow

FAILURES_IN_ROW_MAX = 5
"""So many questions to the other version that fail in a row end a trial: it was not tried to be
suffered from, and the same in its agent's own breaker would keep all questions away."""

Know = Callable[[str, Candidate], None]
"""Has a tenant's candidate be known by what was seen of it."""

_PARTS = 2**64


@dataclass(slots=True, eq=False)
class RunningTrial:
    """One trial.

    Attributes:
        agent: the plugin's name.
        present, other: the plugin as it is, and as it would be at the other version; ``other`` is
            made of ``present``, and None before it has been looked for.
        pending: what came of each arm and is not written down yet.
        written, looked: how often this host wrote down what came of it, and how often it had when
            it last looked who is better; once, too, for what was there before it ran.
        over: why it has to end, for people; empty while it runs.
    """

    tenant: str
    agent: str
    row: TrialRow
    know: Know
    present: Installed | None = None
    other: Installed | None = None
    offered: dict[str, tuple[str, ...]] = field(default_factory=dict)
    pending: dict[str, ArmSums] = field(default_factory=lambda: dict.fromkeys(ARMS, ArmSums()))
    written: int = 1
    looked: int = 0
    failures: int = 0
    over: str = ""
    _candidates: dict[tuple[str, str], tuple[Candidate, Candidate]] = field(default_factory=dict)

    def use(self, present: Installed, other: Installed) -> None:
        """Run these from now on."""
        self.present, self.other = present, other
        self.offered = {}
        for name, version in offered(other.manifest.capabilities):
            self.offered[name] = (*self.offered.get(name, ()), version or other.version)
        self._candidates.clear()

    def arm(self, chosen: Candidate, key: str) -> Candidate:
        """Return which version answers the question ``key``; always the same."""
        if self.other is None or self.over or chosen.is_trial:
            return chosen
        if chosen.version != self.row.active_version or chosen.capability not in self.offered:
            return chosen
        if _part(self.row.id, key) >= self.row.share:
            return chosen
        return self._beside(chosen, self.other)

    def ended(self, candidate: Candidate, outcome: Outcome) -> None:
        """Learn how a question to either ended."""
        evidence = None if outcome.is_probe else seen(outcome, 0.0)
        arm = self._arm_of(candidate.version, candidate.capability)
        if evidence is None or not evidence.asked or arm is None:
            return
        is_answer = outcome.ending is Ending.ANSWERED
        self._add(
            arm,
            ArmSums(
                asked=1,
                answered=int(is_answer),
                latency_ms=evidence.latency_ms if is_answer else 0.0,
                cost_nanos=float(outcome.cost_nanos) if is_answer else 0.0,
            ),
        )
        if candidate.is_trial:
            self._watch(outcome.ending)

    def scored(self, version: str, capability: str, score: float, weight: float) -> None:
        """Learn what is thought of an answer of a version."""
        arm = self._arm_of(version, capability)
        if arm is not None and judged(score, weight, 0.0) is not None:
            self._add(arm, ArmSums(weight=weight, total=weight * score))

    def taken(self) -> dict[str, ArmSums]:
        """Return what is to be written down, and begin anew."""
        pending, self.pending = self.pending, dict.fromkeys(ARMS, ArmSums())
        return pending

    def put_back(self, pending: dict[str, ArmSums]) -> None:
        """Have what could not be written down be so later."""
        for arm, sums in pending.items():
            self._add(arm, sums)

    @property
    def has_news(self) -> bool:
        """Whether there is something to write down."""
        return any(sums != ArmSums() for sums in self.pending.values())

    def _arm_of(self, version: str, capability: str) -> str | None:
        """Return which arm a version is, where both answer; None of any other."""
        if capability not in self.offered:
            return None
        return {self.row.active_version: ACTIVE, self.row.other_version: OTHER}.get(version)

    def _add(self, arm: str, sums: ArmSums) -> None:
        self.pending[arm] = self.pending[arm].plus(sums)

    def _watch(self, ending: Ending) -> None:
        is_failure = ending in (Ending.FAILED, Ending.TIMED_OUT)
        self.failures = self.failures + 1 if is_failure else 0
        if self.failures >= FAILURES_IN_ROW_MAX and not self.over:
            self.over = (
                f"{self.failures} questions in a row to {self.row.other_version} were not answered"
            )

    def _beside(self, chosen: Candidate, other: Installed) -> Candidate:
        place = chosen.capability, chosen.capability_version
        source, made = self._candidates.get(place, (None, None))
        if source is not chosen or made is None:
            versions, same = self.offered[chosen.capability], chosen.capability_version
            version = same if same in versions else max(versions, key=in_order)
            made = candidate_beside(chosen, self.present, other, version)
            self.know(self.tenant, made)
            self._candidates[place] = chosen, made
        return made


def candidate_beside(
    chosen: Candidate, present: Installed | None, other: Installed, capability_version: str
) -> Candidate:
    """Return an agent's candidate at another version.

    Its prices and limits are of its own manifest, unless the operator has set others.
    """
    found = copy(chosen)
    found.version, found.capability_version = other.version, capability_version
    found.is_trial, found.asked = True, 0
    found.carry(0)
    agent = other.manifest.agent or Agent()
    declared = Agent() if present is None else present.manifest.agent or Agent()
    is_priced = chosen.cost != cost_of(declared)
    is_bounded = chosen.units_max != declared.limits.units
    found.price(
        chosen.cost if is_priced else cost_of(agent),
        chosen.units_max if is_bounded else agent.limits.units,
    )
    return found


def cost_of(agent: Agent) -> CostModel:
    """Return what a manifest says of the cost of asking."""
    cost = agent.cost
    return CostModel(per_call=nanos(cost.per_call), per_unit=nanos(cost.per_unit), unit=cost.unit)


def _part(trial: str, key: str) -> float:
    """Return where a question is among all, 0 up to 1; for each trial anew."""
    digest = blake2b(f"{trial}\0{key}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) / _PARTS
