"""What a guest may import: one module per WIT interface, async and total.

A capability is one object for the whole host. Its methods have the names of the WIT functions in
snake_case; they take the `CallContext` of the call that is running and then the arguments of the
WIT in order, as plain values (see `wardian.sandbox.values`). They answer what ``ok`` carries, or
raise `Refused`, which becomes ``err``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from wardian.capabilities.agents import Agents, AskDoor
from wardian.capabilities.answering import Answering
from wardian.capabilities.base import (
    Budget,
    CallContext,
    CallFacts,
    Course,
    Fresh,
    Refused,
    as_it_is,
)
from wardian.capabilities.config import Config
from wardian.capabilities.context import Context
from wardian.capabilities.credentials import Credentials
from wardian.capabilities.events import EventsCapability
from wardian.capabilities.guards import CredentialGuards
from wardian.capabilities.http import Http
from wardian.capabilities.kv import Kv
from wardian.capabilities.kv_namespaces import KvNamespaces
from wardian.capabilities.logging import Logging
from wardian.capabilities.metrics import Metrics
from wardian.capabilities.plugins import PluginCalls, Plugins
from wardian.egress import Egress
from wardian.events import Drop, Events, PublishLimits
from wardian.storage import Database
from wardian.storage.kv import Quota
from wardian.telemetry import Lines
from wardian.telemetry.labels import Names
from wardian.telemetry.plugin_metrics import PluginMetrics
from wardian.vault import Vault
from wardian.vault.watch import Watch

__all__ = ["Budget", "CallContext", "CallFacts", "Course", "Refused", "Services", "build"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What the capabilities are made from."""

    database: Database
    events: Events
    kv_quota: Quota
    egress: Egress
    vault: Vault
    watch: Watch
    fresh: Fresh = as_it_is
    plugins: PluginCalls | None = None
    asks: AskDoor = field(default_factory=AskDoor)
    publish_limits: PublishLimits | None = None
    lines: Lines = field(default_factory=Lines)
    metrics: PluginMetrics = field(default_factory=lambda: PluginMetrics(Names()))
    dropped: Callable[[Drop], None] = lambda drop: None


def build(services: Services) -> dict[str, object]:
    """Return every capability by the name of its WIT interface."""
    return {
        "context": Context(),
        "logging": Logging(services.lines),
        "config": Config(),
        "kv": Kv(services.database, services.kv_quota),
        "kv-namespaces": KvNamespaces(services.database, services.kv_quota),
        "events": EventsCapability(services.events, services.publish_limits, services.dropped),
        "credentials": Credentials(services.vault, services.database, fresh=services.fresh),
        "http": Http(
            services.egress, CredentialGuards(services.vault, services.watch, services.fresh)
        ),
        "plugins": Plugins(services.plugins),
        "agents": Agents(services.asks),
        "answering": Answering(),
        "metrics": Metrics(services.metrics),
    }
