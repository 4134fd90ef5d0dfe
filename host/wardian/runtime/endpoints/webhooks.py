"""All that takes events to endpoints of host apps, put together and kept going."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial

from wardian.egress import Egress
from wardian.egress.turns import Shares
from wardian.errors import WardianError
from wardian.events import Carrier, Kind
from wardian.runtime.dispatch import Dispatcher, DispatchParts
from wardian.runtime.drops import Drops
from wardian.runtime.endpoints.audience import EndpointAudience
from wardian.runtime.endpoints.backlog import Backlog
from wardian.runtime.endpoints.delivery import (
    AT_ONCE_PER_ENDPOINT,
    WAITING_MAX,
    EndpointDeliveries,
    EndpointPolicy,
    EndpointTurns,
)
from wardian.runtime.endpoints.endpoints import Endpoints, EndpointsParts
from wardian.runtime.endpoints.posting import Posting
from wardian.runtime.endpoints.signing import SigningSecrets
from wardian.runtime.journal import Journal
from wardian.storage import Database
from wardian.tenants import Tenants
from wardian.vault import Vault
from wardian.vault.watch import Watch

TENDS_SECONDS = 60.0
"""How long it takes at most until an endpoint is disabled whose key another host has revoked."""

_log = logging.getLogger("wardian.events")


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhooksParts:
    """What events are posted with.

    Attributes:
        egress: for webhooks alone, so that they take no connection from plugins.
    """

    database: Database
    bus: Carrier
    journal: Journal
    tenants: Tenants
    vault: Vault
    watch: Watch
    egress: Egress
    drops: Drops


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhooksPolicy:
    """What the operator set for it.

    Attributes:
        endpoints_max: of one tenant.
        at_once_max: events that are posted at a time, to all endpoints together.
        seconds: how long a receiver may take.
    """

    delivery: EndpointPolicy
    endpoints_max: int
    at_once_max: int
    attempts_kept: int
    allow_http: bool
    seconds: float
    lease_seconds: float

    @property
    def shares(self) -> Shares:
        """How many events are posted at a time, and how that is shared."""
        return Shares(
            total=self.at_once_max,
            per_tenant=max(1, self.endpoints_max) * AT_ONCE_PER_ENDPOINT,
            per_place=AT_ONCE_PER_ENDPOINT,
            waiting=WAITING_MAX,
            waiting_per_tenant=WAITING_MAX,
        )


class Webhooks:
    """Takes events to endpoints.

    Attributes:
        endpoints: where they are posted to.
        backlog: what became of them.
    """

    def __init__(self, parts: WebhooksParts, policy: WebhooksPolicy) -> None:
        self._tenants = parts.tenants
        self._egress = parts.egress
        self._due = asyncio.Event()
        secrets = SigningSecrets(parts.database, parts.vault)
        posting = Posting(parts.egress, parts.watch, seconds=policy.seconds)
        turns = EndpointTurns(policy.shares)
        self.dispatcher = Dispatcher(
            DispatchParts(
                bus=parts.bus,
                handling=EndpointDeliveries(
                    parts.database, parts.journal, secrets, posting, policy.delivery
                ),
                turns=turns,
                dropped=partial(parts.drops.settled, Kind.ENDPOINT),
                settled=parts.drops.posted,
                lease_seconds=policy.lease_seconds,
            )
        )
        self.endpoints = Endpoints(
            EndpointsParts(
                database=parts.database,
                journal=parts.journal,
                secrets=secrets,
                posting=posting,
                audience=EndpointAudience(policy.attempts_kept),
                turns=turns,
                wake=self.dispatcher.wake,
            ),
            endpoints_max=policy.endpoints_max,
            allow_http=policy.allow_http,
        )
        self.backlog = Backlog(parts.database, parts.journal, self.endpoints, self.dispatcher.wake)

    def key_revoked(self) -> None:
        """Disable soon what has the rights of a key that was revoked; it has none by now."""
        self._due.set()

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Deliver while this is open, and disable endpoints whose keys are revoked."""
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._egress.close)
            await stack.enter_async_context(self.dispatcher.kept())
            await stack.enter_async_context(self._tended())
            yield

    @asynccontextmanager
    async def _tended(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self._tend_forever(), name="wardian-endpoints")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _tend_forever(self) -> None:
        while True:
            self._due.clear()
            try:
                for tenant in await self._tenants.list():
                    await self.endpoints.tend(tenant.name)
            except WardianError as error:
                _log.warning("Endpoints of revoked keys are not disabled yet: %s", error)
            except Exception:  # noqa: BLE001 -- the next time must come all the same
                _log.exception("Endpoints of revoked keys are not disabled yet.")
            with suppress(TimeoutError):
                async with asyncio.timeout(TENDS_SECONDS):
                    await self._due.wait()
