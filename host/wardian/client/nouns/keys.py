"""API keys and tenants."""

from __future__ import annotations

from collections.abc import Sequence

from wardian.client.answers import json_of
from wardian.client.binding import Noun, S, operation
from wardian.client.models import Key, NewKey, Tenant
from wardian.client.operations import Many, Operation, at, delete, get, given, post


class Keys(Noun[S]):
    """The tenant's API keys."""

    @operation
    def list(self) -> Operation[Many[Key]]:
        """List the keys, without what makes them keys."""
        return get("/keys", json_of(Many[Key]))

    @operation
    def create(
        self, name: str, scopes: Sequence[str], *, tenant: str | None = None
    ) -> Operation[NewKey]:
        """Make a key; its ``token`` is shown this one time."""
        body = {"name": name, "scopes": scopes, **given(tenant=tenant)}
        return post("/keys", json_of(NewKey), body)

    @operation
    def revoke(self, key_id: str) -> Operation[None]:
        """Take a key no more."""
        return delete(at("/keys/{}", key_id))


class Tenants(Noun[S]):
    """Tenants of the host."""

    @operation
    def list(self) -> Operation[Many[Tenant]]:
        """List the tenants."""
        return get("/tenants", json_of(Many[Tenant]))

    @operation
    def create(self, name: str) -> Operation[Tenant]:
        """Make a tenant."""
        return post("/tenants", json_of(Tenant), {"name": name})
