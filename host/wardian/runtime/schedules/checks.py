"""What a manifest says of schedules, against the rest of it, its component and this host."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from wardian.errors import Fault, InvalidManifest, NotFound
from wardian.plugins.manifest import Manifest
from wardian.plugins.schedules import Schedule
from wardian.policy.permissions import Permission
from wardian.policy.topics import is_reserved
from wardian.sandbox.description import Description, FunctionDescription

_HOST_CALLS = "wardian:plugin/"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleBounds:
    """What the operator allows of a manifest's schedules.

    Attributes:
        schedules_max: how many a plugin may have.
        apart: the least time between two ticks.
    """

    schedules_max: int = 16
    apart: timedelta = timedelta(seconds=60)

    def check(self, manifest: Manifest) -> None:
        """Check that a plugin may have the schedules of its manifest.

        Raises:
            InvalidManifest: there are too many, or one is too often; says how to change that.
        """
        count = len(manifest.schedule)
        if count > self.schedules_max:
            raise InvalidManifest(
                f"The plugin has {count} schedules, and this host allows {self.schedules_max}. Ask "
                f"for fewer, or let the operator set WARDIAN_SCHEDULES_MAX={count}.",
                path=f"schedule[{self.schedules_max}]",
            )
        faults = [
            Fault(
                f"The schedule {schedule.name!r} has ticks {_seconds(shortest)} apart, and this "
                f"host allows {_seconds(self.apart)} at least. Ask for fewer, or let the operator "
                f"set WARDIAN_SCHEDULE_APART_SECONDS.",
                f"schedule[{index}].{'every' if schedule.every else 'cron'}",
            )
            for index, schedule in enumerate(manifest.schedule)
            if (shortest := schedule.timing.shortest()) < self.apart
        ]
        if faults:
            raise InvalidManifest(faults=faults)


def topic_faults(manifest: Manifest) -> list[Fault]:
    """Return why events of a manifest's schedules could never be published."""
    asked = manifest.asked()
    return [
        Fault(fault, f"schedule[{index}].topic")
        for index, schedule in enumerate(manifest.schedule)
        if schedule.topic is not None and (fault := _topic_fault(schedule.topic, asked))
    ]


def check_functions(manifest: Manifest, description: Description) -> None:
    """Check that a component has the functions that its manifest's schedules call.

    Raises:
        InvalidManifest: it lacks one, or one takes other arguments.
    """
    faults = [
        Fault(text, f"schedule[{index}].{field}")
        for index, schedule in enumerate(manifest.schedule)
        for field, text in _function_faults(schedule, description)
    ]
    if faults:
        raise InvalidManifest(faults=faults)


def _topic_fault(topic: str, asked: tuple[Permission, ...]) -> str | None:
    if is_reserved(topic):
        return f"The topic {topic!r} is refused: the host alone publishes it."
    wanted = Permission("events:publish", topic)
    if any(permission.covers(wanted) for permission in asked):
        return None
    return f"The plugin publishes to {topic!r} and does not ask for `{wanted}`."


def _function_faults(schedule: Schedule, description: Description) -> Iterator[tuple[str, str]]:
    if schedule.function is None:
        return
    try:
        name = description.resolve(schedule.function)
    except NotFound as error:
        yield "function", error.message
        return
    if name.startswith(_HOST_CALLS):
        yield "function", f"The host calls {name} itself; a schedule takes one of the plugin's own."
        return
    yield from _argument_faults(schedule, description.functions[name])


def _argument_faults(
    schedule: Schedule, function: FunctionDescription
) -> Iterator[tuple[str, str]]:
    known = function.parameters.get("properties", schedule.arguments)
    for name in schedule.arguments:
        if name not in known:
            listed = ", ".join(known) or "none"
            yield "arguments", f"{schedule.function} takes no {name!r}; it takes: {listed}."
    for name in function.parameters.get("required", ()):
        if name not in schedule.arguments:
            yield "arguments", f"{schedule.function} needs {name!r}."


def _seconds(time: timedelta) -> str:
    return f"{time.total_seconds():g} s"
