"""What operators set of agents, in place of what their manifests say."""

from __future__ import annotations

from dataclasses import replace

import msgspec
from msgspec import UNSET

from wardian.agents.criteria import fault_of
from wardian.agents.registry.changes import AgentChange
from wardian.agents.registry.declared import is_agent, read_overrides
from wardian.errors import InvalidArguments, NotFound
from wardian.plugins.registry import read_installed
from wardian.plugins.text import is_plain
from wardian.runtime.journal import Journal
from wardian.storage import Connection
from wardian.storage.agents import AgentRepository, AgentRow


class Operating:
    """Has agents be otherwise; every host knows of it by the plugin's event."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    async def change(self, tenant: str, name: str, wanted: AgentChange, actor: str) -> None:
        """Change what is set of an agent.

        Raises:
            NotFound: the tenant has no agent of this name.
            InvalidArguments: what is set cannot be; with its path.
        """
        wanted = _checked(wanted)
        async with self._journal.change(tenant, actor) as change:
            plugin_id = await _agent(change.connection, tenant, name)
            agents = AgentRepository(change.connection, tenant)
            before = await agents.find(plugin_id) or AgentRow(
                plugin_id=plugin_id, overrides={}, paused=False
            )
            overrides = read_overrides(before.overrides).changed(wanted).stored()
            paused = before.paused if wanted.paused is UNSET else wanted.paused
            after = replace(before, overrides=overrides, paused=paused)
            if after != before:
                await agents.write(after, actor)
                detail = {"before": _told(before), "set": _told(after)}
                await change.note("agent-changed", name, detail)


async def _agent(connection: Connection, tenant: str, name: str) -> str:
    try:
        plugin = await read_installed(connection, tenant, name)
    except NotFound:
        raise NotFound(f"There is no agent {name[:80]!r}.") from None
    if not is_agent(plugin):
        raise NotFound(f"{name} is installed, and is no agent.")
    return plugin.id


def _checked(wanted: AgentChange) -> AgentChange:
    """Return a change as it is if it came as a value, and not as JSON, and is one."""
    try:
        checked = msgspec.convert(msgspec.to_builtins(wanted), AgentChange)
    except msgspec.ValidationError as exc:
        reason, path = fault_of(exc)
        raise InvalidArguments(
            f"The agent cannot be changed like this: {reason}.", path=path.lstrip(".")
        ) from exc
    for number, tag in enumerate(checked.tags or ()):
        if not is_plain(tag):
            raise InvalidArguments(
                "A tag is one line, without characters that are invisible.", path=f"tags[{number}]"
            )
    return checked


def _told(row: AgentRow) -> dict[str, object]:
    return {**row.overrides, "paused": row.paused}
