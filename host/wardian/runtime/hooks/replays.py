"""A delivery is handled once: over all hosts, and after a restart.

What was handled is remembered for a while. What failed is not: its sender tries again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from wardian.crypto.identifiers import new_id
from wardian.errors import TryLater
from wardian.runtime.hooks.incoming import Answer
from wardian.runtime.hooks.verifying import Verified
from wardian.storage import Connection, Database
from wardian.storage.rows import now
from wardian.storage.webhooks import Claimed, Standing, WebhookRepository

HANDLING_SECONDS = 90.0
"""How long a webhook may be handled, with all waiting; it is ended before its lease is."""

LEASE_SECONDS = 120.0
"""How long a delivery is nobody else's; after a host was killed, until it can be tried again."""

BUSY_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery that is this request's to handle."""

    id: str
    verified: Verified


class Replays:
    """Which deliveries were handled."""

    def __init__(self, database: Database, remembered: timedelta) -> None:
        self._database = database
        self._remembered = remembered

    async def claim(self, verified: Verified) -> Claim | Answer:
        """Take a delivery on, or return the answer to one that was handled before.

        Raises:
            TryLater: it is being handled.
        """
        async with self._database.transaction() as connection:
            repository = self._repository(connection, verified)
            return await self._claimed(repository, verified)

    async def claim_within(self, connection: Connection, verified: Verified) -> Claim | Answer:
        """Do as `claim` does, in a transaction that holds up the tenant's writers."""
        return await self._claimed(self._repository(connection, verified, alone=True), verified)

    async def settle(self, claim: Claim, status: int) -> None:
        """Remember that a delivery was handled, and what was answered."""
        async with self._database.transaction() as connection:
            repository = self._repository(connection, claim.verified)
            await repository.settle(claim.id, status, now() + self._remembered)

    async def settle_within(self, connection: Connection, claim: Claim, status: int) -> None:
        """Do as `settle` does, in a transaction that holds up the tenant's writers."""
        repository = self._repository(connection, claim.verified, alone=True)
        await repository.settle(claim.id, status, now() + self._remembered)

    async def release(self, claim: Claim) -> None:
        """Let the sender try again."""
        async with self._database.transaction() as connection:
            await self._repository(connection, claim.verified).release(claim.id)

    async def _claimed(self, repository: WebhookRepository, verified: Verified) -> Claim | Answer:
        claim = Claim(new_id(), verified)
        until = now() + timedelta(seconds=LEASE_SECONDS)
        found: Claimed = await repository.claim(
            verified.webhook.name, verified.marks, claim.id, until
        )
        if found.standing is Standing.BUSY:
            raise TryLater(
                "This delivery is being handled in this moment.", retry_after_seconds=BUSY_SECONDS
            )
        if found.standing is Standing.DONE:
            return Answer(status=found.status, is_repeat=True)
        return claim

    def _repository(
        self, connection: Connection, verified: Verified, *, alone: bool = False
    ) -> WebhookRepository:
        plugin = verified.plugin
        return WebhookRepository(connection, plugin.tenant, plugin.id, alone=alone)
