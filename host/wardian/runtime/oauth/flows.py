"""Flows: from an operator who wants a connection, through a browser, to tokens in the vault.

Whoever starts a flow gets an address with a ticket. The browser that opens it is shown what it is
asked for, and given a cookie; when its owner agrees, the ticket is spent, the flow belongs to that
browser, and the browser goes on to the provider with a state that nobody saw before. The state is
spent when it comes back, before anything is done with what it brought. See
docs/decisions/0025.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from wardian.crypto.digests import sha256_hex
from wardian.crypto.identifiers import new_id
from wardian.crypto.tokens import same
from wardian.errors import (
    Conflict,
    Forbidden,
    InvalidArguments,
    NotFound,
    RateLimited,
    WardianError,
)
from wardian.oauth import (
    Answer,
    Grant,
    Server,
    Tokens,
    authorization_url,
    check_issuer,
    new_secret,
    parse_answer,
)
from wardian.plugins import Installed, Registry
from wardian.plugins.tables import OAuth
from wardian.policy.bindings import parse_binding
from wardian.policy.secret import Secret
from wardian.policy.urls import parse_url
from wardian.runtime.journal import Journal
from wardian.runtime.oauth.addresses import Addresses
from wardian.runtime.oauth.clients import Clients, Exchanges, Registered, no_client, revoke
from wardian.runtime.oauth.records import difference, secrets_of
from wardian.runtime.oauth.tokens import TokenStore
from wardian.runtime.oauth.views import Asking, ConnectedView, StartedView
from wardian.runtime.whole import wholly
from wardian.storage import Database
from wardian.storage.oauth import (
    FlowRepository,
    FlowRow,
    begin_flow,
    find_flow,
    sweep_flows,
    take_flow,
)
from wardian.storage.rows import now
from wardian.vault import Sealed, Vault

FLOW_TIME = timedelta(minutes=10)
FLOWS_MAX = 50
"""Of one tenant, at a time."""

_PURPOSE = "oauth flow"
_OVER = "This address was used already, is older than ten minutes, or never was one. Start anew."


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowParts:
    """What flows are made with."""

    database: Database
    registry: Registry
    journal: Journal
    vault: Vault
    clients: Clients
    exchanges: Exchanges
    tokens: TokenStore
    addresses: Addresses


class _Document(msgspec.Struct, frozen=True, kw_only=True):
    """What of a flow is sealed: none of it may be read or changed in the database.

    Attributes:
        client, client_version: if the client has changed since, its secret may be another server's.
    """

    plugin: str
    verifier: str
    client: str
    client_version: int
    client_id: str
    server: Server
    origins: tuple[str, ...]
    accept_fewer: bool


@dataclass(frozen=True, slots=True)
class _Back:
    """Somebody who came back, and what that belongs to."""

    row: FlowRow
    document: _Document
    plugin: Installed
    registered: Registered


class Flows:
    """The flows of every tenant."""

    def __init__(self, parts: FlowParts, *, clock: Callable[[], datetime] = now) -> None:
        self._parts = parts
        self._now = clock

    @property
    def addresses(self) -> Addresses:
        """Where browsers find this host."""
        return self._parts.addresses

    async def start(  # noqa: PLR0913 -- what to connect to what, and how, each with a default
        self,
        name: str,
        provider: str,
        *,
        client: str | None = None,
        origins: Sequence[str] = (),
        accept_fewer: bool = False,
        tenant: str = "default",
        actor: str = "host",
    ) -> StartedView:
        """Begin to connect a plugin to a provider; another flow for the same ends.

        Args:
            client: the credential that is the OAuth client; ``PROVIDER-client`` unless given.
            origins: where the tokens may go, and nowhere else; those of the client unless given.
            accept_fewer: take a connection also if the provider grants fewer scopes than asked for.

        Raises:
            NotFound: no such plugin, its manifest names no such provider, or no such client.
            InvalidArguments: the client or an origin cannot be used; or nothing says where tokens
                may go, or where browsers find this host.
            Conflict: the plugin has another credential of the provider's name.
            RateLimited: too many flows of the tenant wait for somebody.
            Unavailable: the provider does not say where it takes requests.
            VaultSealed
        """
        plugin = await self._parts.registry.get(tenant, name)
        asked = asked_of(plugin, provider)
        chosen = client or f"{provider}-client"
        redirect_uri = self.addresses.callback(tenant, chosen)
        registered = await self._client(plugin, chosen, provider)
        await self._parts.tokens.check_free(plugin, provider)
        document = _Document(
            plugin=name,
            verifier=new_secret(),
            client=chosen,
            client_version=registered.version,
            client_id=registered.client.client_id,
            server=registered.server,
            origins=_origins(origins or registered.origins),
            accept_fewer=accept_fewer,
        )
        ticket, moment = new_secret(), self._now()
        async with self._parts.journal.change(tenant, actor) as change:
            await sweep_flows(change.connection, moment)
            repository = FlowRepository(change.connection, tenant)
            await repository.remove_of(plugin.id, provider)
            if await repository.count() >= FLOWS_MAX:
                raise RateLimited(
                    f"{FLOWS_MAX} flows of this tenant wait for somebody; each ends after "
                    f"{FLOW_TIME.total_seconds() / 60:.0f} minutes."
                )
            flow_id = new_id()
            sealed = await self._parts.vault.seal_bytes(
                change.connection, tenant, _PURPOSE, flow_id, msgspec.json.encode(document)
            )
            row = FlowRow(
                id=flow_id,
                tenant=tenant,
                state_digest=_digest("ticket", ticket),
                browser_digest="",
                client_id=registered.id,
                plugin_id=plugin.id,
                name=provider,
                redirect_uri=redirect_uri,
                scopes=asked.scopes,
                key_id=sealed.key_id,
                sealed=sealed.content,
                started_by=actor,
                started_at=moment,
                expires_at=moment + FLOW_TIME,
            )
            await repository.add(row)
            detail = {"provider": provider, "client": chosen, "scopes": list(asked.scopes)}
            await change.note("oauth-started", name, detail)
        return StartedView(
            authorize_url=self.addresses.begin(ticket),
            expires_at=row.expires_at,
            redirect_uri=redirect_uri,
        )

    async def asking(self, ticket: str) -> Asking:
        """Return what whoever opened a flow's address is asked for; the ticket stays good.

        Raises:
            NotFound: there is no such flow, or not any more.
        """
        row, document = await self._waiting(ticket)
        return Asking(
            tenant=row.tenant,
            plugin=document.plugin,
            provider=row.name,
            host=parse_url(document.server.authorize_url).host,
            scopes=tuple(row.scopes),
            origins=document.origins,
            started_by=row.started_by,
        )

    async def begin(self, ticket: str, browser: str) -> str:
        """Give a flow to a browser, and return where that is to go: once.

        Raises:
            NotFound: there is no such flow, or not any more.
        """
        row, document = await self._waiting(ticket)
        state = new_secret()
        async with self._parts.database.transaction() as connection:
            begun = await begin_flow(
                connection,
                row.state_digest,
                state_digest=_digest("state", state),
                browser_digest=_digest("browser", browser),
            )
        if not begun:
            raise NotFound(_OVER)
        return authorization_url(
            document.server,
            document.client_id,
            redirect_uri=row.redirect_uri,
            scopes=row.scopes,
            state=state,
            verifier=document.verifier,
        )

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
        row = await self._taken(answer, browser, self.addresses.callback(tenant, client))
        document = await self._opened(row)
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

    async def waiting(self, plugin: Installed) -> dict[str, datetime]:
        """Return until when somebody may come back, by provider."""
        async with self._parts.database.reading() as connection:
            repository = FlowRepository(connection, plugin.tenant)
            return await repository.of_plugin(plugin.id, self._now())

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

    async def _client(self, plugin: Installed, name: str, provider: str) -> Registered:
        try:
            return await self._parts.clients.find(plugin.tenant, plugin.id, name)
        except NotFound as exc:
            raise no_client(name, provider) from exc

    async def _waiting(self, ticket: str) -> tuple[FlowRow, _Document]:
        async with self._parts.database.reading() as connection:
            row = await find_flow(connection, _digest("ticket", ticket))
        if row is None or row.expires_at <= self._now():
            raise NotFound(_OVER)
        return row, await self._opened(row)

    async def _taken(self, answer: Answer, browser: str, redirect_uri: str) -> FlowRow:
        """Take a flow out of the database, whoever brings its state, and only then judge."""
        digest = _digest("state", answer.state.reveal())
        async with self._parts.database.transaction() as connection:
            row = await take_flow(connection, digest)
        if row is None or row.expires_at <= self._now():
            raise NotFound(_OVER)
        if not same(row.browser_digest, _digest("browser", browser)):
            raise InvalidArguments(
                "This browser is not the one that began to connect. Start anew, and stay in one "
                "browser."
            )
        if row.redirect_uri != redirect_uri:
            raise InvalidArguments("The answer was brought to the address of another client.")
        return row

    async def _opened(self, row: FlowRow) -> _Document:
        content = await self._parts.vault.open_bytes(
            row.tenant, _PURPOSE, row.id, Sealed(row.key_id, row.sealed)
        )
        return msgspec.json.decode(content, type=_Document)

    async def _unchanged(self, row: FlowRow, document: _Document) -> Installed:
        plugin = await self._parts.registry.get(row.tenant, document.plugin)
        if plugin.id != row.plugin_id:
            raise Conflict(f"{plugin.name} was installed anew meanwhile. Start anew.")
        return plugin


def asked_of(plugin: Installed, provider: str) -> OAuth:
    """Return what a plugin's manifest says of a provider.

    Raises:
        NotFound: nothing.
    """
    found = next((each for each in plugin.manifest.oauth if each.provider == provider), None)
    if found is None:
        named = ", ".join(each.provider for each in plugin.manifest.oauth) or "none"
        raise NotFound(
            f"The manifest of {plugin.name} names no OAuth provider {provider[:80]!r}; it names "
            f"{named}."
        )
    return found


def _origins(texts: Sequence[str]) -> tuple[str, ...]:
    if not texts:
        raise InvalidArguments(
            "Nothing says where the tokens may go: give `origins`, such as "
            "https://api.example.org/, or the OAuth client some.",
            path="origins",
        )
    return tuple(str(parse_binding(text)) for text in texts)


def _digest(what: str, secret: str) -> str:
    # Told apart, so that a ticket is never taken for a state.
    return sha256_hex(f"wardian oauth {what} {secret}".encode())
