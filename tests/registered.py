"""Plugins that are agents to a host whose executor is a fake, and what is known of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hosts import WASM, FakeHost
from wardian.agents.candidates import Candidate, Ending, Outcome
from wardian.agents.registry.registry import AgentRegistry, RegistryParts
from wardian.plugins.agents import AGENT_ASK
from wardian.plugins.archive import write_archive
from wardian.runtime.executor.job import HostCalls

MANIFEST = """
name = "{name}"
version = "{version}"
description = "Answers."
category = "{category}"
tags = ["text"]
capabilities = [{capabilities}]
{more}
"""


async def _nothing(arguments: Mapping[str, Any], answer: HostCalls) -> None:
    return None


ASKED = {AGENT_ASK: _nothing}
"""The functions of an agent."""


def agent_package(
    name: str,
    version: str = "1.0.0",
    capabilities: Sequence[str] = ("summarize",),
    *,
    category: str = "ai_agent",
    more: str = "",
) -> bytes:
    """A ``.wardian`` file."""
    manifest = MANIFEST.format(
        name=name,
        version=version,
        category=category,
        capabilities=", ".join(f'"{each}"' for each in capabilities),
        more=more,
    )
    return write_archive({"plugin.toml": manifest.encode(), "plugin.wasm": WASM + version.encode()})


def registry_of(made: FakeHost, **more: Any) -> AgentRegistry:
    """A registry of a host's agents."""
    return AgentRegistry(
        RegistryParts(
            database=made.parts.database,
            plugins=made.parts.registry,
            journal=made.parts.journal,
            **more,
        )
    )


async def one(registry: AgentRegistry, name: str, capability: str = "summarize") -> Candidate:
    """An agent of the tenant `default` as it is known now."""
    await registry.refresh("default")
    (found,) = (each for each in registry.of("default", capability) if each.agent == name)
    return found


def ask(registry: AgentRegistry, candidate: Candidate, **outcome: Any) -> None:
    """Have a candidate answer a question."""
    registry.begin("default", candidate)
    values = {"ending": Ending.ANSWERED, "latency_ms": 100.0, "units": 10} | outcome
    registry.end("default", candidate, Outcome(**values))
