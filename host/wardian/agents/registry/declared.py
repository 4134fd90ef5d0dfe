"""An agent as its manifest declares it and its operator has it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from wardian.agents.candidates import Candidate
from wardian.agents.money import CostModel, nanos
from wardian.agents.registry.changes import AgentChange, CostChange, LimitsChange
from wardian.plugins import Installed
from wardian.plugins.agents import Agent, AgentLimits
from wardian.plugins.askable import is_askable
from wardian.plugins.offers import offered
from wardian.storage.agents import AgentRow

PAUSED = "its operator has paused it"

_log = logging.getLogger("wardian.agents")


class Overrides(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an operator has set in place of what the manifest says."""

    priority: int | UnsetType = UNSET
    tags: tuple[str, ...] | UnsetType = UNSET
    cost: CostChange | UnsetType = UNSET
    limits: LimitsChange | UnsetType = UNSET

    def changed(self, change: AgentChange) -> Overrides:
        """Return these with a change; null of the change is the manifest's again."""
        given = {name: getattr(change, name) for name in self.__struct_fields__}
        values = {name: UNSET if value is None else value for name, value in given.items()}
        named = {name: value for name, value in values.items() if given[name] is not UNSET}
        return msgspec.structs.replace(self, **named)

    def names(self) -> list[str]:
        """Return what is the operator's."""
        return [name for name in self.__struct_fields__ if getattr(self, name) is not UNSET]

    def stored(self) -> dict[str, Any]:
        """Return these as a JSON object."""
        found: dict[str, Any] = msgspec.to_builtins(self)
        return found


NO_OVERRIDES = Overrides()


def read_overrides(stored: Mapping[str, Any]) -> Overrides:
    """Return what was stored; nothing of what a later version of the host has written that this
    one does not know."""
    try:
        return msgspec.convert(dict(stored), Overrides)
    except msgspec.ValidationError as error:
        _log.warning("What an operator has set of an agent is not understood: %s", error)
        return NO_OVERRIDES


@dataclass(frozen=True, slots=True)
class Declared:
    """An agent, all but what was measured.

    Attributes:
        version: the plugin's.
        package: the digest of the package, which has the manifest.
        capabilities: names, and the versions that are offered of them.
        withheld: why nobody is to ask it, for people: what its operator or its state says.
    """

    name: str
    plugin_id: str
    version: str
    package: str
    capabilities: tuple[tuple[str, str], ...]
    priority: int
    tags: tuple[str, ...]
    cost: CostModel
    limits: AgentLimits
    overridden: tuple[str, ...]
    paused: bool
    withheld: str

    def candidates(self) -> tuple[Candidate, ...]:
        """Return a new candidate for each capability, of which nothing is known."""
        return tuple(
            Candidate(
                agent=self.name,
                version=self.version,
                plugin_id=self.plugin_id,
                capability=capability,
                capability_version=version,
                priority=self.priority,
                tags=frozenset(self.tags),
                cost=self.cost,
                units_max=self.limits.units,
                concurrent_max=self.limits.concurrent,
                input_bytes_max=self.limits.input_bytes,
                is_available=not self.withheld,
                unavailable=self.withheld,
            )
            for capability, version in self.capabilities
        )


def is_agent(plugin: Installed) -> bool:
    """Tell whether a plugin is an agent."""
    return is_askable(plugin.manifest, plugin.description.functions)


def declared(plugin: Installed, row: AgentRow | None) -> Declared:
    """Return an installed agent as it is declared, with what its operator has set of it."""
    manifest = plugin.manifest
    agent = manifest.agent or Agent()
    overrides = NO_OVERRIDES if row is None else read_overrides(row.overrides)
    paused = row is not None and row.paused
    return Declared(
        name=plugin.name,
        plugin_id=plugin.id,
        version=plugin.version,
        package=plugin.package_digest,
        capabilities=tuple(
            (name, version or plugin.version) for name, version in offered(manifest.capabilities)
        ),
        priority=agent.priority if overrides.priority is UNSET else overrides.priority,
        tags=manifest.tags if overrides.tags is UNSET else overrides.tags,
        cost=_cost(agent, overrides),
        limits=_limits(agent, overrides),
        overridden=tuple(overrides.names()),
        paused=paused,
        withheld=_withheld(plugin, paused=paused),
    )


def _cost(agent: Agent, overrides: Overrides) -> CostModel:
    cost = agent.cost
    if overrides.cost is not UNSET:
        cost = cost.model_copy(update=msgspec.to_builtins(overrides.cost))
    return CostModel(per_call=nanos(cost.per_call), per_unit=nanos(cost.per_unit), unit=cost.unit)


def _limits(agent: Agent, overrides: Overrides) -> AgentLimits:
    if overrides.limits is UNSET:
        return agent.limits
    return agent.limits.model_copy(update=msgspec.to_builtins(overrides.limits))


def _withheld(plugin: Installed, *, paused: bool) -> str:
    if not plugin.is_callable:
        reason = f": {plugin.state_reason}" if plugin.state_reason else ""
        return f"the plugin is {plugin.state}{reason}"
    return PAUSED if paused else ""
