"""People who are away at an OAuth provider: the rows of one tenant, and who comes back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, insert, select, update

from wardian.storage.database import Connection
from wardian.storage.tables import oauth_flows


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowRow:
    """One flow.

    Attributes:
        state_digest: of the ticket that begins it, and from then on of its state.
        browser_digest: of what only the browser knows that began it; empty until then.
        client_id: of the credential that is the OAuth client.
        plugin_id: whose the tokens will be.
        name: what the tokens will be called.
        sealed: what nobody but the host may read or change.
    """

    id: str
    tenant: str
    state_digest: str
    browser_digest: str
    client_id: str
    plugin_id: str
    name: str
    redirect_uri: str
    scopes: Sequence[str]
    key_id: str
    sealed: bytes
    started_by: str
    started_at: datetime
    expires_at: datetime


class FlowRepository:
    """The flows of one tenant, over one open transaction."""

    def __init__(self, connection: Connection, tenant: str) -> None:
        self._connection = connection.of(tenant)
        self._tenant = tenant

    async def add(self, row: FlowRow) -> None:
        """Add a flow."""
        values = asdict(row) | {"tenant": self._tenant, "scopes": list(row.scopes)}
        await self._connection.execute(insert(oauth_flows).values(values))

    async def count(self) -> int:
        """Count the flows that are not over."""
        found = await self._connection.execute(
            select(func.count())
            .select_from(oauth_flows)
            .where(oauth_flows.c.tenant == self._tenant)
        )
        return int(found.scalar_one())

    async def of_plugin(self, plugin_id: str, moment: datetime) -> dict[str, datetime]:
        """Return until when somebody may come back with tokens, by the name that they will have."""
        found = await self._connection.execute(
            select(oauth_flows.c.name, oauth_flows.c.expires_at)
            .where(
                oauth_flows.c.tenant == self._tenant,
                oauth_flows.c.plugin_id == plugin_id,
                oauth_flows.c.expires_at > moment,
            )
            .order_by(oauth_flows.c.expires_at)
        )
        return {row.name: row.expires_at for row in found}

    async def remove_of(self, plugin_id: str, name: str) -> None:
        """Remove the flows whose tokens would have this name."""
        await self._connection.execute(
            delete(oauth_flows).where(
                oauth_flows.c.tenant == self._tenant,
                oauth_flows.c.plugin_id == plugin_id,
                oauth_flows.c.name == name,
            )
        )


async def sweep_flows(connection: Connection, moment: datetime) -> int:
    """Remove the flows of every tenant that are over; return how many there were."""
    gone = await connection.of_every_tenant().execute(
        delete(oauth_flows).where(oauth_flows.c.expires_at <= moment)
    )
    return gone.rowcount


async def find_flow(connection: Connection, digest: str) -> FlowRow | None:
    """Return the flow with this digest, of whichever tenant: who comes back brings no key."""
    found = await connection.of_every_tenant().execute(
        select(oauth_flows).where(oauth_flows.c.state_digest == digest)
    )
    row = found.mappings().one_or_none()
    if row is None:
        return None
    values: dict[str, Any] = dict(row)
    return FlowRow(**values | {"scopes": tuple(values["scopes"])})


async def begin_flow(
    connection: Connection, ticket: str, *, state_digest: str, browser_digest: str
) -> bool:
    """Have a flow's ticket become its state, once; tell whether it did."""
    changed = await connection.of_every_tenant().execute(
        update(oauth_flows)
        .where(oauth_flows.c.state_digest == ticket)
        .values(state_digest=state_digest, browser_digest=browser_digest)
    )
    return changed.rowcount > 0


async def take_flow(connection: Connection, digest: str) -> FlowRow | None:
    """Return the flow with this digest and remove it: nobody else gets it after that."""
    row = await find_flow(connection, digest)
    if row is None:
        return None
    gone = await connection.of_every_tenant().execute(
        delete(oauth_flows).where(oauth_flows.c.state_digest == digest)
    )
    return row if gone.rowcount > 0 else None
