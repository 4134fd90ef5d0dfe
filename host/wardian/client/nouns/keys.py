"""API keys and tenants."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypedDict, Unpack

from wardian.client.answers import json_of, page_of
from wardian.client.binding import Noun, S, operation
from wardian.client.models import Key, NewKey, Page, Tenant, TenantLimits
from wardian.client.operations import Operation, at, delete, get, given, patch, post, put


class KeyTerms(TypedDict, total=False):
    """What bounds a key.

    Attributes:
        tenant: whose key it is, if it is not the tenant's own.
        description: what it is for.
        expires_at: with its time zone; or ``expires_in``, in so many seconds.
        rate: its own bound on requests, such as `600/minute`.
        plugins: those that it may call and read about, and nothing else.
        networks: those that it may be used from, such as `192.0.2.0/24`.
    """

    tenant: str
    description: str
    expires_at: datetime
    expires_in: float
    rate: str
    plugins: Sequence[str]
    networks: Sequence[str]


class Keys(Noun[S]):
    """The tenant's API keys."""

    @operation
    def list(self, *, limit: int | None = None, cursor: str | None = None) -> Operation[Page[Key]]:
        """List the keys, without what makes them keys."""
        return get("/keys", page_of(Key), limit=limit, cursor=cursor)

    @operation
    def create(
        self, name: str, scopes: Sequence[str], **terms: Unpack[KeyTerms]
    ) -> Operation[NewKey]:
        """Make a key; its ``token`` is shown this one time."""
        return post("/keys", json_of(NewKey), {"name": name, "scopes": scopes, **terms})

    @operation
    def change(
        self, key_id: str, *, description: str | None = None, rate: str | None = None
    ) -> Operation[Key]:
        """Change what is given of a key; an empty ``rate`` is none of its own."""
        body = given(description=description, rate=rate)
        return patch(at("/keys/{}", key_id), json_of(Key), body)

    @operation
    def rotate(
        self,
        key_id: str,
        *,
        overlap_seconds: float | None = None,
        expires_at: datetime | None = None,
        expires_in: float | None = None,
    ) -> Operation[NewKey]:
        """Give a key a new token; for so long, an hour unless said, the old one holds as well.

        Unless its end is said, one that did expire gets as long a life as it had.
        """
        body = given(overlap_seconds=overlap_seconds, expires_at=expires_at, expires_in=expires_in)
        return post(at("/keys/{}/rotate", key_id), json_of(NewKey), body)

    @operation
    def revoke(self, key_id: str, *, if_match: str | None = None) -> Operation[None]:
        """Take a key no more; ``if_match`` is the ``etag`` of the list of keys."""
        return delete(at("/keys/{}", key_id)).matching(if_match)


class Tenants(Noun[S]):
    """Tenants of the host."""

    @operation
    def list(
        self, *, limit: int | None = None, cursor: str | None = None
    ) -> Operation[Page[Tenant]]:
        """List the tenants."""
        return get("/tenants", page_of(Tenant), limit=limit, cursor=cursor)

    @operation
    def create(self, name: str) -> Operation[Tenant]:
        """Make a tenant."""
        return post("/tenants", json_of(Tenant), {"name": name})

    @operation
    def limits(self, name: str) -> Operation[TenantLimits]:
        """Show how many requests a tenant may make, and each of its keys."""
        return get(at("/tenants/{}/limits", name), json_of(TenantLimits))

    @operation
    def set_limits(
        self, name: str, *, rate: str | None, key_rate: str | None
    ) -> Operation[TenantLimits]:
        """Say how many requests a tenant may make, and each of its keys without a rate of its own.

        Such as `600/minute`; None is what the host's settings say.
        """
        body = {"rate": rate, "key_rate": key_rate}
        return put(at("/tenants/{}/limits", name), json_of(TenantLimits), body)
