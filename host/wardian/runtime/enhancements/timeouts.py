"""``timeout``: an attempt is stopped earlier than the level of its plugin would."""

from __future__ import annotations

import time
from dataclasses import replace

from wardian.errors import DeadlineExceeded
from wardian.plugins.enhancements import Timeout
from wardian.runtime.calls import CallRequest, Calls
from wardian.runtime.enhancements.passing import Onward, Passing
from wardian.runtime.views import CallOutcome


class TimingOut:
    """Lowers the wall clock of a call, and never raises it."""

    def __init__(self, setting: Timeout, calls: Calls) -> None:
        self.setting = setting
        self._calls = calls

    async def __call__(self, passing: Passing, request: CallRequest, onward: Onward) -> CallOutcome:
        seconds = self.setting.seconds
        if self._calls.limits(passing.plugin, request).wall_seconds <= seconds:
            return await onward(request)
        lowered = replace(request, limits={**(request.limits or {}), "wall_seconds": seconds})
        began = time.monotonic()
        try:
            return await onward(lowered)
        except DeadlineExceeded as error:
            # Sooner than that it is the deadline of a call that made this one.
            if time.monotonic() - began >= seconds:
                error.reword(
                    f"{passing.function} of {passing.plugin.name} was stopped after {seconds:g} s, "
                    "the timeout that the plugin's manifest sets around this function."
                )
            raise
