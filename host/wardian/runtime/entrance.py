"""The way into a plugin, for everybody who calls one by what it is, and not as the host's own.

Whoever calls waits while the plugin rests after crashes, or while its stored data is migrated; and
how each call ended is told to those who watch over plugins.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial

from wardian.capabilities import Course
from wardian.errors import (
    CallError,
    Conflict,
    DeadlineExceeded,
    Forbidden,
    MemoryExceeded,
    OutOfFuel,
    ResultTooLarge,
    Revoked,
    SignatureInvalid,
    WorkerLost,
)
from wardian.plugins import Installed, PluginState, Registry
from wardian.plugins.agents import AGENT_ASK
from wardian.plugins.askable import AGENTS
from wardian.plugins.trust import Trust
from wardian.runtime.calls import CallRequest, Calls
from wardian.runtime.enhancements import Chains, Passing
from wardian.runtime.gates import Gates
from wardian.runtime.recall import Recall
from wardian.runtime.scopes import check_plugin, check_scopes
from wardian.runtime.supervision import Supervisor
from wardian.runtime.traffic import Traffic
from wardian.runtime.views import CallOutcome

Find = Callable[[], Awaitable[Installed]]
"""Finds the plugin to be called as it is now; raises where there is none that takes calls."""

_VERBS = {
    PluginState.INSTALLED: "enable it first",
    PluginState.ENABLED: "enable it again once the cause is gone",
    PluginState.DISABLED: "enable it first",
    PluginState.QUARANTINED: "look at why, then disable and enable it",
}

_OF_ITS_BUDGET = (DeadlineExceeded, OutOfFuel, MemoryExceeded, ResultTooLarge)


@dataclass(frozen=True, slots=True, kw_only=True)
class EntranceParts:
    """What the way in is made of."""

    registry: Registry
    trust: Trust
    gates: Gates
    recall: Recall
    supervisor: Supervisor
    traffic: Traffic
    calls: Calls
    chains: Chains


class Entrance:
    """Lets calls in."""

    def __init__(self, parts: EntranceParts) -> None:
        self._parts = parts

    async def named(self, tenant: str, name: str) -> Installed:
        """Return a plugin that takes calls.

        Raises:
            NotFound: no such plugin.
            Conflict: it takes no calls now.
            SignatureInvalid, Revoked: it was set aside for that.
        """
        plugin = await self._parts.registry.get(tenant, name)
        if plugin.state is PluginState.QUARANTINED:
            # If it is for that that it was set aside, say so as clearly as when it was.
            await self._parts.trust.check_load(plugin)
        if not plugin.is_callable:
            raise _not_callable(plugin)
        return plugin

    async def call(self, find: Find, request: CallRequest) -> CallOutcome:
        """Call whatever ``find`` finds, once it can be called.

        Raises:
            Overloaded: every worker is busy and the queue is full; or the plugin rests after
                crashes, and too many calls of it wait.
            SignatureInvalid, Revoked: the tenant does not trust the plugin, or no more; it is
                quarantined then.
            RateLimited: the function was called as often as the plugin's manifest lets it.
            Forbidden: the key that all began with lacks scopes that the plugin requires, or is for
                other plugins; or an agent's own function for questions is called, and not asked.
            Conflict: it would have to wait for an upgrade that waits for the calling plugin.
            CallError, InvalidArguments, NotFound: as of `Calls.run`, and what ``find`` raises.
        """
        plugin = await self._ready(find, request)
        check_scopes(plugin, request.scopes)
        if request.question is None:
            check_callable(plugin, request.function)
        if not plugin.manifest.enhancements:
            return await self._run(plugin, request, request)
        return await self._enhanced(plugin, find, request)

    async def _enhanced(self, plugin: Installed, find: Find, request: CallRequest) -> CallOutcome:
        """Take a call through what its manifest has the host do around the function."""
        function = plugin.description.resolve(request.function)
        chain = self._parts.chains.of(plugin).get(function)
        if chain is None:
            return await self._run(plugin, request, request)

        async def attempt(passing: Passing, wanted: CallRequest) -> CallOutcome:
            passing.course = Course()
            return await self._run(passing.plugin, replace(wanted, course=passing.course), request)

        passing = Passing(
            plugin=plugin,
            function=function,
            find=partial(self._ready, find, request),
            attempt=attempt,
        )
        return await chain.enter(passing, request)

    async def _ready(self, find: Find, request: CallRequest) -> Installed:
        """Return the plugin to be called, once it can be."""
        supervisor, gates = self._parts.supervisor, self._parts.gates
        plugin = await find()
        if request.caller is None:  # what that plugin calls is its own affair, and has its rights
            check_plugin(plugin.name, request.scopes)
        while supervisor.rests(plugin) or gates.is_closed(plugin):
            self._check_may_wait(plugin, request)
            await supervisor.rested(plugin)
            await gates.opened(plugin)
            plugin = await find()
        return plugin

    async def _run(
        self, plugin: Installed, request: CallRequest, asked: CallRequest
    ) -> CallOutcome:
        """Make a call; ``asked`` is what its caller wants, and lowers."""
        supervisor, traffic = self._parts.supervisor, self._parts.traffic
        try:
            outcome = await self._parts.calls.run(plugin, request)
        except WorkerLost as error:
            await traffic.ended(plugin, error, lowered=_lowered(asked, error))
            await supervisor.lost(plugin, error)
            raise
        except (SignatureInvalid, Revoked) as error:
            await self._parts.recall.withdraw(plugin, error)
            raise
        except CallError as error:
            supervisor.survived(plugin)
            await traffic.ended(plugin, error, lowered=_lowered(asked, error))
            raise
        supervisor.survived(plugin)
        if traffic.watches(plugin):
            await traffic.ended(plugin, None, lowered=_lowered(asked, None))
        return outcome

    def _check_may_wait(self, plugin: Installed, request: CallRequest) -> None:
        """An upgrade with migrated data waits for the calls of its plugin, and a call that waits at
        the gate of another would keep it waiting: two such upgrades, and none would end."""
        if request.caller is None:
            return
        for call in request.caller.line():
            if self._parts.gates.is_closed_for(call.facts.plugin_id):
                raise Conflict(
                    f"{plugin.name} takes no calls in this moment, and {call.facts.plugin}, which "
                    "is being upgraded, cannot wait for that."
                )


def check_callable(plugin: Installed, function: str) -> None:
    """Check that a function is not the one by which the host alone puts questions to an agent.

    Whoever called it would have answers that no budget pays for, that nothing is learnt from, and
    that no record knows.

    Raises:
        Forbidden: it is.
        NotFound: there is no such function.
    """
    if plugin.manifest.category == AGENTS and plugin.description.resolve(function) == AGENT_ASK:
        raise Forbidden(
            f"{plugin.name} answers questions, and its `ask` is not to be called: ask with "
            "`POST /api/v1/agents/ask`, `wardian agents ask` or `host.agents.ask`, which choose "
            "an agent for the capability that is asked for."
        )


def _lowered(request: CallRequest, error: CallError | None) -> bool:
    """Tell whether it is by what its caller left it that a call may have failed."""
    caller = request.caller
    if caller is None:
        return bool(request.limits)
    return isinstance(error, _OF_ITS_BUDGET) or caller.budget.is_starved()


def _not_callable(plugin: Installed) -> Conflict:
    why = f" ({plugin.state_reason})" if plugin.state_reason else ""
    return Conflict(f"{plugin.name} is {plugin.state}{why}: {_VERBS[plugin.state]}.")
