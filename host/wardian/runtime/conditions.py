"""How a plugin feels, as a value; what follows from it. Nothing here asks, waits or writes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from wardian.errors import CallError, GuestError, WardianError, WorkerLost
from wardian.plugins import Installed, PluginState
from wardian.plugins.states import Cause, Move
from wardian.plugins.tables import HealthCheck
from wardian.plugins.text import escaped
from wardian.storage.rows import HealthRow

TEXT_CHARACTERS_MAX = 300
"""How much of what a plugin says of itself is kept."""

BACKOFF_SECONDS_MAX = 600.0
"""How far apart the checks of a plugin that stays unwell may come, if they are not anyway."""


class Status(StrEnum):
    """What a check found."""

    UNKNOWN = "unknown"
    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"


@dataclass(frozen=True, slots=True)
class Condition:
    """How a plugin feels.

    Attributes:
        status: ``unknown`` where it could not be asked, through no fault of its own; ``unhealthy``
            is its own word, or that it failed to answer.
        text: why, for people; bounded, and every character of it prints.
    """

    status: Status
    text: str = ""

    @classmethod
    def answered(cls, result: Any) -> Condition:
        """Read what ``health`` answered; what a worker sends is only a claim to have its type."""
        match result:
            case {"tag": "healthy"}:
                return cls(Status.HEALTHY)
            case {"tag": "degraded" | "unhealthy" as tag, "val": str(text)}:
                return cls(Status(tag), escaped(text, TEXT_CHARACTERS_MAX))
        return cls(Status.UNHEALTHY, "its health answered what is no condition")

    @classmethod
    def failed(cls, error: WardianError) -> Condition:
        """Read how the call of ``health`` failed."""
        if isinstance(error, GuestError):
            text = f"its health answered an error: {error.payload}"
            return cls(Status.UNHEALTHY, escaped(text, TEXT_CHARACTERS_MAX))
        text = escaped(error.message, TEXT_CHARACTERS_MAX)
        lost = isinstance(error, WorkerLost) and not error.by_call
        asked = isinstance(error, CallError) and not lost
        return cls(Status.UNHEALTHY if asked else Status.UNKNOWN, text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How a plugin is checked; see `wardian.plugins.manifest.HealthCheck`."""

    interval_seconds: float
    timeout_seconds: float
    failure_threshold: int
    success_threshold: int
    quarantine_after: int

    @classmethod
    def of(cls, plugin: Installed, interval_seconds: float) -> Rules:
        """Take a plugin's manifest at its word, and ``interval_seconds`` if it says nothing."""
        asked = plugin.manifest.health_check or HealthCheck()
        return cls(
            interval_seconds=asked.interval_seconds or interval_seconds,
            timeout_seconds=asked.timeout_seconds,
            failure_threshold=asked.failure_threshold,
            success_threshold=asked.success_threshold,
            quarantine_after=asked.quarantine_after,
        )

    def noted(self, row: HealthRow, condition: Condition, at: datetime) -> HealthRow:
        """Return what is known of the plugin after a check that began at ``at``."""
        failures, successes = row.health_failures, row.health_successes
        if condition.status is Status.UNHEALTHY:
            failures, successes = failures + 1, 0
        elif condition.status is Status.DEGRADED:
            failures, successes = 0, 0
        elif condition.status is Status.HEALTHY:
            # No further than anybody asks, so that a row that stays well need not be written.
            failures, successes = 0, min(successes + 1, self.success_threshold)
        return HealthRow(
            health_status=condition.status.value,
            health_detail=condition.text,
            health_failures=failures,
            health_successes=successes,
            last_health_check=at,
        )

    def move(self, plugin: Installed, row: HealthRow) -> Move | None:
        """Return the change of state that follows from what is known of a plugin, if one does."""
        if row.health_status == Status.UNKNOWN:
            return None
        if plugin.state is PluginState.ACTIVE:
            return self._down(row)
        if row.health_failures:
            return self._aside(row)
        if plugin.degraded_by is Cause.HEALTH and row.health_successes >= self.success_threshold:
            return Move(PluginState.ACTIVE, "its health check answers healthy again", Cause.HEALTH)
        return None

    def delay_seconds(self, row: HealthRow) -> float:
        """Return how long to wait for the next check.

        It doubles with each failure from the one on that made the plugin degraded. Not before:
        until then the next check decides whether anything is wrong.
        """
        doublings = max(0, row.health_failures - self.failure_threshold + 1)
        longest = max(self.interval_seconds, BACKOFF_SECONDS_MAX)
        return min(self.interval_seconds * 2.0 ** min(doublings, 20), longest)

    def _down(self, row: HealthRow) -> Move | None:
        if row.health_status == Status.DEGRADED:
            return Move(PluginState.DEGRADED, _own_word(row), Cause.HEALTH)
        if row.health_failures >= self.failure_threshold:
            return self._aside(row) or Move(PluginState.DEGRADED, _counted(row), Cause.HEALTH)
        return None

    def _aside(self, row: HealthRow) -> Move | None:
        most = self.failure_threshold + self.quarantine_after
        if self.quarantine_after and row.health_failures >= most:
            return Move(PluginState.QUARANTINED, _counted(row), Cause.HEALTH)
        return None


def _own_word(row: HealthRow) -> str:
    return f"its health check answered degraded: {row.health_detail or 'it did not say why'}"


def _counted(row: HealthRow) -> str:
    times = row.health_failures
    failed = "failed" if times == 1 else f"failed {times} times in a row; the last"
    return f"its health check {failed}: {row.health_detail or 'it did not say why'}"
