"""What runs by the clock."""

from __future__ import annotations

from datetime import datetime

import msgspec

from wardian.client.models.pages import Tagged


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a schedule.

    Attributes:
        cause: ``tick``, ``missed`` for a tick that is made up for, or ``operator``.
        tick: when it was to be; None if an operator asked for it.
        state: ``running``, ``done``, ``failed``, or ``lost`` with its host.
        attempt: how often it was begun.
        seconds: how long it took; None until it has ended.
        detail: why it failed.
    """

    id: str
    cause: str
    tick: datetime | None
    state: str
    attempt: int
    began_at: datetime
    ended_at: datetime | None
    seconds: float | None
    detail: str


class Schedule(Tagged, frozen=True, kw_only=True):
    """One schedule of a plugin.

    Attributes:
        missed: what becomes of ticks at which it could not run.
        function, topic: what it calls, or the event that it publishes.
        state: ``waiting``, ``running``, ``paused``, ``off`` while the plugin takes no calls,
            or ``ended`` where there is no tick any more.
        next_run: when it runs next, as far as that is known.
        missed_ticks: how many ticks there was no run for.
    """

    plugin: str
    name: str
    description: str
    cron: str | None
    every: str | None
    timezone: str
    missed: str
    function: str | None
    topic: str | None
    state: str
    next_run: datetime | None
    missed_ticks: int
    last_run: Run | None


class RunsPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some runs, the newest first; ``next`` asks for those before them."""

    runs: list[Run]
    next: int | None
