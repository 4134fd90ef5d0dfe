"""What watches over the rest: schedules of health, crashes, traffic, numbers."""

from __future__ import annotations

from functools import partial

from wardian.egress import Egress
from wardian.events import Event, Events
from wardian.runtime.audit import AuditTrail, Denials
from wardian.runtime.drops import Drops
from wardian.runtime.journal import Journal
from wardian.runtime.lifecycle import Lifecycle
from wardian.runtime.ports import Executor as AnyExecutor
from wardian.runtime.rounds import Rounds, RoundsParts
from wardian.runtime.supervision import CrashPolicy, Supervisor
from wardian.runtime.traffic import Traffic, TrafficPolicy
from wardian.settings import Settings
from wardian.storage import Database
from wardian.telemetry import Telemetry

BEGINNINGS = ("plugin.enabled", "plugin.upgraded", "plugin.rolled-back", "plugin.uninstalled")
"""With these, what was held against a plugin is so no more."""


def make_watchers(
    settings: Settings, lifecycle: Lifecycle, events: Events, due: RoundsParts
) -> tuple[Rounds, Supervisor, Traffic]:
    crashes = CrashPolicy(
        crashes_max=settings.crashes_max, window_seconds=settings.crash_window_seconds
    )
    faults = TrafficPolicy(fault_rate_max=settings.fault_rate_max)
    rounds = Rounds(due, scheduled=settings.health_checks)
    supervisor = Supervisor(crashes, lifecycle.quarantine)
    traffic = Traffic(faults, lifecycle.settle)
    events.subscribe("plugin.*", partial(_hear, rounds, supervisor, traffic))
    return rounds, supervisor, traffic


def _hear(rounds: Rounds, supervisor: Supervisor, traffic: Traffic, event: Event) -> None:
    name = event.plugin
    if name is None:
        return
    rounds.plugin_changed(event.tenant, name)
    if event.topic in BEGINNINGS:
        supervisor.forget(event.tenant, name)
        traffic.forget(event.tenant, name)


def make_telemetry(
    executor: AnyExecutor, egress: Egress, database: Database, journal: Journal
) -> tuple[Telemetry, Drops, AuditTrail]:
    telemetry = Telemetry()
    telemetry.watch_workers(executor.workers, executor.waits)
    telemetry.watch_egress(egress.counts)
    trail = AuditTrail(database, journal, Denials(journal))
    return telemetry, Drops(journal, telemetry), trail
