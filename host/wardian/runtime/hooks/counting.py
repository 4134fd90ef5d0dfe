"""What becomes of requests to webhooks: counted, and refusals told, a few at a time."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from wardian.errors import WardianError
from wardian.plugins import Installed
from wardian.policy.recipes import Reason
from wardian.runtime.flushing import flushed
from wardian.runtime.journal import Journal
from wardian.runtime.tally import Plugin, Tally
from wardian.storage import Connection, Database
from wardian.storage.rows import now
from wardian.storage.webhooks import WebhookRepository, counts
from wardian.telemetry import Telemetry

FLUSH_SECONDS = 10.0

TELLS_SECONDS = 60.0
"""What a plugin's webhooks refuse in this time is one audit entry and one event."""

TOLD_MAX = 1_000
"""Plugins whose refusals are told at a time; the counts have all of them."""

REFUSED = "webhooks-refused"
UNKNOWN = "unknown"

_log = logging.getLogger("wardian.webhooks")


class Outcome(StrEnum):
    """What became of a request whose sender has the key."""

    ACCEPTED = "accepted"
    REPEATED = "repeated"
    REJECTED = "rejected"
    FAILED = "failed"
    UNAVAILABLE = "unavailable"
    UNREADABLE = "unreadable"


@dataclass(slots=True)
class Counted:
    """How often something was, and when last."""

    requests: int
    last_at: datetime


Key = tuple[str, str]
"""A webhook's name, and an outcome or a reason."""


@dataclass(slots=True)
class _Sum:
    """What is being added up of a plugin's webhooks."""

    counted: dict[Key, Counted] = field(default_factory=dict)

    def add(self, key: Key, requests: int, last_at: datetime) -> None:
        found = self.counted.setdefault(key, Counted(0, last_at))
        found.requests += requests
        found.last_at = max(found.last_at, last_at)

    def add_all(self, other: _Sum) -> None:
        for key, found in other.counted.items():
            self.add(key, found.requests, found.last_at)


class Counting:
    """Counts requests by webhook and outcome."""

    def __init__(self, database: Database, journal: Journal, telemetry: Telemetry) -> None:
        self._database = database
        self._journal = journal
        self._telemetry = telemetry
        self._tally = Tally(database, "The webhooks' counts", _Sum, _write)
        self._refused: dict[tuple[str, str], Counter[Key]] = {}

    def note(self, plugin: Installed, webhook: str, outcome: Outcome | Reason) -> None:
        """Count a request to a webhook."""
        key = (webhook, outcome.value)
        self._telemetry.webhook_received(plugin.tenant, plugin.name, outcome.value)
        self._tally.of((plugin.tenant, plugin.id)).add(key, 1, now())
        if not isinstance(outcome, Reason):
            return
        whose = (plugin.tenant, plugin.name)
        if whose in self._refused or len(self._refused) < TOLD_MAX:
            self._refused.setdefault(whose, Counter())[key] += 1

    def note_unknown(self) -> None:
        """Count a request for which there is no webhook."""
        self._telemetry.webhook_received("", "", UNKNOWN)

    async def of_tenant(self, tenant: str) -> dict[tuple[str, str], dict[str, Counted]]:
        """Return what was counted until now, by the plugin's id and the webhook's name."""
        found: dict[tuple[str, str], dict[str, Counted]] = {}
        async with self._tally.lock, self._database.reading() as connection:
            rows = await counts(connection, tenant)
            sums = {row.plugin_id: _Sum() for row in rows}
            for row in rows:
                sums[row.plugin_id].add((row.webhook, row.outcome), row.requests, row.last_at)
            for plugin, added in self._tally.all():
                if plugin[0] == tenant:
                    sums.setdefault(plugin[1], _Sum()).add_all(added)
        for plugin_id, each in sums.items():
            for (webhook, outcome), counted in each.counted.items():
                found.setdefault((plugin_id, webhook), {})[outcome] = counted
        return found

    async def flush(self) -> None:
        """Write the counts down; what cannot be written stays counted."""
        await self._tally.flush()

    async def tell(self) -> None:
        """Write down what was refused since the last time: ``plugin.webhooks-refused``."""
        refused, self._refused = self._refused, {}
        for (tenant, plugin), found in refused.items():
            detail: dict[str, dict[str, int]] = {}
            for (webhook, reason), count in sorted(found.items()):
                detail.setdefault(webhook, {})[reason] = count
            _log.info("Webhooks of %s (%s) refused requests: %s", plugin, tenant, detail)
            try:
                async with self._journal.change(tenant, "host") as change:
                    await change.note(REFUSED, plugin, {"webhooks": detail})
            except WardianError as error:
                _log.warning("What webhooks refused is not in the audit trail: %s", error)

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Write down and tell while this is open, and once more at its end."""
        counted = flushed(self.flush, seconds=FLUSH_SECONDS, name="wardian-webhook-counts")
        told = flushed(self.tell, seconds=TELLS_SECONDS, name="wardian-webhook-refusals")
        async with counted, told:
            yield


async def _write(connection: Connection, plugin: Plugin, added: _Sum) -> None:
    tenant, plugin_id = plugin
    repository = WebhookRepository(connection, tenant, plugin_id)
    for (webhook, outcome), counted in sorted(added.counted.items(), key=lambda each: each[0]):
        await repository.count(webhook, outcome, counted.requests, counted.last_at)
