"""One delivery to an endpoint: the event is posted, and what came of it is decided.

Whatever is not a success (2xx) is tried again, until the attempts that there are have been made.
What is none of the receiver's doing, such as that the vault is sealed, is no attempt.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from wardian.egress.turns import Shares, Turns
from wardian.errors import CredentialDamaged, WardianError
from wardian.events import Delivery, DropReason, Outcome, Settlement, Subscriber
from wardian.runtime.endpoints.audience import may_have
from wardian.runtime.endpoints.posting import Posted, Posting
from wardian.runtime.endpoints.signing import SigningSecrets, in_force
from wardian.runtime.handling import RetryPolicy
from wardian.runtime.journal import Journal
from wardian.storage import Database
from wardian.storage.endpoints import EndpointRepository, Owned
from wardian.storage.rows import AttemptRow, EndpointRow, now

AT_ONCE_PER_ENDPOINT = 2
"""Events that are posted to one endpoint at a time: one that is slow takes no more."""

WAITING_MAX = 1_000_000
"""What waits for a turn is bounded by what lanes hold."""

_log = logging.getLogger("wardian.events")


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointPolicy:
    """What the operator set for deliveries.

    Attributes:
        retry_after_max: a receiver that asks for more is asked again after so long.
        failing_max: an endpoint to which nothing could be delivered for so long is disabled.
    """

    retries: RetryPolicy
    retry_after_max: timedelta
    failing_max: timedelta


class EndpointTurns:
    """The turns that endpoints take: of each so many, fairly shared by tenants and endpoints.

    What a tenant may have suffices for all endpoints that it may have. So one that is slow makes no
    other wait, and whoever waits for a place on this host is not failing.
    """

    def __init__(self, shares: Shares) -> None:
        self._turns = Turns(shares, "deliveries")

    def __call__(self, subscriber: Subscriber) -> EndpointTurn:
        """Return what is held while an event is posted to an endpoint."""
        return EndpointTurn(self._turns, subscriber)


class EndpointTurn:
    """A turn of one endpoint, taken as often as it is entered."""

    def __init__(self, turns: Turns, subscriber: Subscriber) -> None:
        self._turns = turns
        self._subscriber = subscriber

    async def __aenter__(self) -> None:
        await self._turns.take(self._subscriber.tenant, self._subscriber.id)

    async def __aexit__(self, *exception: object) -> None:
        self._turns.give_back(self._subscriber.tenant, self._subscriber.id)


class EndpointDeliveries:
    """Gives events to endpoints."""

    def __init__(
        self,
        database: Database,
        journal: Journal,
        secrets: SigningSecrets,
        posting: Posting,
        policy: EndpointPolicy,
    ) -> None:
        self._database = database
        self._journal = journal
        self._secrets = secrets
        self._posting = posting
        self._policy = policy

    async def takes_events(self, tenant: str, name: str) -> bool:
        """Tell whether events may be posted to an endpoint now."""
        # While the vault is sealed nothing can be signed, and what waits is not touched.
        return not self._secrets.sealed and await self._ready(tenant, name) is not None

    async def handle(self, delivery: Delivery) -> Settlement:
        """Post an event, and return what is to become of the delivery."""
        event, settled = delivery.event, partial(Settlement, delivery=delivery)
        later = settled(outcome=Outcome.RELEASE, after=self._policy.retries.put_off())
        try:
            endpoint = await self._ready(event.tenant, delivery.subscriber.id)
            if endpoint is None:
                return later
            if not may_have(endpoint.key.scopes, event.topic):
                return settled(outcome=Outcome.DROP, reason=DropReason.NOT_GRANTED.value)
            posted = await self._posted(endpoint.row, delivery)
        except WardianError:
            return later
        if posted.reason:
            await self._consider(endpoint.row, event.tenant, posted)
        return self._settlement(endpoint.row, delivery, posted)

    async def _ready(self, tenant: str, endpoint_id: str) -> Owned | None:
        """Return an endpoint, unless it is disabled or has no rights any more."""
        async with self._database.reading() as connection:
            found = await EndpointRepository(connection, tenant).find(endpoint_id)
        if found is None or found.row.paused or found.key.has_ended(now()):
            return None
        return found

    async def _posted(self, row: EndpointRow, delivery: Delivery) -> Posted:
        event, at = delivery.event, now()
        if event.attempt > self._policy.retries.attempts_max:
            reason = f"It was begun {event.attempt - 1} times, and its host was lost each time."
            return Posted(reason=reason, at=at)
        try:
            secrets = in_force(await self._secrets.open(event.tenant, row), at)
        except CredentialDamaged as error:
            return Posted(reason=f"{error.message} Replace the endpoint's secret.", at=at)
        return await self._posting.post(row.url, event, secrets)

    def _settlement(self, row: EndpointRow, delivery: Delivery, posted: Posted) -> Settlement:
        outcome = self._outcome(delivery, posted)
        return Settlement(
            delivery=delivery,
            outcome=outcome,
            reason=posted.reason,
            after=self._after(delivery.event.attempt, posted),
            record=attempt_row(row, delivery, outcome.value, posted),
        )

    def _outcome(self, delivery: Delivery, posted: Posted) -> Outcome:
        if not posted.reason:
            return Outcome.DONE
        is_last = delivery.event.attempt >= self._policy.retries.attempts_max
        return Outcome.DEAD if is_last else Outcome.RETRY

    def _after(self, attempt: int, posted: Posted) -> timedelta:
        asked = min(posted.retry_after or timedelta(), self._policy.retry_after_max)
        return max(self._policy.retries.delay(attempt), asked)

    async def _consider(self, row: EndpointRow, tenant: str, posted: Posted) -> None:
        """Disable an endpoint that is gone, or has failed for as long as one may."""
        longest, since = self._policy.failing_max, row.failing_since
        if posted.is_gone:
            reason = "The receiver answered that it is gone (410)."
        elif since is not None and posted.at - since >= longest:
            days = longest / timedelta(days=1)
            reason = f"Nothing could be delivered for {days:g} days: {posted.reason}"
        else:
            return
        try:
            await disable(self._journal, tenant, row.id, reason)
        except WardianError as error:  # the next failure comes, and what this one is stays so
            _log.warning("The endpoint %s is not disabled yet: %s", row.id, error)


async def disable(journal: Journal, tenant: str, endpoint_id: str, reason: str) -> None:
    """Disable an endpoint for the host, and tell, if it is enabled."""
    async with journal.change(tenant, "host") as change:
        if await EndpointRepository(change.connection, tenant).disable(endpoint_id, reason):
            await change.note_endpoint("disabled", endpoint_id, {"reason": reason})


def attempt_row(row: EndpointRow, delivery: Delivery, outcome: str, posted: Posted) -> AttemptRow:
    """Return what is written down of an attempt."""
    return AttemptRow(
        endpoint_id=row.id,
        event_id=delivery.event.id,
        topic=delivery.event.topic,
        attempt=delivery.event.attempt,
        outcome=outcome,
        status=posted.status,
        reason=posted.reason,
        response=posted.response,
        milliseconds=posted.milliseconds,
        at=posted.at,
    )
