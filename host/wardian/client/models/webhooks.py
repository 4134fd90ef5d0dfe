"""Endpoints that events are posted to, and webhooks that plugins receive."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from wardian.client.models.pages import Tagged


class Endpoint(Tagged, frozen=True, kw_only=True):
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
    state: str
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


class NewEndpoint(Endpoint, frozen=True, kw_only=True):
    """An endpoint with a new secret: the only moment in which that is known.

    Attributes:
        secret: what deliveries are signed with; ``whsec_…``.
        old_secret_until: until when they are signed with the one before, too.
    """

    secret: str
    old_secret_until: datetime | None = None


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
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

    attempts: list[Attempt]
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
    time: datetime
    attempts: int
    reason: str
    since: datetime
    data: Any


class UndeliveredPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some dead letters, the newest first; ``next`` asks for those after them."""

    dead_letters: list[Undelivered]
    next: int | None


class Hook(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook, and what came to it.

    Attributes:
        url: where its sender sends it; only the path where the host does not know its address.
        accepted: requests that were handled, or published.
        repeated: those of deliveries that had been handled before.
        rejected: those that the plugin answered with a status from 400 to 499.
        failed: those that it did not handle.
        unavailable: those for which the plugin took no calls, or the host had no room.
        unreadable: those with a body that is no text, or too much.
        refused: those whose sender did not show that it has the key, by the reason.
        warnings: why it receives nothing, or should be looked at.
    """

    name: str
    recipe: str
    credential: str
    event: str | None
    description: str
    surface: str
    plugin: str
    url: str
    accepted: int
    repeated: int
    rejected: int
    failed: int
    unavailable: int
    unreadable: int
    refused: dict[str, int]
    last_accepted_at: datetime | None
    last_refused_at: datetime | None
    warnings: list[str]
