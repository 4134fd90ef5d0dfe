"""Which endpoints an event is for, and what is written down of each attempt."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import groupby
from typing import Any

from wardian.events import Settlement, matches
from wardian.events.event import MAX_DATA_BYTES
from wardian.storage import Connection
from wardian.storage.documents import parse_json
from wardian.storage.endpoints import EndpointRepository
from wardian.storage.events import HOST
from wardian.storage.queues import OF_ENDPOINTS
from wardian.storage.rows import AttemptRow, EndpointRow, EventRow, SubscriberRow
from wardian.tenants import Scope
from wardian.tenants.scopes import lacking


def may_have(scopes: Collection[str], topic: str) -> bool:
    """Tell whether a key of these scopes may follow events of a topic, as streams are judged.

    Every topic takes the same scope.
    """
    return not lacking([Scope.READ], scopes)


class EndpointAudience:
    """The endpoints of a tenant, as a bus has them."""

    queues = OF_ENDPOINTS

    def __init__(self, attempts_kept: int) -> None:
        self._attempts_kept = attempts_kept

    async def wanting(self, connection: Connection, event: EventRow) -> Sequence[SubscriberRow]:
        """Return those with a pattern that fits, or that a job names for its end, and with a key
        that may follow the topic."""
        named = _named_by_job(event)
        return [
            SubscriberRow(tenant=event.tenant, id=each.id, name=each.id, queued=each.queued)
            for each in await EndpointRepository(connection, event.tenant).listening()
            if may_have(each.scopes, event.topic)
            and (each.id == named or any(matches(pattern, event.topic) for pattern in each.topics))
        ]

    async def settled(
        self, connection: Connection, tenant: str, settlements: Sequence[Settlement]
    ) -> None:
        """Write attempts down, and how the endpoints that they went to are since then."""
        made = [each.record for each in settlements if each.record is not None]
        await self.write(connection, tenant, made)

    async def write(
        self, connection: Connection, tenant: str, attempts: Sequence[AttemptRow]
    ) -> None:
        """Write attempts down; none of endpoints that were removed meanwhile."""
        if not attempts:
            return
        repository = EndpointRepository(connection, tenant)
        there = await repository.those_of({each.endpoint_id for each in attempts})
        ordered = sorted(attempts, key=lambda each: (each.endpoint_id, each.at))
        for endpoint_id, group in groupby(ordered, key=lambda each: each.endpoint_id):
            if endpoint_id in there:
                mine = list(group)
                await repository.add_attempts(mine, self._attempts_kept)
                await repository.change(endpoint_id, standing(there[endpoint_id], mine))


def _named_by_job(event: EventRow) -> str | None:
    """Return the endpoint that is to be told of a job's end; only the host tells of those."""
    if event.source != HOST or not event.topic.startswith("job."):
        return None
    named = parse_json(event.data, max_bytes=MAX_DATA_BYTES).get("notify")
    return None if named is None else str(named)


def standing(row: EndpointRow, attempts: Sequence[AttemptRow]) -> dict[str, Any]:
    """Return how often and since when an endpoint fails, after further attempts, in order."""
    failures, since, success = row.failures, row.failing_since, row.last_success_at
    for attempt in attempts:
        if attempt.reason:
            failures, since = failures + 1, since or attempt.at
        else:
            failures, since, success = 0, None, attempt.at
    return {"failures": failures, "failing_since": since, "last_success_at": success}
