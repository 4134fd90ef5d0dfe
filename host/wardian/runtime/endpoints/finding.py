"""An endpoint as a caller finds it, and the keys that it may have the rights of."""

from __future__ import annotations

from typing import Any

from wardian.errors import InvalidArguments
from wardian.policy.urls import parse_url
from wardian.runtime.endpoints.orders import check_scopes, visible
from wardian.storage import Connection
from wardian.storage.endpoints import EndpointRepository, Owned
from wardian.storage.rows import EndpointRow, KeyRow, now
from wardian.storage.tenants import KeyRepository
from wardian.tenants import Caller


async def find(connection: Connection, caller: Caller, endpoint_id: str) -> Owned:
    """Return one of a caller's endpoints.

    Raises:
        NotFound: the caller has no such endpoint.
    """
    found = await EndpointRepository(connection, caller.tenant).find(endpoint_id)
    return visible(found, endpoint_id, caller)


async def find_key(connection: Connection, tenant: str, key_id: str) -> KeyRow:
    """Return a key that endpoints may have the rights of.

    Raises:
        InvalidArguments: there is no such key, or not any more.
        Forbidden: it has not the scopes that it takes.
    """
    keys = await KeyRepository(connection, tenant).all()
    key = next((each for each in keys if each.id == key_id and not each.has_ended(now())), None)
    if key is None:
        raise InvalidArguments(
            f"There is no valid API key with the id {key_id[:80]!r}.", path="key_id"
        )
    check_scopes(
        Caller(tenant=tenant, key_id=key.id, key_name=key.name, scopes=frozenset(key.scopes))
    )
    return key


def told(row: EndpointRow) -> dict[str, Any]:
    """What of an endpoint is told; an address may have a secret in its path."""
    return {"origin": parse_url(row.url).origin, "topics": list(row.topics)}
