"""Analytics: what was used, by plugin, function, version, outcome and over time."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import get_args

from wardian.errors import InvalidArguments
from wardian.runtime.accounting.folding import Folding
from wardian.runtime.accounting.totals import Course, total_of
from wardian.runtime.accounting.views import (
    AnalyticsView,
    GroupBy,
    Step,
    TopRow,
    TopView,
    UsageGroup,
    WorkersView,
)
from wardian.runtime.accounting.writing import EPOCH
from wardian.runtime.executor.job import WorkersReport
from wardian.storage import Database
from wardian.storage.accounting import (
    ROWS_MAX,
    UsageQuery,
    UsageRepository,
    UsageRow,
    usage_of_all,
)
from wardian.storage.rows import now

POINTS_MAX = 1_500
GROUPS_MAX = 100
RECENT = timedelta(minutes=1)

STEPS: dict[Step, timedelta] = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
}

_RANGE = timedelta(days=1)
_FINE: tuple[tuple[timedelta, Step], ...] = (
    (timedelta(hours=6), "minute"),
    (timedelta(days=14), "hour"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalyticsQuery:
    """What is asked for.

    Attributes:
        start, end: a day up to now unless they are set; ``start`` is taken back to the begin of
            its step.
        step: of the series; by the length of the range unless it is set.
        group: what groups are told apart by; none of them, and there are no groups.
        plugin: only this one's.
    """

    start: datetime | None = None
    end: datetime | None = None
    step: Step | None = None
    group: Sequence[GroupBy] = ()
    plugin: str | None = None


class Analytics:
    """Answers what was used, up to this moment."""

    def __init__(
        self,
        database: Database,
        folding: Folding,
        workers: Callable[[], WorkersReport],
        *,
        currency: str,
    ) -> None:
        self._database = database
        self._folding = folding
        self._workers = workers
        self._currency = currency

    async def query(
        self, wanted: AnalyticsQuery | None = None, *, tenant: str | None = "default"
    ) -> AnalyticsView:
        """Return what a tenant used; None is for all of them together.

        What this host has not folded is folded first; what another has not is seen in seconds.

        Raises:
            InvalidArguments: the range is none, or has too many steps or too much in it.
        """
        wanted = wanted or AnalyticsQuery()
        start, end, step = _range(wanted)
        query = UsageQuery(grain=step, start=start, end=end, plugin=wanted.plugin)
        rows = await self._rows(query, tenant)
        if len(rows) > ROWS_MAX:
            raise InvalidArguments(
                f"There is more than {ROWS_MAX:,} sums in that range: ask for a shorter one, for a "
                "longer step, or for one plugin.",
                path="query.from",
            )
        return await asyncio.to_thread(self._view, rows, wanted, (start, end, step))

    async def top(self, *, tenant: str | None = "default", limit: int = GROUPS_MAX) -> TopView:
        """Return what a tenant uses now, by function; see `query`."""
        at = now()
        since = _begin(at - RECENT, STEPS["minute"])
        recent = UsageQuery(grain="minute", start=since, end=at + RECENT)
        today = UsageQuery(grain="day", start=_begin(at, STEPS["day"]), end=at + RECENT)
        rows = await self._rows(recent, tenant), await self._rows(today, tenant)
        lately, all_day = (_by_function(each[:ROWS_MAX]) for each in rows)
        busiest = sorted(
            all_day, key=lambda place: (-_calls(lately[place]), -_calls(all_day[place]))
        )
        workers = self._workers()
        return TopView(
            at=at,
            seconds=(at - since).total_seconds(),
            currency=self._currency,
            workers=WorkersView(busy=workers.busy, idle=workers.idle, queued=workers.queued),
            recent=total_of(rows[0]).view(),
            today=total_of(rows[1]).view(),
            rows=[
                TopRow(
                    plugin=place[0],
                    function=place[1],
                    recent=total_of(lately[place]).view(),
                    today=total_of(all_day[place]).view(),
                )
                for place in busiest[:limit]
            ],
            rows_left_out=max(0, len(busiest) - limit),
        )

    async def _rows(self, query: UsageQuery, tenant: str | None) -> list[UsageRow]:
        await self._folding.fold()
        async with self._database.reading() as connection:
            if tenant is None:
                return await usage_of_all(connection, query)
            return await UsageRepository(connection, tenant).rows(query)

    def _view(
        self,
        rows: Sequence[UsageRow],
        wanted: AnalyticsQuery,
        span: tuple[datetime, datetime, Step],
    ) -> AnalyticsView:
        whole = Course()
        groups: dict[tuple[str, ...], Course] = defaultdict(Course)
        for row in rows:
            whole.count(row)
            if wanted.group:
                groups[tuple(getattr(row, name) for name in wanted.group)].count(row)
        most = sorted(groups.items(), key=lambda each: (-each[1].total.calls, each[0]))
        return AnalyticsView(
            start=span[0],
            end=span[1],
            step=span[2],
            currency=self._currency,
            totals=whole.total.view(),
            series=whole.series(),
            groups=[
                UsageGroup(
                    **dict(zip(wanted.group, names, strict=True)),
                    totals=course.total.view(),
                    series=course.series(),
                )
                for names, course in most[:GROUPS_MAX]
            ],
            groups_left_out=max(0, len(most) - GROUPS_MAX),
        )


def read_groups(text: str) -> list[GroupBy]:
    """Read what to group by: names with commas between them.

    Raises:
        InvalidArguments: there is no such group.
    """
    known: tuple[GroupBy, ...] = get_args(GroupBy)
    wanted = [name.strip() for name in text.split(",") if name.strip()]
    for name in wanted:
        if name not in known:
            raise InvalidArguments(
                f"There is nothing to group by named {name[:64]!r}; there is {', '.join(known)}.",
                path="query.group",
            )
    return [name for name in known if name in wanted]


def _range(wanted: AnalyticsQuery) -> tuple[datetime, datetime, Step]:
    try:
        end = _utc(wanted.end) if wanted.end is not None else now()
        start = _utc(wanted.start) if wanted.start is not None else end - _RANGE
        step = wanted.step or _step_for(end - start)
        start = _begin(start, STEPS[step])
    except OverflowError as exc:
        raise InvalidArguments("That moment is outside the calendar.", path="query.from") from exc
    if start >= end:
        raise InvalidArguments(
            f"The range begins at {start.isoformat()} and ends before that.", path="query.from"
        )
    if (end - start) / STEPS[step] > POINTS_MAX:
        raise InvalidArguments(
            f"From {start.isoformat()} to {end.isoformat()} there are more than {POINTS_MAX:,} "
            f"steps of a {step}: ask for a shorter range or a longer step.",
            path="query.step",
        )
    return start, end, step


def _step_for(length: timedelta) -> Step:
    return next((step for longest, step in _FINE if length <= longest), "day")


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _begin(moment: datetime, step: timedelta) -> datetime:
    return EPOCH + (moment - EPOCH) // step * step


def _by_function(rows: Sequence[UsageRow]) -> dict[tuple[str, str], list[UsageRow]]:
    found: dict[tuple[str, str], list[UsageRow]] = defaultdict(list)
    for row in rows:
        found[row.plugin, row.function].append(row)
    return found


def _calls(rows: Sequence[UsageRow]) -> int:
    return sum(row.calls for row in rows)
