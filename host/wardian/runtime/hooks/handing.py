"""A verified request on its way: to the plugin's ``webhook-handler``, or into the events."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from functools import partial
from typing import Any

from wardian.errors import (
    CallError,
    Conflict,
    InvalidArguments,
    NotFound,
    Overloaded,
    PayloadTooLarge,
    Revoked,
    SignatureInvalid,
    TryLater,
    WebhookFailed,
)
from wardian.events import Event, Events
from wardian.events.topics import is_reserved
from wardian.plugins import Installed, Registry
from wardian.runtime.calls import CallRequest, Calls
from wardian.runtime.entrance import Entrance
from wardian.runtime.hooks.incoming import Answer, Incoming
from wardian.runtime.hooks.replays import HANDLING_SECONDS, Claim, Replays
from wardian.runtime.hooks.verifying import Verified
from wardian.runtime.webhook_handlers import handler_of
from wardian.storage import Connection, Database
from wardian.storage.documents import dump_json

RETRY_SECONDS = 60.0
"""When a sender is to come again to a plugin that takes no calls."""

PUBLISHED = 202

_log = logging.getLogger("wardian.webhooks")


@dataclass(frozen=True, slots=True, kw_only=True)
class HandingParts:
    """What requests are handed over with."""

    database: Database
    registry: Registry
    events: Events
    calls: Calls
    entrance: Entrance
    replays: Replays


class Handing:
    """Hands verified requests over, each once."""

    def __init__(self, parts: HandingParts) -> None:
        self._parts = parts

    async def hand(self, verified: Verified, incoming: Incoming) -> Answer:
        """Have a request handled, unless it was before; return what the sender is answered.

        Raises:
            TryLater: it cannot be handled now: the plugin takes no calls, say.
            WebhookFailed: it was not handled; it can be sent again.
            InvalidArguments, PayloadTooLarge: nobody could handle it.
        """
        document = _document(verified, incoming)
        plugin = verified.plugin
        if not plugin.is_callable:
            raise _takes_none(plugin)
        if verified.webhook.event is not None:
            return await self._publish(verified, incoming, document)
        _handler(plugin)
        claim = await self._parts.replays.claim(verified)
        if isinstance(claim, Answer):
            return claim
        try:
            answer = await self._call(verified, incoming, document)
        except BaseException:
            await self._parts.replays.release(claim)
            raise
        await self._settle(claim, answer)
        return answer

    async def _settle(self, claim: Claim, answer: Answer) -> None:
        """What a plugin took is not given to it again; what it refused its sender may repeat."""
        if 200 <= answer.status < 300:
            await self._parts.replays.settle(claim, answer.status)
        else:
            await self._parts.replays.release(claim)

    async def _call(
        self, verified: Verified, incoming: Incoming, document: dict[str, Any]
    ) -> Answer:
        request = CallRequest(
            function=_handler(verified.plugin),
            arguments={"webhook": document},
            subject=f"webhook:{verified.webhook.name}",
            correlation_id=incoming.request_id,
        )
        try:
            async with asyncio.timeout(HANDLING_SECONDS):
                outcome = await self._parts.entrance.call(partial(self._found, verified), request)
        except TimeoutError:
            raise WebhookFailed("The plugin did not come to an end in time.") from None
        except CallError as error:
            raise WebhookFailed from error
        except (SignatureInvalid, Revoked, Conflict) as error:
            raise _takes_none(verified.plugin) from error
        except Overloaded as error:
            raise TryLater(error.message, retry_after_seconds=error.retry_after_seconds) from error
        except InvalidArguments as error:
            raise PayloadTooLarge(
                "The request is more than the plugin's level lets it be given."
            ) from error
        return self._replied(verified, outcome.result)

    def _replied(self, verified: Verified, result: Any) -> Answer:
        status, body = result["status"], result["body"]
        if not (200 <= status < 300 or 400 <= status < 500):
            _log.warning(
                "%s (%s) answered a webhook with the status %d, which is none from 200 to 299 or "
                "400 to 499.",
                verified.plugin.name,
                verified.plugin.tenant,
                status,
            )
            raise WebhookFailed
        return Answer(status=status, body=body)

    async def _found(self, verified: Verified) -> Installed:
        """Return the plugin as it is now, if it is the same and takes calls."""
        plugin = verified.plugin
        try:
            found = await self._parts.registry.get(plugin.tenant, plugin.name)
        except NotFound:
            raise _takes_none(plugin) from None
        if found.id != plugin.id or not found.is_callable:
            raise _takes_none(plugin)
        _handler(found)
        return found

    async def _publish(
        self, verified: Verified, incoming: Incoming, document: dict[str, Any]
    ) -> Answer:
        """Publish a request as an event, in one transaction with that it was."""
        self._check_may_publish(verified)
        event: Event | None = None
        connection: Connection | None = None
        try:
            async with self._parts.database.transaction() as connection:
                claim = await self._parts.replays.claim_within(connection, verified)
                if isinstance(claim, Answer):
                    return claim
                event = await self._stored(connection, verified, incoming, document)
                await self._parts.replays.settle_within(connection, claim, PUBLISHED)
        finally:
            # Also when this was cancelled meanwhile: what is committed has happened.
            if event is not None and connection is not None and connection.committed:
                self._parts.events.announce(event)
        return Answer(status=PUBLISHED)

    async def _stored(
        self,
        connection: Connection,
        verified: Verified,
        incoming: Incoming,
        document: dict[str, Any],
    ) -> Event:
        plugin, webhook = verified.plugin, verified.webhook
        try:
            return await self._parts.events.publish_within(
                connection,
                plugin.tenant,
                webhook.event or "",
                dump_json(document),
                source=f"plugin:{plugin.name}",
                correlation_id=incoming.request_id,
            )
        except InvalidArguments as error:
            raise PayloadTooLarge("The request is more than an event can have.") from error

    def _check_may_publish(self, verified: Verified) -> None:
        plugin, wanted = verified.plugin, verified.webhook.publishing()
        authority = self._parts.calls.authority(plugin)
        if wanted is None or is_reserved(verified.webhook.event or ""):
            raise _takes_none(plugin)
        if authority.refusal(wanted) is not None:
            raise _takes_none(plugin)


def _handler(plugin: Installed) -> str:
    found = handler_of(plugin)
    if found is None:
        raise _takes_none(plugin)
    return found


def _document(verified: Verified, incoming: Incoming) -> dict[str, Any]:
    """The request as ``wit/v1/webhook-handler.wit`` has it.

    Raises:
        InvalidArguments: its body is no text.
    """
    try:
        body = incoming.body.decode()
    except UnicodeDecodeError:
        raise InvalidArguments("The request's body is not text in UTF-8.") from None
    return {
        "name": verified.webhook.name,
        "delivery-id": verified.delivery_id,
        "headers": incoming.shown(verified.webhook.written().hidden),
        "body": body,
    }


def _takes_none(plugin: Installed) -> TryLater:
    return TryLater(f"{plugin.name} takes no webhooks now.", retry_after_seconds=RETRY_SECONDS)
