"""Endpoints as host apps and operators see them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

import msgspec

from wardian.events import Event
from wardian.storage.endpoints import Owned
from wardian.storage.rows import AttemptRow, DeliveryRow, EventRow, KeyRow, now


class EndpointView(msgspec.Struct, frozen=True, kw_only=True):
    """Where events are posted to; without what signs them.

    Attributes:
        topics: patterns of the events that are.
        key, key_id: the API key whose rights it has.
        state: while it is ``disabled``, for ``reason``, nothing is posted.
        queued: how many events wait for it.
        dropped: how many it did not get, because as many waited as may.
        failures: attempts in a row that failed, the first of them at ``failing_since``.
    """

    id: str
    url: str
    topics: list[str]
    description: str
    key: str
    key_id: str
    state: Literal["enabled", "disabled"]
    reason: str
    queued: int
    dropped: int
    failures: int
    failing_since: datetime | None
    last_success_at: datetime | None
    created_at: datetime
    created_by: str
    updated_at: datetime
    updated_by: str


class NewEndpoint(EndpointView, frozen=True, kw_only=True):
    """An endpoint with a new secret: the only moment in which that is known.

    Attributes:
        secret: what deliveries are signed with; ``whsec_…``.
        old_secret_until: until when they are signed with the one before, too.
    """

    secret: str
    old_secret_until: datetime | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}(id={self.id!r}, url={self.url!r})"


class AttemptView(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt to post an event.

    Attributes:
        outcome: ``done``, ``retry``, ``dead`` when it was the last one, or ``ping``.
        status: of the response; None where there was none.
        reason: why it failed; empty if it did not.
        response: the beginning of the body, of a failure.
    """

    event_id: str
    topic: str
    attempt: int
    outcome: str
    status: int | None
    reason: str
    response: str
    milliseconds: int
    at: datetime


class AttemptsPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some attempts, the newest first; ``next`` asks for those before them."""

    attempts: list[AttemptView]
    next: int | None


class Undelivered(msgspec.Struct, frozen=True, kw_only=True):
    """A dead letter: an event that an endpoint did not take.

    Attributes:
        attempts: how often it was tried.
        reason: what the last attempt failed of.
        since: when it was given up.
        data: the event's.
    """

    id: str
    event_id: str
    topic: str
    source: str
    key: str | None
    time: str
    attempts: int
    reason: str
    since: datetime
    data: Any


class UndeliveredPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some dead letters, the newest first; ``next`` asks for those after them."""

    dead_letters: list[Undelivered]
    next: int | None


def endpoint_view(found: Owned) -> EndpointView:
    """Return an endpoint as it is shown."""
    return EndpointView(**_shown(found))


def new_endpoint(found: Owned, secret: str, until: datetime | None = None) -> NewEndpoint:
    """Return an endpoint with its new secret."""
    return NewEndpoint(**_shown(found), secret=secret, old_secret_until=until)


def attempt_view(row: AttemptRow) -> AttemptView:
    """Return an attempt as it is shown."""
    return AttemptView(**{name: getattr(row, name) for name in AttemptView.__struct_fields__})


def undelivered(row: DeliveryRow, event: EventRow) -> Undelivered:
    """Return a dead letter as it is shown."""
    found = Event.of(event)
    return Undelivered(
        id=row.id,
        event_id=found.id,
        topic=found.topic,
        source=found.source,
        key=found.key,
        time=found.time,
        attempts=row.attempt,
        reason=row.last_error,
        since=row.updated_at,
        data=found.value(),
    )


def _shown(found: Owned) -> Mapping[str, Any]:
    row, key = found.row, found.key
    # A key that ends takes with it at once what it may receive; its endpoints are disabled a
    # moment later.
    has_ended = key.has_ended(now())
    reason = ended(key) if has_ended and not row.paused else row.reason
    is_disabled = row.paused or has_ended
    return {
        "id": row.id,
        "url": row.url,
        "topics": list(row.topics),
        "description": row.description,
        "key": key.name,
        "key_id": key.id,
        "state": "disabled" if is_disabled else "enabled",
        "reason": reason,
        "queued": row.queued,
        "dropped": row.dropped,
        "failures": row.failures,
        "failing_since": row.failing_since,
        "last_success_at": row.last_success_at,
        "created_at": row.created_at,
        "created_by": row.created_by,
        "updated_at": row.updated_at,
        "updated_by": row.updated_by,
    }


def ended(key: KeyRow) -> str:
    """Return why an endpoint is disabled whose key was revoked, or has expired."""
    what = "has expired" if key.revoked_at is None else "was revoked"
    return f"The API key {key.name!r}, whose rights it has, {what}."
