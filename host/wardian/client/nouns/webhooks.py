"""Endpoints that events are posted to, and webhooks that plugins receive."""

from __future__ import annotations

from collections.abc import Sequence

from wardian.client.answers import NOTHING, json_of, page_of
from wardian.client.binding import Noun, S, operation
from wardian.client.models import (
    Attempt,
    AttemptsPage,
    Endpoint,
    Hook,
    NewEndpoint,
    Page,
    UndeliveredPage,
)
from wardian.client.operations import Operation, at, delete, get, given, patch, post


class Webhooks(Noun[S]):
    """Endpoints that events are posted to."""

    @operation
    def list(
        self, *, limit: int | None = None, cursor: str | None = None
    ) -> Operation[Page[Endpoint]]:
        """List the tenant's endpoints."""
        return get("/webhooks", page_of(Endpoint), limit=limit, cursor=cursor)

    @operation
    def add(
        self, url: str, topics: Sequence[str], *, description: str = ""
    ) -> Operation[NewEndpoint]:
        """Have events posted to an address; the answer has the secret that signs them."""
        body = {"url": url, "topics": topics, "description": description}
        return post("/webhooks", json_of(NewEndpoint), body)

    @operation
    def get(self, endpoint_id: str) -> Operation[Endpoint]:
        """Show one endpoint."""
        return get(at("/webhooks/{}", endpoint_id), json_of(Endpoint))

    @operation
    def change(
        self,
        endpoint_id: str,
        *,
        url: str | None = None,
        topics: Sequence[str] | None = None,
        description: str | None = None,
        key_id: str | None = None,
        if_match: str | None = None,
    ) -> Operation[Endpoint]:
        """Change what is given of an endpoint."""
        body = given(url=url, topics=topics, description=description, key_id=key_id)
        return patch(at("/webhooks/{}", endpoint_id), json_of(Endpoint), body).matching(if_match)

    @operation
    def remove(self, endpoint_id: str, *, if_match: str | None = None) -> Operation[None]:
        """Remove an endpoint, with what waits for it."""
        return delete(at("/webhooks/{}", endpoint_id)).matching(if_match)

    @operation
    def enable(self, endpoint_id: str, *, if_match: str | None = None) -> Operation[Endpoint]:
        """Post to an endpoint again."""
        return post(at("/webhooks/{}/enable", endpoint_id), json_of(Endpoint)).matching(if_match)

    @operation
    def disable(self, endpoint_id: str, *, if_match: str | None = None) -> Operation[Endpoint]:
        """Post to an endpoint no more, until it is enabled again."""
        return post(at("/webhooks/{}/disable", endpoint_id), json_of(Endpoint)).matching(if_match)

    @operation
    def ping(self, endpoint_id: str) -> Operation[Attempt]:
        """Post an event to an endpoint now that says nothing, and tell how that went."""
        return post(at("/webhooks/{}/ping", endpoint_id), json_of(Attempt))

    @operation
    def rotate_secret(
        self, endpoint_id: str, *, overlap_seconds: float | None = None, if_match: str | None = None
    ) -> Operation[NewEndpoint]:
        """Give an endpoint a new secret; for so long, the old one signs as well."""
        body = given(overlap_seconds=overlap_seconds)
        return post(at("/webhooks/{}/secret", endpoint_id), json_of(NewEndpoint), body).matching(
            if_match
        )

    @operation
    def attempts(
        self, endpoint_id: str, *, limit: int | None = None, before: int | None = None
    ) -> Operation[AttemptsPage]:
        """List attempts to post, the newest first; ``before`` is ``next`` of the page before."""
        path = at("/webhooks/{}/attempts", endpoint_id)
        return get(path, json_of(AttemptsPage), limit=limit, before=before)

    @operation
    def dead(
        self, endpoint_id: str, *, limit: int | None = None, before: int | None = None
    ) -> Operation[UndeliveredPage]:
        """List the events that an endpoint did not take, those given up last first."""
        path = at("/webhooks/{}/dead", endpoint_id)
        return get(path, json_of(UndeliveredPage), limit=limit, before=before)

    @operation
    def requeue(self, endpoint_id: str, ids: Sequence[str]) -> Operation[None]:
        """Have dead letters posted again; all of them, or none if one is not there."""
        return post(at("/webhooks/{}/dead/requeue", endpoint_id), NOTHING, {"ids": ids})

    @operation
    def discard(self, endpoint_id: str, ids: Sequence[str]) -> Operation[None]:
        """Remove dead letters; all of them, or none if one is not there."""
        return post(at("/webhooks/{}/dead/discard", endpoint_id), NOTHING, {"ids": ids})


class Hooks(Noun[S]):
    """Webhooks that plugins receive."""

    @operation
    def list(
        self, plugin: str | None = None, *, limit: int | None = None, cursor: str | None = None
    ) -> Operation[Page[Hook]]:
        """List the tenant's webhooks, with their addresses and what came to them."""
        return get("/hooks", page_of(Hook), plugin=plugin, limit=limit, cursor=cursor)
