"""The periods of budgets, in UTC."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from wardian.agents.views import Period

PERIODS: tuple[Period, ...] = ("hour", "day", "month", "ever")

EVER = datetime(1970, 1, 1, tzinfo=UTC)


def hour_of(at: datetime) -> datetime:
    """Return when the hour began that a moment is in: all other periods begin with one."""
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def starts_at(at: datetime) -> Mapping[Period, datetime]:
    """Return when the periods began that a moment is in."""
    hour = hour_of(at)
    day = hour.replace(hour=0)
    return {"hour": hour, "day": day, "month": day.replace(day=1), "ever": EVER}


def end_of(period: Period, start: datetime) -> datetime | None:
    """Return when a period ends; None if it never does."""
    if period == "ever":
        return None
    if period == "hour":
        return start + timedelta(hours=1)
    if period == "day":
        return start + timedelta(days=1)
    # The 28th is in every month, and four days later it is the next one.
    return (start.replace(day=28) + timedelta(days=4)).replace(day=1)
