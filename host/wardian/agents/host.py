"""A host with agents."""

from __future__ import annotations

from wardian.agents.agents import Agents
from wardian.runtime.host import HostParts, PluginHost


class Host(PluginHost):
    """Plugins of every tenant, and those among them that are agents.

    Attributes:
        agents: asks them, and says who they are and how they do.
    """

    def __init__(
        self, parts: HostParts, agents: Agents, *, bootstrap_token: str | None = None
    ) -> None:
        super().__init__(parts, bootstrap_token=bootstrap_token)
        self.agents = agents
