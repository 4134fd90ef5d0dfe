"""Endpoints: registered, changed, disabled and enabled, tried out, removed.

An endpoint has the rights of the API key that it was registered with: it gets what that key could
follow as a stream. When the key is revoked nothing is delivered any more, and the endpoint is
disabled; an administrator may hand it to another key.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from wardian.crypto.identifiers import new_id
from wardian.errors import Conflict, CredentialDamaged, Forbidden, InvalidArguments
from wardian.runtime.endpoints.audience import EndpointAudience
from wardian.runtime.endpoints.delivery import EndpointTurns, attempt_row, disable
from wardian.runtime.endpoints.finding import find, find_key, told
from wardian.runtime.endpoints.orders import (
    EndpointChange,
    EndpointOrder,
    check_scopes,
    checked_description,
    checked_topics,
    checked_url,
)
from wardian.runtime.endpoints.pings import PING, ping_of
from wardian.runtime.endpoints.posting import Posting
from wardian.runtime.endpoints.signing import (
    SigningSecret,
    SigningSecrets,
    first_secret,
    in_force,
    replaced,
)
from wardian.runtime.endpoints.views import (
    AttemptView,
    EndpointView,
    NewEndpoint,
    attempt_view,
    ended,
    endpoint_view,
    new_endpoint,
)
from wardian.runtime.journal import Change, Journal
from wardian.storage import Database
from wardian.storage.endpoints import EndpointRepository, Owned
from wardian.storage.rows import EndpointRow, now
from wardian.tenants import Caller, Scope

OVERLAP = timedelta(hours=24)
"""How long deliveries are signed with the secret before, too, unless told otherwise."""

OVERLAP_MAX = timedelta(days=7)

DISABLED = "It was disabled by {actor}."


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointsParts:
    """What endpoints are kept and tried out with."""

    database: Database
    journal: Journal
    secrets: SigningSecrets
    posting: Posting
    audience: EndpointAudience
    turns: EndpointTurns
    wake: Callable[[], None]


class Endpoints:
    """The endpoints of every tenant; a caller sees those of its key, administrators see all."""

    def __init__(
        self,
        parts: EndpointsParts,
        *,
        endpoints_max: int,
        allow_http: bool,
        clock: Callable[[], datetime] = now,
    ) -> None:
        """``endpoints_max`` is for one tenant."""
        self._parts = parts
        self._endpoints_max = endpoints_max
        self._allow_http = allow_http
        self._now = clock

    async def register(self, order: EndpointOrder, *, caller: Caller) -> NewEndpoint:
        """Have events posted to an address; the answer alone has the secret they are signed with.

        Raises:
            InvalidArguments: the address, a topic or the description.
            Forbidden: the caller's key may not have endpoints.
            Conflict: the tenant has as many as may be.
            VaultSealed: the vault is sealed.
        """
        check_scopes(caller)
        url = checked_url(order.url, allow_http=self._allow_http)
        topics = checked_topics(order.topics)
        description = checked_description(order.description)
        tenant, moment, secrets = caller.tenant, self._now(), first_secret()
        await self._parts.secrets.prepare(tenant)
        async with self._parts.journal.change(tenant, caller.key_name) as change:
            repository = EndpointRepository(change.connection, tenant)
            if await repository.count() >= self._endpoints_max:
                raise Conflict(
                    f"The tenant has {self._endpoints_max} endpoints, which is as many as may be; "
                    "see WARDIAN_WEBHOOK_ENDPOINTS_MAX."
                )
            endpoint_id = new_id()
            sealed = await self._parts.secrets.seal(change.connection, tenant, endpoint_id, secrets)
            row = EndpointRow(
                id=endpoint_id,
                url=url,
                topics=topics,
                description=description,
                api_key_id=caller.key_id,
                key_id=sealed.key_id,
                sealed=sealed.content,
                created_at=moment,
                created_by=caller.key_name,
                updated_at=moment,
                updated_by=caller.key_name,
            )
            await repository.add(row)
            await change.note_endpoint("registered", endpoint_id, told(row))
            found = await find(change.connection, caller, endpoint_id)
        return new_endpoint(found, secrets[0].secret)

    async def list(self, *, caller: Caller) -> list[EndpointView]:
        """Return the caller's endpoints, the oldest first."""
        async with self._parts.database.reading() as connection:
            found = await EndpointRepository(connection, caller.tenant).all()
        is_admin = caller.holds(Scope.ADMIN)
        return [endpoint_view(each) for each in found if is_admin or each.key.id == caller.key_id]

    async def get(self, endpoint_id: str, *, caller: Caller) -> EndpointView:
        """Return one endpoint.

        Raises:
            NotFound: the caller has no such endpoint.
        """
        return endpoint_view(await self.find(endpoint_id, caller))

    async def change(
        self, endpoint_id: str, wanted: EndpointChange, *, caller: Caller
    ) -> EndpointView:
        """Have an endpoint be another; what waits for it goes to its new address.

        Raises:
            NotFound: the caller has no such endpoint.
            InvalidArguments: the address, a topic, the description or the key.
            Forbidden: a key is named by somebody who is no administrator.
        """
        values = self._values(wanted, caller)
        async with self._parts.journal.change(caller.tenant, caller.key_name) as change:
            await find(change.connection, caller, endpoint_id)
            if wanted.key_id is not None:
                key = await find_key(change.connection, caller.tenant, wanted.key_id)
                values |= {"api_key_id": key.id}
            view = await self._changed(change, endpoint_id, caller, values)
            row = view.row
            await change.note_endpoint("changed", endpoint_id, told(row) | {"key": view.key.name})
        self._parts.wake()
        return endpoint_view(view)

    async def remove(self, endpoint_id: str, *, caller: Caller) -> None:
        """Remove an endpoint, and all that waits for it.

        Raises:
            NotFound: the caller has no such endpoint.
        """
        async with self._parts.journal.change(caller.tenant, caller.key_name) as change:
            found = await find(change.connection, caller, endpoint_id)
            await EndpointRepository(change.connection, caller.tenant).remove(endpoint_id)
            await change.note_endpoint("removed", endpoint_id, told(found.row))

    async def rotate(
        self, endpoint_id: str, *, overlap: timedelta = OVERLAP, caller: Caller
    ) -> NewEndpoint:
        """Make a new secret; for ``overlap`` deliveries are signed with the one before, too.

        Raises:
            NotFound: the caller has no such endpoint.
            InvalidArguments: the overlap is longer than a week.
            VaultSealed: the vault is sealed.
        """
        if not timedelta() <= overlap <= OVERLAP_MAX:
            raise InvalidArguments(
                f"The overlap takes 0 to {OVERLAP_MAX.total_seconds():.0f} seconds.",
                path="overlap_seconds",
            )
        tenant, moment = caller.tenant, self._now()
        before = await self.find(endpoint_id, caller)
        secrets = replaced(await self._before(tenant, before.row), moment, overlap)
        await self._parts.secrets.prepare(tenant)
        async with self._parts.journal.change(tenant, caller.key_name) as change:
            found = await find(change.connection, caller, endpoint_id)
            if found.row.sealed != before.row.sealed:
                raise Conflict("The secret was replaced by somebody else meanwhile; look again.")
            sealed = await self._parts.secrets.seal(change.connection, tenant, endpoint_id, secrets)
            values = {"key_id": sealed.key_id, "sealed": sealed.content}
            found = await self._changed(change, endpoint_id, caller, values)
            until = moment + overlap if overlap else None
            detail = {"old_secret_until": None if until is None else until.isoformat()}
            await change.note_endpoint("secret-rotated", endpoint_id, detail)
        return new_endpoint(found, secrets[0].secret, until)

    async def enable(self, endpoint_id: str, *, caller: Caller) -> EndpointView:
        """Deliver to an endpoint again, what waits for it first.

        Raises:
            NotFound: the caller has no such endpoint.
            Conflict: the key whose rights it has was revoked, or has expired.
        """
        async with self._parts.journal.change(caller.tenant, caller.key_name) as change:
            found = await find(change.connection, caller, endpoint_id)
            if found.key.has_ended(now()):
                raise Conflict(
                    f"{ended(found.key)} An administrator can hand it to another key: "
                    "change its `key_id`."
                )
            values = {"paused": False, "reason": "", "failures": 0, "failing_since": None}
            if found.row.paused:
                found = await self._changed(change, endpoint_id, caller, values)
                await change.note_endpoint("enabled", endpoint_id, {})
        self._parts.wake()
        return endpoint_view(found)

    async def disable(self, endpoint_id: str, *, caller: Caller) -> EndpointView:
        """Deliver nothing to an endpoint; what is queued for it waits, and no more is.

        Raises:
            NotFound: the caller has no such endpoint.
        """
        reason = DISABLED.format(actor=caller.key_name)
        async with self._parts.journal.change(caller.tenant, caller.key_name) as change:
            await find(change.connection, caller, endpoint_id)
            repository = EndpointRepository(change.connection, caller.tenant)
            if await repository.disable(endpoint_id, reason):
                await change.note_endpoint("disabled", endpoint_id, {"reason": reason})
            found = await find(change.connection, caller, endpoint_id)
        return endpoint_view(found)

    async def ping(self, endpoint_id: str, *, caller: Caller) -> AttemptView:
        """Post an event ``endpoint.ping``, once and now, also while the endpoint is disabled.

        Raises:
            NotFound: the caller has no such endpoint.
            VaultSealed: the vault is sealed.
        """
        found = await self.find(endpoint_id, caller)
        delivery = ping_of(caller.tenant, found.row, self._now())
        secrets = await self._parts.secrets.open(caller.tenant, found.row)
        async with self._parts.turns(delivery.subscriber):
            posted = await self._parts.posting.post(
                found.row.url, delivery.event, in_force(secrets, self._now())
            )
        attempt = attempt_row(found.row, delivery, PING, posted)
        async with self._parts.database.transaction() as connection:
            await self._parts.audience.write(connection, caller.tenant, [attempt])
        return attempt_view(attempt)

    async def find(self, endpoint_id: str, caller: Caller) -> Owned:
        """Return one of the caller's endpoints as it is stored.

        Raises:
            NotFound: the caller has no such endpoint.
        """
        async with self._parts.database.reading() as connection:
            return await find(connection, caller, endpoint_id)

    async def tend(self, tenant: str) -> None:
        """Disable the endpoints whose keys were revoked, or have expired."""
        async with self._parts.database.reading() as connection:
            orphans = await EndpointRepository(connection, tenant).of_ended_keys()
        for orphan in orphans:
            await disable(self._parts.journal, tenant, orphan.row.id, ended(orphan.key))

    def _values(self, wanted: EndpointChange, caller: Caller) -> dict[str, Any]:
        """Return what is to be written of a change, but for the key."""
        if wanted.key_id is not None and not caller.holds(Scope.ADMIN):
            raise Forbidden("Only an administrator may hand an endpoint to another key.")
        values: dict[str, Any] = {}
        if wanted.url is not None:
            values["url"] = checked_url(wanted.url, allow_http=self._allow_http)
        if wanted.topics is not None:
            values["topics"] = checked_topics(wanted.topics)
        if wanted.description is not None:
            values["description"] = checked_description(wanted.description)
        return values

    async def _before(self, tenant: str, row: EndpointRow) -> tuple[SigningSecret, ...]:
        """Return the secrets of an endpoint; none if they are damaged, so that it gets another."""
        try:
            return await self._parts.secrets.open(tenant, row)
        except CredentialDamaged:
            return ()

    async def _changed(
        self, change: Change, endpoint_id: str, caller: Caller, values: dict[str, Any]
    ) -> Owned:
        """Write a change, and return the endpoint as it is then."""
        stamped = values | {"updated_at": self._now(), "updated_by": caller.key_name}
        repository = EndpointRepository(change.connection, caller.tenant)
        await repository.change(endpoint_id, stamped)
        return await find(change.connection, caller, endpoint_id)
