"""Connections of plugins to providers: shown, kept fresh in the background, and ended."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from wardian.errors import InvalidArguments, NotFound, WardianError
from wardian.oauth import PROVIDERS
from wardian.plugins import Installed, Registry
from wardian.plugins.tables import OAuth
from wardian.runtime.journal import Journal
from wardian.runtime.oauth.clients import Clients, Exchanges, revoke
from wardian.runtime.oauth.flows import Flows
from wardian.runtime.oauth.records import Record, difference, record_of
from wardian.runtime.oauth.refreshing import Refreshing, RefreshParts
from wardian.runtime.oauth.tokens import TokenStore
from wardian.runtime.oauth.views import ConnectionView, DisconnectedView, State
from wardian.runtime.whole import wholly
from wardian.storage.oauth import FlowRepository
from wardian.tenants import Tenants
from wardian.vault import CredentialView, Held, Kind, Vault

ROUND_SECONDS = 30.0
"""How often connections are looked through for tokens that are about to end."""

_log = logging.getLogger("wardian.oauth")


class Connections:
    """The connections of every tenant."""

    def __init__(self, parts: RefreshParts, flows: Flows, refreshing: Refreshing) -> None:
        self._registry: Registry = parts.registry
        self._journal: Journal = parts.journal
        self._vault: Vault = parts.vault
        self._clients: Clients = parts.clients
        self._exchanges: Exchanges = parts.exchanges
        self._tokens: TokenStore = parts.tokens
        self._flows = flows
        self._refreshing = refreshing

    async def fresh(self, held: Held) -> Held:
        """Return a credential that can be used now; see `Refreshing.fresh`.

        Raises:
            Unavailable
        """
        return await self._refreshing.fresh(held)

    async def list(self, name: str, *, tenant: str = "default") -> list[ConnectionView]:
        """Return every provider that a plugin's manifest names, and how it is connected.

        Raises:
            NotFound: no such plugin.
        """
        plugin = await self._registry.get(tenant, name)
        views = await self._vault.list(tenant)
        kept = {view.name: view for view in views if view.plugin is None}
        kept |= {view.name: view for view in views if view.plugin == name}
        waiting = await self._flows.waiting(plugin)
        return [
            self._view(plugin, asked, kept, waiting.get(asked.provider))
            for asked in plugin.manifest.oauth
        ]

    @wholly
    async def disconnect(
        self, name: str, provider: str, *, tenant: str = "default", actor: str = "host"
    ) -> DisconnectedView:
        """Have a connection's tokens revoked, if the provider can, and forget them in any case.

        Flows for it end, too. It works for a provider that the manifest names no more.

        Raises:
            NotFound: no such plugin, or neither a connection nor a flow.
        """
        plugin = await self._registry.get(tenant, name)
        there = await self._tokens.check_free(plugin, provider)
        waiting = provider in await self._flows.waiting(plugin)
        if there is None and not waiting:
            raise NotFound(f"{name} is not connected to {provider[:80]!r}.")
        detail = "There was no connection yet." if there is None else ""
        if there is not None:
            detail = await self._revoked(plugin, provider)
            await self._vault.remove(tenant, owner=plugin.id, name=provider, actor=actor)
        revoked = there is not None and not detail
        async with self._journal.change(tenant, actor) as change:
            await FlowRepository(change.connection, tenant).remove_of(plugin.id, provider)
            told = {"provider": provider, "revoked": revoked}
            await change.note("oauth-disconnected", name, told)
        return DisconnectedView(provider=provider, revoked=revoked, detail=detail)

    @asynccontextmanager
    async def kept(self, tenants: Tenants, seconds: float = ROUND_SECONDS) -> AsyncIterator[None]:
        """Renew what is about to end while this is open, and write down what is under way."""
        task = asyncio.create_task(self._keep(tenants, seconds), name="wardian-oauth")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await self._refreshing.settled()

    async def renew_due(self, tenant: str) -> None:
        """Begin to renew all tokens of a tenant that are about to end."""
        plugins = {plugin.name: plugin for plugin in await self._registry.all(tenant)}
        for view in await self._vault.list(tenant):
            plugin = plugins.get(view.plugin or "")
            if plugin is None or not _may_be_due(view, self._refreshing.moment()):
                continue
            try:
                self._refreshing.renew(await self._vault.find(tenant, plugin.id, view.name))
            except WardianError as error:  # it was ended meanwhile, or is damaged: others go on
                _log.debug("%s of %s was not renewed: %s", view.name, plugin.name, error.message)

    async def _keep(self, tenants: Tenants, seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds)
            try:
                for tenant in await tenants.list():
                    await self.renew_due(tenant.name)
            except WardianError as error:
                _log.warning("Connections were not looked through: %s", error.message)

    async def _revoked(self, plugin: Installed, provider: str) -> str:
        """Have a connection's tokens revoked; return why they were not, or nothing."""
        try:
            held = await self._vault.find(plugin.tenant, plugin.id, provider)
            record = record_of(held.public)
            if record is None:
                return "An operator brought this token."
            registered = await self._clients.find(plugin.tenant, plugin.id, record.client)
            if registered.server.token_url != record.token_url:
                return "The OAuth client names another server than the tokens came from."
            await revoke(self._exchanges(plugin.tenant), registered, held.secrets)
        except WardianError as error:
            return error.message
        return ""

    def _view(
        self,
        plugin: Installed,
        asked: OAuth,
        kept: Mapping[str, CredentialView],
        waiting_until: datetime | None,
    ) -> ConnectionView:
        token = kept.get(asked.provider)
        if token is not None and (token.kind != Kind.OAUTH2_TOKEN or token.plugin is None):
            token = None
        record = None if token is None else record_of(token.public)
        name = f"{asked.provider}-client" if record is None else record.client
        client = kept.get(name)
        known: dict[str, Any] = {}
        if token is not None and record is not None:
            known = _known_of(asked, token, record)
        return ConnectionView(
            provider=asked.provider,
            state=_state(token, record),
            credential=asked.provider,
            client=name,
            client_exists=client is not None and client.kind == Kind.OAUTH2_CLIENT,
            scopes=list(asked.scopes),
            waiting_until=waiting_until,
            redirect_uri=self._redirect_uri(plugin.tenant, name),
            manifest_authorization_url=asked.authorize_url,
            manifest_token_url=asked.token_url,
            **_addresses_of(client),
            **known,
        )

    def _redirect_uri(self, tenant: str, client: str) -> str | None:
        try:
            return self._flows.addresses.callback(tenant, client)
        except InvalidArguments:
            return None


def _may_be_due(view: CredentialView, moment: datetime) -> bool:
    record = record_of(view.public) if view.kind == Kind.OAUTH2_TOKEN else None
    if record is None or record.fault is not None or view.expires_at is not None:
        return False
    return record.may_be_due(moment)


def _state(token: CredentialView | None, record: Record | None) -> State:
    if token is None:
        return "not-connected"
    if record is not None and record.fault is not None:
        return "broken"
    return "expired" if token.standing == "expired" else "connected"


def _known_of(asked: OAuth, token: CredentialView, record: Record) -> dict[str, Any]:
    missing, extra = difference(asked.scopes, record.scopes)
    return {
        "granted": list(record.scopes),
        "missing": missing,
        "extra": extra,
        "origins": token.origins,
        "valid_until": record.valid_until,
        "renewed": record.valid_until is not None and token.expires_at is None,
        "obtained_at": record.obtained_at,
        "connected_at": record.connected_at,
        "connected_by": record.connected_by,
        "fault": record.fault,
    }


def _addresses_of(client: CredentialView | None) -> dict[str, Any]:
    public = {} if client is None else client.public
    known = PROVIDERS.get(public.get("provider", ""))
    if known is not None:
        return {"authorization_url": known.authorize_url, "token_url": known.token_url}
    return {name: public.get(name) for name in ("authorization_url", "token_url")}
