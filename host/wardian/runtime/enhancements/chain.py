"""The chain around a function, in its one order: monitor, rate limit, cache, retry, timeout, call.

Why this order: what watches is to see what callers see, refusals and kept answers included. A rate
is of calls, and one that finds an answer is a call: a limit behind the cache could be gone around
by asking what is kept. Attempts are made for what is not kept, and each has its own time to run.

A chain is made once for what a plugin is now; another configuration, other grants or another
version make another one. A plugin without enhancements has none, and its calls pass as before.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from wardian.plugins import Installed
from wardian.plugins.enhancements import (
    Cache,
    Enhanced,
    Monitor,
    RateLimit,
    Retry,
    Setting,
    Timeout,
    applied,
)
from wardian.runtime.calls import CallRequest, Calls
from wardian.runtime.enhancements.answers import Answers
from wardian.runtime.enhancements.caching import Caching
from wardian.runtime.enhancements.keys import Keys, stamp_of
from wardian.runtime.enhancements.passing import Layer, Passing
from wardian.runtime.enhancements.rates import RateLimiting, RateLimits
from wardian.runtime.enhancements.retries import Pauses, Retrying
from wardian.runtime.enhancements.timeouts import TimingOut
from wardian.runtime.enhancements.watching import Watches, Watching
from wardian.runtime.sinks import Sinks
from wardian.runtime.views import CallOutcome

CHAINS_MAX = 1_024
"""Of how many plugins the chains are kept; those that were called last."""


@dataclass(frozen=True, slots=True)
class Chain:
    """What is around one function.

    Attributes:
        layers: the outermost first.
    """

    layers: Sequence[Layer]

    async def enter(self, passing: Passing, request: CallRequest) -> CallOutcome:
        """Take a call through the layers.

        Raises:
            WardianError: what a layer, or the call itself, raises.
        """
        return await self._onward(passing, 0, request)

    async def _onward(self, passing: Passing, at: int, request: CallRequest) -> CallOutcome:
        if at == len(self.layers):
            return await passing.attempt(passing, request)
        return await self.layers[at](passing, request, partial(self._onward, passing, at + 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainParts:
    """What chains are made of.

    Attributes:
        answers: that are kept.
        limits: how often functions were called.
        watches: how calls of watched functions went.
    """

    calls: Calls
    sinks: Sinks
    answers: Answers
    limits: RateLimits
    watches: Watches
    pauses: Pauses


class Chains:
    """The chains of every plugin."""

    def __init__(self, parts: ChainParts) -> None:
        self._parts = parts
        self._known: OrderedDict[int, tuple[Installed, Mapping[str, Chain]]] = OrderedDict()

    @property
    def answers(self) -> Answers:
        """What is kept, for who keeps more among it: all of it goes when chains are forgotten."""
        return self._parts.answers

    def of(self, plugin: Installed) -> Mapping[str, Chain]:
        """Return what is around each function of a plugin that anything is around."""
        # By identity: what is remembered of a plugin is another value once anything has changed.
        found = self._known.get(id(plugin))
        if found is None:
            found = self._known[id(plugin)] = plugin, self._made(plugin)
            if len(self._known) > CHAINS_MAX:
                self._known.popitem(last=False)
        return found[1]

    def forget(self, tenant: str, plugin: str | None = None) -> None:
        """Make the chains of a plugin anew, or of all of the tenant's; nothing is kept of them."""
        self._parts.answers.forget(tenant, plugin)
        for key, (known, _) in tuple(self._known.items()):
            if known.tenant == tenant and plugin in (None, known.name):
                del self._known[key]

    def forget_all(self) -> None:
        """Make all chains anew."""
        self._parts.answers.forget_all()
        self._known.clear()

    def _made(self, plugin: Installed) -> Mapping[str, Chain]:
        functions = plugin.description.functions
        stamp = stamp_of(plugin, *self._parts.calls.settings_of(plugin))
        return {
            name: self._chain(plugin, name, said, stamp)
            for name, said in applied(plugin.manifest.enhancements, functions).functions.items()
        }

    def _chain(self, plugin: Installed, function: str, said: Enhanced, stamp: bytes) -> Chain:
        keys = Keys(plugin, function, stamp)
        return Chain([self._layer(each.setting, keys) for each in said.values()])

    def _layer(self, setting: Setting, keys: Keys) -> Layer:
        parts = self._parts
        match setting:
            case Monitor():
                return Watching(setting, parts.watches)
            case RateLimit():
                return RateLimiting(setting, parts.limits)
            case Cache():
                return Caching(setting, keys, parts.answers, parts.calls, parts.sinks)
            case Retry():
                return Retrying(setting, parts.calls, parts.pauses)
            case Timeout():
                return TimingOut(setting, parts.calls)
