"""Flows: from an operator who wants a connection, through a browser, to tokens in the vault.

Whoever starts a flow gets an address with a ticket. The browser that opens it is shown what it is
asked for, and given a cookie; when its owner agrees, the ticket is spent, the flow belongs to that
browser, and the browser goes on to the provider with a state that nobody saw before. The state is
spent when it comes back, before anything is done with what it brought. See
docs/decisions/0025-connections-belong-to-one-browser.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from wardian.crypto.identifiers import new_id
from wardian.errors import InvalidArguments, NotFound, RateLimited
from wardian.oauth import authorization_url, new_secret
from wardian.plugins import Installed
from wardian.plugins.tables import OAuth
from wardian.policy.bindings import parse_binding
from wardian.policy.urls import parse_url
from wardian.runtime.oauth.addresses import Addresses
from wardian.runtime.oauth.clients import Registered, no_client
from wardian.runtime.oauth.documents import (
    OVER,
    Document,
    FlowParts,
    digest_of,
    open_document,
    seal_document,
)
from wardian.runtime.oauth.returns import Returns
from wardian.runtime.oauth.views import Asking, ConnectedView, StartedView
from wardian.storage.oauth import FlowRepository, FlowRow, begin_flow, find_flow, sweep_flows
from wardian.storage.rows import now

FLOW_TIME = timedelta(minutes=10)
NAME_CHARS_MAX = 80
FLOWS_MAX = 50
"""Of one tenant, at a time."""


class Flows:
    """The flows of every tenant."""

    def __init__(self, parts: FlowParts, *, clock: Callable[[], datetime] = now) -> None:
        self._parts = parts
        self._now = clock
        self._returns = Returns(parts, lambda: self._now())

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
        chosen = (client or f"{provider}-client")[:NAME_CHARS_MAX]
        redirect_uri = self.addresses.callback(tenant, chosen)
        registered = await self._client(plugin, chosen, provider)
        await self._parts.tokens.check_free(plugin, provider)
        document = Document(
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
            sealed = await seal_document(
                self._parts.vault, change.connection, tenant, flow_id, document
            )
            row = FlowRow(
                id=flow_id,
                tenant=tenant,
                state_digest=digest_of("ticket", ticket),
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
                state_digest=digest_of("state", state),
                browser_digest=digest_of("browser", browser),
            )
        if not begun:
            raise NotFound(OVER)
        return authorization_url(
            document.server,
            document.client_id,
            redirect_uri=row.redirect_uri,
            scopes=row.scopes,
            state=state,
            verifier=document.verifier,
        )

    async def finish(self, tenant: str, client: str, query: str, browser: str) -> ConnectedView:
        """Take what a provider had a browser bring back; see `Returns.finish`."""
        return await self._returns.finish(tenant, client, query, browser)

    async def waiting(self, plugin: Installed) -> dict[str, datetime]:
        """Return until when somebody may come back, by provider."""
        async with self._parts.database.reading() as connection:
            repository = FlowRepository(connection, plugin.tenant)
            found = await repository.of_plugin(plugin.id, self._now())
        return found | self._returns.waited_for(plugin)

    async def _client(self, plugin: Installed, name: str, provider: str) -> Registered:
        try:
            return await self._parts.clients.find(plugin.tenant, plugin.id, name)
        except NotFound as exc:
            raise no_client(name, provider) from exc

    async def _waiting(self, ticket: str) -> tuple[FlowRow, Document]:
        async with self._parts.database.reading() as connection:
            row = await find_flow(connection, digest_of("ticket", ticket))
        if row is None or row.expires_at <= self._now():
            raise NotFound(OVER)
        return row, await open_document(self._parts.vault, row)


def _origins(texts: Sequence[str]) -> tuple[str, ...]:
    if not texts:
        raise InvalidArguments(
            "Nothing says where the tokens may go: give `origins`, such as "
            "https://api.example.org/, or the OAuth client some.",
            path="origins",
        )
    return tuple(str(parse_binding(text)) for text in texts)


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
