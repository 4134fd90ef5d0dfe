"""Whether a plugin is an agent: it says so, and it can be asked."""

from __future__ import annotations

from collections.abc import Collection

from wardian.plugins.agents import AGENT_ASK
from wardian.plugins.manifest import Manifest

AGENTS = "ai_agent"
"""The category of agents."""

_INTERFACE = AGENT_ASK.partition("#")[0]


def is_askable(manifest: Manifest, functions: Collection[str]) -> bool:
    """Tell whether a plugin with these functions is an agent."""
    return manifest.category == AGENTS and AGENT_ASK in functions


def unaskable(manifest: Manifest, functions: Collection[str]) -> list[str]:
    """Return a warning, as a sentence, for a plugin that is half an agent: nobody asks it.

    Args:
        functions: full names of what the component exports.
    """
    is_agent, exports = manifest.category == AGENTS, AGENT_ASK in functions
    if is_agent and not exports:
        return [
            f"The category is `{AGENTS}`, and the component does not export {_INTERFACE}: nobody "
            "can ask it. Export that, or choose another category."
        ]
    if exports and not is_agent:
        return [
            f"The component exports {_INTERFACE}, and the category is not `{AGENTS}`: nobody will "
            "ask it. Choose that category, or leave the export out."
        ]
    if manifest.agent is not None and not is_agent:
        return [f"[agent] says nothing, because the category is not `{AGENTS}`."]
    if exports and not manifest.capabilities:
        return ["An agent is asked for a capability, and the manifest lists none."]
    return []
