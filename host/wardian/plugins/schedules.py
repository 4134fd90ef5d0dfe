"""``[[schedule]]`` in a manifest: what the host is to do by itself, and when."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Self

import msgspec
from pydantic import AfterValidator, Field, StringConstraints, model_validator

from wardian.plugins.documents import JsonObject
from wardian.plugins.tables import Table
from wardian.plugins.text import Like, Line, Name, Prose
from wardian.plugins.timing import CRON, EVERY, Timing, check_cron, check_every, check_timezone

SCHEDULES_MAX = 32
"""How many a manifest may list; an operator may allow fewer."""

_WORD = r"[a-z0-9]+(?:[_-][a-z0-9]+)*"


def _checked(check: Any) -> AfterValidator:
    def checked(text: str) -> str:
        check(text)
        return text

    return AfterValidator(checked)


Cron = Annotated[
    str,
    StringConstraints(max_length=128),
    Like(CRON, "five fields of cron, such as '0 8 * * MON-FRI'"),
    _checked(check_cron),
]
Every = Annotated[
    str,
    StringConstraints(max_length=8),
    Like(EVERY, "a time such as '30s', '15m', '6h' or '1d'"),
    _checked(check_every),
]
TimeZone = Annotated[
    str,
    StringConstraints(max_length=64),
    Like(r"[A-Za-z0-9_+-]+(?:/[A-Za-z0-9_+-]+)*", "a time zone such as 'Europe/Berlin'"),
    _checked(check_timezone),
]
Topic = Annotated[
    str,
    StringConstraints(max_length=200),
    Like(rf"{_WORD}(?:\.{_WORD})*", "a topic such as 'orders.summary'"),
]


class Missed(StrEnum):
    """What becomes of ticks at which nobody could run."""

    SKIP = "skip"
    RUN_ONCE = "run-once"
    RUN_ALL = "run-all"


class Schedule(Table):
    """What the host does by itself: call a function of the plugin, or publish an event."""

    name: Annotated[Name, Field(description="Its name, of which there is one in the plugin.")]
    cron: Annotated[
        Cron | None,
        Field(description="When, as five fields of cron: `0 8 * * MON-FRI`. Or give `every`."),
    ] = None
    every: Annotated[
        Every | None,
        Field(description="How often: `30s`, `15m`, `6h`, `1d`. Or give `cron`."),
    ] = None
    timezone: Annotated[
        TimeZone | None,
        Field(description="The time zone of `cron`, such as `Europe/Berlin`; UTC unless given."),
    ] = None
    missed: Annotated[
        Missed,
        Field(
            strict=False,
            description="What becomes of ticks at which it could not run, because the host or the "
            "plugin was down: nothing, one run for all of them, or a run for each of the last.",
        ),
    ] = Missed.SKIP
    function: Annotated[
        Line | None,
        Field(
            min_length=1,
            description="The function to call: `name` or `interface#name`. Or give `topic`.",
        ),
    ] = None
    arguments: Annotated[
        JsonObject, Field(default_factory=dict, description="The function's arguments, by name.")
    ]
    topic: Annotated[
        Topic | None,
        Field(
            description="The topic of the event to publish, for which the plugin asks for "
            "`events:publish`. Or give `function`."
        ),
    ] = None
    data: Annotated[JsonObject, Field(default_factory=dict, description="The event's data.")]
    description: Annotated[Prose, Field(description="What it is for.")] = ""

    @model_validator(mode="after")
    def _is_one_thing_at_one_kind_of_time(self) -> Self:
        if (self.cron is None) == (self.every is None):
            raise ValueError("takes one of `cron` and `every`")
        if (self.function is None) == (self.topic is None):
            raise ValueError("takes one of `function` and `topic`")
        if self.timezone is not None and self.cron is None:
            raise ValueError("has a `timezone`, which is for `cron`; an interval has none")
        if self.arguments and self.function is None:
            raise ValueError("has `arguments`, which are for a `function`; an event has `data`")
        if self.data and self.topic is None:
            raise ValueError("has `data`, which is an event's; a function has `arguments`")
        return self

    @property
    def timing(self) -> Timing:
        """When its ticks are."""
        return Timing(cron=self.cron, every=self.every, timezone=self.timezone or "UTC")


class ScheduleAsked(msgspec.Struct, frozen=True, kw_only=True):
    """What a manifest has the host do by itself, as people review it.

    Attributes:
        when: the interval, or the cron expression and its time zone.
        does: a sentence.
    """

    name: str
    when: str
    missed: str
    does: str
    description: str


def schedule_asked(schedule: Schedule) -> ScheduleAsked:
    """Return a schedule as people review it."""
    does = f"publish {schedule.topic}" if schedule.topic else f"call {schedule.function}"
    return ScheduleAsked(
        name=schedule.name,
        when=str(schedule.timing),
        missed=schedule.missed.value,
        does=does,
        description=schedule.description,
    )
