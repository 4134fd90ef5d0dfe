"""One call on its way through a chain, and what the layers of a chain are."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from wardian.capabilities import Course
from wardian.plugins import Installed
from wardian.plugins.enhancements import Setting
from wardian.runtime.calls import CallRequest
from wardian.runtime.views import CallOutcome

Onward = Callable[[CallRequest], Awaitable[CallOutcome]]
"""The rest of the way: the layers further in, and the call itself."""


@dataclass(slots=True, kw_only=True, eq=False)
class Passing:
    """One call on its way.

    Attributes:
        plugin: as it is now; it is looked at anew before another attempt.
        function: the full name.
        find: returns the plugin once it takes calls; raises where it takes none any more.
        attempt: makes the call itself.
        course: what the last attempt did, as far as the host saw it.
    """

    plugin: Installed
    function: str
    find: Callable[[], Awaitable[Installed]]
    attempt: Callable[[Passing, CallRequest], Awaitable[CallOutcome]]
    course: Course = field(default_factory=Course)


class Layer(Protocol):
    """One enhancement of one function."""

    @property
    def setting(self) -> Setting:
        """What the manifest says."""

    async def __call__(self, passing: Passing, request: CallRequest, onward: Onward) -> CallOutcome:
        """Let a call through, make it, or have an answer already.

        Raises:
            WardianError: what comes from further in; or what the layer is there for.
        """
