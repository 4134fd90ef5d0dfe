"""What the holder of a key may call: plugins that take calls now, and require no scope it lacks."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from wardian.plugins import Installed, Registry
from wardian.plugins.agents import AGENT_ASK
from wardian.plugins.askable import is_askable
from wardian.plugins.offers import offered
from wardian.policy.levels import LEVELS, RunsIn
from wardian.sandbox.description import FunctionDescription
from wardian.tenants.scopes import lacking, may_call

_REACHES_OUT = frozenset({"http:request", "plugins:call", "agents:ask"})
_CHANGES = _REACHES_OUT | {"kv:write", "events:publish"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One plugin with the functions that it offers.

    Attributes:
        package_digest: of its package; two offers of the same one describe the same functions.
        description: what its author says of it, in words that nobody has checked.
        may_change: whether a call can change anything that outlives it. It is not what the plugin
            says: without such a permission the host refuses to.
        reaches_out: whether a call can have a request sent, or another plugin or an agent asked.
        answers: the capabilities that questions are asked for, if it is an agent.
    """

    plugin: str
    version: str
    package_digest: str
    description: str
    functions: Mapping[str, FunctionDescription]
    may_change: bool
    reaches_out: bool
    answers: tuple[str, ...] = ()


class Offers:
    """What plugins offer to the holders of keys."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def all(self, tenant: str, scopes: Collection[str]) -> list[Offer]:
        """Return what a key of a tenant with these scopes may call, by plugin."""
        plugins = await self._registry.all(tenant)
        return [_offer(plugin) for plugin in plugins if _is_offered(plugin, scopes)]

    async def of(self, tenant: str, name: str, scopes: Collection[str]) -> Offer | None:
        """Return what one plugin offers to such a key, or None if that is nothing.

        Raises:
            NotFound: the tenant has no such plugin.
        """
        plugin = await self._registry.get(tenant, name)
        return _offer(plugin) if _is_offered(plugin, scopes) else None


def _is_offered(plugin: Installed, scopes: Collection[str]) -> bool:
    may = may_call(plugin.name, scopes)
    return may and plugin.is_callable and not lacking(plugin.manifest.required_scopes, scopes)


def _offer(plugin: Installed) -> Offer:
    actions = {permission.action for permission in plugin.granted}
    # What runs in the host's own process has no walls around it.
    is_free = LEVELS[plugin.level].runs_in is RunsIn.THREAD
    return Offer(
        plugin=plugin.name,
        version=plugin.version,
        package_digest=plugin.package_digest,
        description=plugin.manifest.description,
        functions=_functions(plugin),
        may_change=is_free or not actions.isdisjoint(_CHANGES),
        reaches_out=is_free or not actions.isdisjoint(_REACHES_OUT),
        answers=_answers(plugin),
    )


def _functions(plugin: Installed) -> Mapping[str, FunctionDescription]:
    """Return what may be called: not an agent's own way to be asked, which the host alone takes."""
    functions = plugin.description.functions
    if not is_askable(plugin.manifest, functions):
        return functions
    return {name: each for name, each in functions.items() if name != AGENT_ASK}


def _answers(plugin: Installed) -> tuple[str, ...]:
    if not is_askable(plugin.manifest, plugin.description.functions):
        return ()
    return tuple(name for name, _ in offered(plugin.manifest.capabilities))
