"""The clock that a plugin without WASI lacks: an exception that says so, and not the call's end.

What asks for the time, or waits, would end such a call as a trap, which carries no text and leaves
nothing in the log. The functions of `time` are put in place of before the plugin's modules are
imported, since these may have them by name, and go on as ever until the snapshot is taken.
`datetime.now()` asks without them.
"""

import time
from collections.abc import Callable
from typing import Any

_NAMES = (
    "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "process_time",
    "process_time_ns", "sleep", "time", "time_ns",
)  # fmt: skip

_stopped: list[bool] = []


def stop() -> None:
    """Have each of the functions raise from now on."""
    _stopped.append(True)


def _guarded(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def guarded(*arguments: Any) -> Any:
        if _stopped:
            raise RuntimeError(
                f"time.{name}() needs a clock, and this plugin has none: build with `wasi = true` "
                "in build.toml, or have the caller pass the time"
            )
        return function(*arguments)

    return guarded


for _name in _NAMES:
    setattr(time, _name, _guarded(_name, getattr(time, _name)))
