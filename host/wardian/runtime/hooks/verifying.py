"""Who sent a request: the webhook that it is for, and whether its sender has the key.

To be refused tells nothing but that: whether there is no such tenant, plugin or webhook, or the
signature does not hold, the same is asked of the database, as much is computed, and the answer is
the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from wardian.crypto.digests import sha256_hex
from wardian.errors import NotFound, WebhookRefused
from wardian.plugins import Installed, Registry
from wardian.plugins.webhooks import Webhook
from wardian.policy.recipes import (
    RECIPES,
    Presented,
    Reason,
    Recipe,
    Unacceptable,
    delivery_id_of,
    is_timely,
    presented,
)
from wardian.runtime.hooks.incoming import NOBODY, Incoming, Place
from wardian.storage import Database
from wardian.storage.rows import now
from wardian.storage.webhooks import plugin_id_of
from wardian.vault import Held, Vault
from wardian.vault.verifying import Signed, signer_among

_ANY = RECIPES["github"]
"""By which a request is looked at that is for no webhook."""

Refused = Callable[[Installed, str, Reason], None]
"""Told of each request that a webhook refuses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """A request whose sender has the key.

    Attributes:
        marks: what tells the delivery from others; one that has any of them is the same.
    """

    plugin: Installed
    webhook: Webhook
    delivery_id: str | None
    marks: tuple[str, ...]


class Verifying:
    """Verifies requests."""

    def __init__(
        self,
        database: Database,
        registry: Registry,
        vault: Vault,
        refused: Refused,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._database = database
        self._registry = registry
        self._vault = vault
        self._refused = refused
        self._clock = clock

    async def verified(self, incoming: Incoming) -> Verified:
        """Return what a request is for, if its sender has the key.

        Raises:
            WebhookRefused: there is no such webhook, or its sender does not have the key.
            VaultSealed: the vault is sealed.
        """
        found = await self._find(incoming.place)
        plugin, webhook = found or (None, None)
        recipe = _ANY if webhook is None else webhook.written()
        keys = await self._vault.find_pair(
            incoming.place.tenant,
            NOBODY if plugin is None else plugin.id,
            NOBODY if webhook is None else webhook.verified_with,
        )
        outcome = self._judged(recipe, keys, incoming)
        if plugin is None or webhook is None:
            raise WebhookRefused(is_unknown=True)
        if isinstance(outcome, Reason):
            self._refused(plugin, webhook.name, outcome)
            raise WebhookRefused
        shown, delivery_id = outcome
        return Verified(
            plugin=plugin,
            webhook=webhook,
            delivery_id=delivery_id,
            marks=_marks(recipe, shown, delivery_id),
        )

    async def _find(self, place: Place) -> tuple[Installed, Webhook] | None:
        # What the registry remembers would be found sooner than what is not there.
        async with self._database.reading() as connection:
            plugin_id = await plugin_id_of(connection, place.tenant, place.plugin)
        if plugin_id is None:
            return None
        try:
            plugin = await self._registry.get(place.tenant, place.plugin)
        except NotFound:
            return None
        for webhook in plugin.manifest.webhooks:
            if webhook.name == place.name:
                return plugin, webhook
        return None

    def _judged(
        self, recipe: Recipe, keys: tuple[Held, ...], incoming: Incoming
    ) -> tuple[Presented, str | None] | Reason:
        at = self._clock()
        reason: Reason | None = None
        try:
            shown = presented(recipe, incoming.headers, incoming.body)
        except Unacceptable as unacceptable:
            # The codes are computed all the same, because their time would tell.
            reason = unacceptable.reason
            shown = Presented(
                message=incoming.body, signatures=(b"",), timestamp=None, delivery_id=None
            )
        signer = signer_among(keys, signed_by(recipe, shown), at)
        if reason is not None:
            return reason
        if signer is None:
            return Reason.WRONG_SIGNATURE if keys else Reason.NO_CREDENTIAL
        if not is_timely(recipe, shown, at):
            return Reason.OUTSIDE_TOLERANCE
        try:
            delivery_id = delivery_id_of(recipe, shown, incoming.body)
        except Unacceptable as unacceptable:
            return unacceptable.reason
        self._vault.note_use(signer)
        return shown, delivery_id


def signed_by(recipe: Recipe, shown: Presented) -> Signed:
    """Return what was signed, for a recipe's keys."""
    return Signed(
        algorithm=recipe.signature.algorithm,
        message=shown.message,
        signatures=shown.signatures,
        key_prefix=recipe.key_prefix,
        key_encoding=recipe.key_encoding,
    )


def _marks(recipe: Recipe, shown: Presented, delivery_id: str | None) -> tuple[str, ...]:
    """Return what tells a delivery from others: its id, and what was signed.

    An id that is not signed anybody can change who has seen the request, and send it again; and one
    that runs into what is signed beside it can be cut elsewhere.
    """
    marks = []
    if delivery_id is not None:
        marks.append(sha256_hex(b"id\0" + delivery_id.encode()))
    if not recipe.id_tells:
        marks.append(sha256_hex(b"signed\0" + shown.message))
    return tuple(marks)
