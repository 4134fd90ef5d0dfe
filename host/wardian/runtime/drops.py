"""Events that were dropped, made visible: counted, written down and told, a few at a time.

A storm of events must not become a storm of entries: what was dropped for one plugin, endpoint or
app, and reason within `WRITES_SECONDS` is one audit entry and one event ``event.dropped``.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from wardian.errors import WardianError
from wardian.events import Drop, DropReason, Kind, Outcome, Settlement
from wardian.runtime.flushing import flushed
from wardian.runtime.journal import Journal
from wardian.storage.rows import now
from wardian.telemetry import Telemetry

WRITES_SECONDS = 10.0
KINDS_MAX = 1_000
"""How many plugins, apps and reasons are told apart until they are written down."""

TOPIC = "event.dropped"

_Key = tuple[str, Kind, str, DropReason]

_log = logging.getLogger("wardian.events")


@dataclass(slots=True)
class _Counted:
    topic: str
    count: int = 0


class Drops:
    """Counts what was dropped, and what was delivered."""

    def __init__(self, journal: Journal, telemetry: Telemetry) -> None:
        self._journal = journal
        self._telemetry = telemetry
        self._counted: dict[_Key, _Counted] = {}

    def note(self, drop: Drop) -> None:
        """Count an event that was dropped."""
        if drop.kind is Kind.ENDPOINT:
            self._telemetry.webhook_settled(drop.tenant, drop.reason.value)
        else:
            self._telemetry.event_dropped(drop.tenant, drop.whose, drop.reason.value)
        key = drop.tenant, drop.kind, drop.whose, drop.reason
        # What finds no place because events of drops take it up would be told of for ever.
        if drop.topic == TOPIC or (key not in self._counted and len(self._counted) >= KINDS_MAX):
            return
        counted = self._counted.setdefault(key, _Counted(drop.topic))
        counted.topic = drop.topic
        counted.count += 1

    def posted(self, settlement: Settlement) -> None:
        """Count how a delivery to an endpoint went."""
        subscriber = settlement.delivery.subscriber
        self._telemetry.webhook_settled(subscriber.tenant, settlement.outcome.value)
        self._lagged("endpoint", settlement)

    def delivered(self, settlement: Settlement) -> None:
        """Count how a delivery to a plugin went."""
        subscriber = settlement.delivery.subscriber
        self._telemetry.event_delivered(
            subscriber.tenant, subscriber.name, settlement.outcome.value
        )
        self._lagged("plugin", settlement)

    def _lagged(self, receiver: str, settlement: Settlement) -> None:
        if settlement.outcome is Outcome.DONE:
            age = now() - datetime.fromisoformat(settlement.delivery.event.time)
            self._telemetry.delivery_lagged(receiver, age.total_seconds())

    def settled(self, kind: Kind, settlement: Settlement) -> None:
        """Count an event that whoever was to receive it is not to have, for its reason."""
        delivery = settlement.delivery
        self.note(
            Drop(
                tenant=delivery.subscriber.tenant,
                whose=delivery.subscriber.name,
                topic=delivery.event.topic,
                reason=DropReason(settlement.reason),
                kind=kind,
            )
        )

    async def flush(self) -> None:
        """Write down what was dropped since the last time."""
        counted, self._counted = self._counted, {}
        for (tenant, kind, name, reason), found in counted.items():
            _log.warning(
                "%d events of %s (%s) were dropped: %s.", found.count, name, tenant, reason.value
            )
            detail = {"reason": reason.value, "count": found.count, "topic": found.topic}
            try:
                async with self._journal.change(tenant, "host") as change:
                    await change.note_dropped(kind, name, detail)
            except WardianError as error:
                _log.warning("What was dropped is not in the audit trail: %s", error)

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Write down what is dropped while this is open."""
        async with flushed(self.flush, seconds=WRITES_SECONDS, name="wardian-event-drops"):
            yield
