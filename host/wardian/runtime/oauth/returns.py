"""Browsers that come back from a provider: what they bring becomes tokens, or nothing at all."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from wardian.crypto.tokens import same
from wardian.errors import Conflict, Forbidden, InvalidArguments, NotFound, WardianError
from wardian.oauth import Answer, Grant, Tokens, check_issuer, parse_answer
from wardian.plugins import Installed
from wardian.policy.secret import Secret
from wardian.runtime.oauth.clients import Registered, revoke
from wardian.runtime.oauth.documents import OVER, Document, FlowParts, digest_of, open_document
from wardian.runtime.oauth.records import difference, secrets_of
from wardian.runtime.oauth.views import ConnectedView
from wardian.runtime.whole import wholly
from wardian.storage.oauth import FlowRow, take_flow


@dataclass(frozen=True, slots=True)
class _Back:
    """Somebody who came back, and what that belongs to."""

    row: FlowRow
    document: Document
    plugin: Installed
    registered: Registered


class Returns:
    """The second half of each flow."""

    def __init__(self, parts: FlowParts, clock: Callable[[], datetime]) -> None:
        self._parts = parts
        self._now = clock
        self._returned: dict[tuple[str, str], datetime] = {}

    @wholly
    async def finish(self, tenant: str, client: str, query: str, browser: str) -> ConnectedView:
        """Take what a provider had a browser bring back to `Addresses.callback`.

        Args:
            query: of the address, as it came.
            browser: what the browser was given when it began; empty if it has nothing.

        Raises:
            InvalidArguments: it is no answer, not this browser's, not this client's, or another
                server's.
            NotFound: there is no such flow, or not any more.
            Forbidden: the provider, or who was asked there, said no; or granted fewer scopes.
            Conflict: the client or the plugin is another by now.
            ProviderRefused, Unavailable: the code brought no tokens.
            VaultSealed
        """
        answer = parse_answer(query)
        row = await self._taken(answer)
        try:
            self._check_browser(row, browser, self._parts.addresses.callback(tenant, client))
            return await self._redeemed(row, answer)
        finally:
            self._returned.pop((row.plugin_id, row.name), None)

    async def _redeemed(self, row: FlowRow, answer: Answer) -> ConnectedView:
        document = await open_document(self._parts.vault, row)
        check_issuer(document.server, answer)
        if answer.code is None:
            raise Forbidden(f"The provider sent you back without consent: {answer.error}.")
        plugin = await self._unchanged(row, document)
        registered = await self._parts.clients.find(row.tenant, plugin.id, document.client)
        if (registered.id, registered.version) != (row.client_id, document.client_version):
            raise Conflict("The OAuth client was changed meanwhile. Start anew.")
        moment = self._now()
        exchange = self._parts.exchanges(row.tenant)
        grant = Grant(
            code=answer.code,
            verifier=Secret(document.verifier),
            redirect_uri=row.redirect_uri,
            scopes=tuple(row.scopes),
        )
        tokens = await exchange.redeem(document.server, registered.client, grant)
        return await self._connected(_Back(row, document, plugin, registered), tokens, moment)

    def waited_for(self, plugin: Installed) -> dict[str, datetime]:
        """Return until when somebody who is back is waited for, by provider."""
        return {
            name: until for (owner, name), until in self._returned.items() if owner == plugin.id
        }

    async def _connected(self, back: _Back, tokens: Tokens, moment: datetime) -> ConnectedView:
        row, plugin = back.row, back.plugin
        missing, extra = difference(row.scopes, tokens.scopes)
        if missing and not back.document.accept_fewer:
            await self._give_back(back, tokens)
            raise Forbidden(
                "The provider granted fewer scopes than the plugin asks for, and the connection "
                f"was not made. It lacks: {', '.join(missing)}. Whoever starts the connection may "
                "accept that."
            )
        await self._parts.tokens.connect(
            plugin,
            row.name,
            back.registered,
            tokens,
            origins=back.document.origins,
            moment=moment,
            actor=row.started_by,
        )
        async with self._parts.journal.change(row.tenant, row.started_by) as change:
            detail = {"provider": row.name, "granted": list(tokens.scopes), "missing": missing}
            await change.note("oauth-connected", plugin.name, detail | {"extra": extra})
        return ConnectedView(
            plugin=plugin.name,
            provider=row.name,
            granted=list(tokens.scopes),
            missing=missing,
            extra=extra,
        )

    async def _give_back(self, back: _Back, tokens: Tokens) -> None:
        """Have tokens revoked that nobody will use, if the provider can."""
        with suppress(WardianError):  # they are forgotten here all the same
            exchange = self._parts.exchanges(back.row.tenant)
            await revoke(exchange, back.registered, secrets_of(tokens))

    async def _taken(self, answer: Answer) -> FlowRow:
        """Take a flow out of the database, whoever brings its state, and only then judge."""
        digest = digest_of("state", answer.state.reveal())
        async with self._parts.database.transaction() as connection:
            row = await take_flow(connection, digest)
            if row is not None:
                # Whoever waits for this is not to be told meanwhile that nobody came back.
                self._returned[row.plugin_id, row.name] = row.expires_at
        if row is None:
            raise NotFound(OVER)
        return row

    def _check_browser(self, row: FlowRow, browser: str, redirect_uri: str) -> None:
        if row.expires_at <= self._now():
            raise NotFound(OVER)
        if not same(row.browser_digest, digest_of("browser", browser)):
            raise InvalidArguments(
                "This browser is not the one that began to connect. Start anew, and stay in one "
                "browser."
            )
        if row.redirect_uri != redirect_uri:
            raise InvalidArguments("The answer was brought to the address of another client.")

    async def _unchanged(self, row: FlowRow, document: Document) -> Installed:
        plugin = await self._parts.registry.get(row.tenant, document.plugin)
        if plugin.id != row.plugin_id:
            raise Conflict(f"{plugin.name} was installed anew meanwhile. Start anew.")
        return plugin
