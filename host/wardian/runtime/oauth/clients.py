"""OAuth clients: credentials of an operator, which alone say to whom secrets are sent.

A plugin's manifest may name a provider and addresses. Those are shown and go nowhere: a stranger
must not direct an operator's client secret to a server of their own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from wardian.errors import InvalidArguments, NotFound
from wardian.oauth import PROVIDERS, AuthMethod, Client, Provider, Server, TokenExchange, server_of
from wardian.oauth.servers import known_server
from wardian.policy.secret import Secret
from wardian.vault import Held, Kind, Vault

KNOWN_SECONDS = 3600.0
"""How long what an issuer says about itself is taken to hold."""

Exchanges = Callable[[str], TokenExchange]
"""Returns the exchange through which a tenant's requests go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """A client with the server that it is registered with.

    Attributes:
        id, name, version: of its credential.
        origins: where the tokens that it gets may go.
    """

    id: str
    name: str
    version: int
    client: Client
    server: Server
    origins: tuple[str, ...]


class Clients:
    """The OAuth clients of every tenant."""

    def __init__(
        self,
        vault: Vault,
        exchanges: Exchanges,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._vault = vault
        self._exchanges = exchanges
        self._clock = clock
        self._discovered: dict[str, tuple[Server, float]] = {}

    async def find(self, tenant: str, plugin_id: str, name: str) -> Registered:
        """Return the client of this name that a plugin may use: its own, or else the tenant's.

        Raises:
            NotFound: there is no such credential.
            InvalidArguments: it is no OAuth client, or does not say where its server is.
            Unavailable: its server does not say where it takes requests.
        """
        held = await self._vault.find(tenant, plugin_id, name)
        if held.kind is not Kind.OAUTH2_CLIENT:
            raise InvalidArguments(
                f"The credential {name!r} is of the kind {held.kind} and not {Kind.OAUTH2_CLIENT}.",
                path="client",
            )
        known = known_provider(held.public)
        origins = tuple(str(origin) for origin in held.bound.origins)
        return Registered(
            id=held.id,
            name=name,
            version=held.version,
            client=_client(held, known),
            server=await self._server(tenant, held.public, known),
            origins=origins or (() if known is None else known.origins),
        )

    async def _server(
        self, tenant: str, public: Mapping[str, Any], known: Provider | None
    ) -> Server:
        if known is not None:
            return known_server(known)
        given = [public.get("authorization_url"), public.get("token_url")]
        issuer = public.get("issuer")
        if all(given):
            return server_of(
                authorize_url=str(given[0]),
                token_url=str(given[1]),
                issuer=issuer,
                revocation_url=public.get("revocation_url"),
            )
        if any(given) or issuer is None:
            raise InvalidArguments(
                "The OAuth client does not say where its provider is: it takes the fields "
                "authorization_url and token_url, or issuer, or else provider: "
                f"{', '.join(PROVIDERS)}.",
                path="client",
            )
        found = await self._discover(tenant, issuer)
        return replace(found, revocation_url=public.get("revocation_url") or found.revocation_url)

    async def _discover(self, tenant: str, issuer: str) -> Server:
        known = self._discovered.get(issuer)
        if known is not None and self._clock() < known[1]:
            return known[0]
        # Checked here, because it is the first address that is asked.
        server_of(authorize_url=issuer, token_url=issuer, issuer=issuer)
        found = await self._exchanges(tenant).discover(issuer)
        moment = self._clock()
        held = {each: known for each, known in self._discovered.items() if moment < known[1]}
        self._discovered = held | {issuer: (found, moment + KNOWN_SECONDS)}
        return found


def known_provider(public: Mapping[str, Any]) -> Provider | None:
    """Return the known provider that a client names.

    Raises:
        InvalidArguments: it names one that the host does not know, or addresses beside it.
    """
    name = public.get("provider")
    if name is None:
        return None
    if name not in PROVIDERS:
        raise InvalidArguments(
            f"This host does not know a provider {name!r}; it knows {', '.join(PROVIDERS)}. Give "
            "the OAuth client the fields authorization_url and token_url, or issuer.",
            path="client",
        )
    if public.keys() & {"authorization_url", "token_url", "issuer", "revocation_url"}:
        raise InvalidArguments(
            "The OAuth client names a known provider and addresses beside it: one or the other.",
            path="client",
        )
    return PROVIDERS[name]


def no_client(name: str, provider: str) -> NotFound:
    """Say how to make the client that is missing."""
    field = f"provider={provider} " if provider in PROVIDERS else "authorization_url=… token_url=… "
    return NotFound(
        f"There is no credential {name!r}, which would be the OAuth client: register this host "
        f"with the provider, then make one of the kind {Kind.OAUTH2_CLIENT} with the fields "
        f"{field}client_id=… client_secret=…, or name another with `client`."
    )


async def revoke(
    exchange: TokenExchange, registered: Registered, secrets: Mapping[str, Secret]
) -> None:
    """Have the tokens of a connection revoked; the refresh token takes the others with it.

    Raises:
        Unavailable: they were not.
    """
    hint = "refresh_token" if "refresh_token" in secrets else "access_token"
    await exchange.revoke(registered.server, registered.client, secrets[hint], hint)


def _client(held: Held, known: Provider | None) -> Client:
    secret = held.secrets.get("client_secret")
    usual = AuthMethod.BASIC.value if known is None else known.auth_method
    method = AuthMethod(held.public.get("auth_method", usual))
    return Client(
        client_id=held.public["client_id"],
        secret=secret,
        auth_method=AuthMethod.NONE if secret is None else method,
    )
