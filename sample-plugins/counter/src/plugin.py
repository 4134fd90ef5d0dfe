"""counter: named counters that keep their values and announce every change."""

import re
from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from wardian_sdk import Err, WardianError, config, context, events, kv, logging
from wit_world.exports.counters import (
    CounterError_AtMaximum,
    CounterError_InvalidName,
    CounterError_Refused,
    CounterState,
)

P = ParamSpec("P")
T = TypeVar("T")

PREFIX = "counter/"
TOPIC = "counter.changed"

_NAME = re.compile(r"[a-z][a-z0-9-]{0,63}")


def _answers_refusals(
    function: Callable[Concatenate["Counters", P], T],
) -> Callable[Concatenate["Counters", P], T]:
    # What the host refuses is an answer for the caller, who can ask the operator for a grant.
    @wraps(function)
    def call(self: "Counters", *arguments: P.args, **named: P.kwargs) -> T:
        try:
            return function(self, *arguments, **named)
        except WardianError as refusal:
            raise Err(CounterError_Refused(str(refusal))) from None

    return call


class Counters:
    """What ``wit/world.wit`` exports as the interface ``counters``."""

    @_answers_refusals
    def increment(self, name: str) -> CounterState:
        """Add one step; ``Err`` when that would go beyond the configured maximum."""
        key = _key(name)
        step, maximum = config.get("step"), config.get("maximum")
        value = kv.increment(key, step)
        if value > maximum:
            # Taken back and not checked beforehand: two calls that checked at the same time
            # would both find room for the last step. This way neither can stay beyond it.
            kv.increment(key, -step)
            logging.warn("counter is at its maximum", counter=name, maximum=maximum)
            raise Err(CounterError_AtMaximum(maximum))
        _announce(name, value)
        return CounterState(name, value, maximum - value)

    @_answers_refusals
    def read(self, name: str) -> CounterState:
        """Return the counter; one that was never incremented has 0."""
        value = int(kv.get(_key(name)) or 0)
        return CounterState(name, value, config.get("maximum") - value)

    @_answers_refusals
    def names(self) -> list[str]:
        """Return the names of all counters, in order."""
        return [key.removeprefix(PREFIX) for key in kv.keys(PREFIX)]

    @_answers_refusals
    def reset(self, name: str) -> bool:
        """Set the counter back to 0, and tell whether it existed."""
        existed = kv.delete(_key(name))
        if existed:
            _announce(name, 0)
        return existed


def _key(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise Err(CounterError_InvalidName(name))
    return PREFIX + name


def _announce(name: str, value: int) -> None:
    call = context.current()
    # Keyed by the counter, so that whoever listens sees its changes in order.
    events.publish(TOPIC, {"name": name, "value": value, "by": call.subject}, key=name)
    logging.info("counter changed", counter=name, value=value)
