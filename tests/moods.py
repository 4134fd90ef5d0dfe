"""Health checks of a test's own: by a clock that stands still, and nothing left to chance."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from wardian.runtime.health import Health, HealthParts, HealthPolicy
from wardian.runtime.host import HostParts

HEALTH = "wardian:plugin/lifecycle@1.0.0#health"


class Clock:
    """Stands still until it is told how much later it is."""

    def __init__(self) -> None:
        self.now = datetime(2030, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def goes_on(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def checks_of(parts: HostParts, clock: Clock, policy: HealthPolicy | None = None) -> Health:
    """Health checks over a host's parts, which hear of its changes as the host's own do."""
    health = Health(
        policy or HealthPolicy(),
        HealthParts(
            database=parts.database,
            registry=parts.registry,
            lifecycle=parts.lifecycle,
            calls=parts.calls,
            gates=parts.gates,
            tenants=parts.tenants,
            now=clock,
            chance=lambda: 0.5,
        ),
    )
    parts.events.subscribe(
        "plugin.*",
        lambda event: health.plugin_changed(event.tenant, event.value()["plugin"]),
    )
    return health
