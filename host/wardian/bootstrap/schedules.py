"""What runs plugins' schedules, by the operator's settings."""

from __future__ import annotations

from datetime import timedelta

from wardian.runtime.schedules.checks import ScheduleBounds
from wardian.runtime.schedules.grid import SchedulePolicy
from wardian.runtime.schedules.scheduling import Scheduling, SchedulingParts
from wardian.settings import Settings


def make_scheduling(settings: Settings, parts: SchedulingParts) -> Scheduling:
    return Scheduling(parts, schedule_policy(settings))


def schedule_policy(settings: Settings) -> SchedulePolicy:
    return SchedulePolicy(
        is_on=settings.schedules,
        schedules_max=settings.schedules_max,
        apart=timedelta(seconds=settings.schedule_apart_seconds),
        made_up_max=settings.schedule_made_up_max,
        jitter=timedelta(seconds=settings.schedule_jitter_seconds),
        late=timedelta(seconds=settings.schedule_late_seconds),
        lease=timedelta(seconds=settings.event_lease_seconds),
        runs_kept=settings.schedule_runs_kept,
    )


def schedule_bounds(settings: Settings) -> ScheduleBounds:
    return ScheduleBounds(
        schedules_max=settings.schedules_max,
        apart=timedelta(seconds=settings.schedule_apart_seconds),
    )
