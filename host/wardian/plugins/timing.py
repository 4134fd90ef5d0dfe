"""When the ticks of a schedule are: cron expressions and intervals, in time zones.

Cron is Debian's, as cronsim reads it. Where clocks are put forward, what is set for a time that is
left out comes at the first moment after the gap; where they are put back, it comes once, at the
first of the two. Only what says ``*`` for minutes or hours follows the time that really passes.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from importlib.resources import files
from itertools import islice, pairwise, takewhile
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

CRON = r"[0-9A-Za-z*,/#-]+(?: +[0-9A-Za-z*,/#-]+){4}"
"""Five fields: minutes, hours, days of the month, months, days of the week."""

EVERY = r"[1-9]\d{0,6}[smhd]"
EVERY_MAX = timedelta(days=366)

_UNITS = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}
_SOME_DAY = datetime(2000, 1, 1, tzinfo=UTC)
"""From here on an expression has a tick within fifty years, or it never has one."""

_SAMPLED = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """When a schedule's ticks are: by a ``cron`` expression in a time zone, or ``every`` so often.

    What is given here has passed `check_cron`, `check_every` and `check_timezone`.
    """

    cron: str | None = None
    every: str | None = None
    timezone: str = "UTC"

    def __str__(self) -> str:
        return f"every {self.every}" if self.every else f"{self.cron} {self.timezone}"

    def after(self, moment: datetime, anchor: datetime) -> datetime | None:
        """Return the first tick after a moment, in UTC; None if there is none any more.

        Those of an interval are counted from ``anchor``.
        """
        if self.every is not None:
            apart = interval(self.every)
            return anchor + max((moment - anchor) // apart + 1, 1) * apart
        return next(self._cron_ticks(moment), None)

    def shortest(self) -> timedelta:
        """Return the shortest time between two of the ticks of some year; a year if it has one."""
        if self.every is not None:
            return interval(self.every)
        return _shortest(self.cron or "")

    def _cron_ticks(self, moment: datetime) -> Iterator[datetime]:
        for tick in CronSim(self.cron or "", moment.astimezone(ZoneInfo(self.timezone))):
            found = tick.astimezone(UTC)
            # Where clocks are put back, those of the hour's first time come again.
            if found > moment:
                yield found


def interval(text: str) -> timedelta:
    """Return the time that ``30s``, ``15m``, ``6h`` or ``1d`` says."""
    return int(text[:-1]) * _UNITS[text[-1]]


def check_every(text: str) -> None:
    """Check an interval that has the form of one.

    Raises:
        ValueError: it is longer than `EVERY_MAX`.
    """
    if interval(text) > EVERY_MAX:
        raise ValueError(f"must be at most {EVERY_MAX.days} days")


@lru_cache(maxsize=4096)
def check_cron(text: str) -> None:
    """Check a cron expression.

    Raises:
        ValueError: it is none, or has no tick within fifty years.
    """
    # Again here, because cronsim also takes a sixth field, for seconds.
    if not re.fullmatch(CRON, text):
        raise ValueError(
            "must be five fields of cron: minutes, hours, days, months and days of the week"
        )
    try:
        ticks = CronSim(text, _SOME_DAY)
    except CronSimError as error:
        fault = str(error).removeprefix("Bad ")
        raise ValueError(f"is no cron expression that has a tick: look at its {fault}") from error
    if next(ticks, None) is None:
        raise ValueError("never has a tick, on no day of fifty years")


def check_timezone(name: str) -> None:
    """Check the name of a time zone.

    Raises:
        ValueError: there is no such zone.
    """
    if name not in _zones():
        near = difflib.get_close_matches(name, _zones(), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ", such as 'Europe/Berlin' or 'UTC'"
        raise ValueError(f"must be a time zone of the IANA database{hint}")


@lru_cache(maxsize=4096)
def _shortest(cron: str) -> timedelta:
    # No longer than this, because what is seldom takes long to find.
    soon = takewhile(lambda tick: tick < _SOME_DAY + EVERY_MAX, CronSim(cron, _SOME_DAY))
    pairs = islice(pairwise(soon), _SAMPLED)
    return min((later - tick for tick, later in pairs), default=EVERY_MAX)


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    """Return the names that tzdata has: a machine's own folder has others, and links of its own."""
    return frozenset(files("tzdata").joinpath("zones").read_text(encoding="utf-8").split())
