"""Connections as operators and browsers see them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import msgspec

State = Literal["connected", "broken", "expired", "not-connected"]


class StartedView(msgspec.Struct, frozen=True, kw_only=True):
    """A flow that somebody has to go through in a browser.

    Attributes:
        authorize_url: to be opened in the browser of whoever consents; it works once.
        expires_at: until then.
        redirect_uri: what the provider must know as this client's.
    """

    authorize_url: str
    expires_at: datetime
    redirect_uri: str


class ConnectionView(msgspec.Struct, frozen=True, kw_only=True):
    """One provider that a plugin names, and the connection to it.

    Attributes:
        state: ``expired`` has an access token that is over and cannot be renewed.
        credential: what the plugin calls the connection in its requests.
        client: the credential that is the OAuth client, or would be.
        client_exists: whether there is one.
        scopes: what the manifest asks for.
        granted, missing, extra: what the provider granted, and how that differs.
        origins: where the tokens may go.
        valid_until: of the access token; None if the provider does not say.
        renewed: whether the host gets a new one before that.
        obtained_at: of the access token.
        fault: why the connection does not work any more, and what to do.
        waiting_until: somebody may come back from the provider until then.
        redirect_uri: what the provider must know as this client's; None without a public address.
        authorization_url, token_url: of the client; None where its issuer says.
        manifest_authorization_url, manifest_token_url: what the manifest names; nothing is sent
            there because of that.
    """

    provider: str
    state: State
    credential: str
    client: str
    client_exists: bool
    scopes: list[str]
    granted: list[str] = []
    missing: list[str] = []
    extra: list[str] = []
    origins: list[str] = []
    valid_until: datetime | None = None
    renewed: bool = False
    obtained_at: datetime | None = None
    connected_at: datetime | None = None
    connected_by: str | None = None
    fault: str | None = None
    waiting_until: datetime | None = None
    redirect_uri: str | None = None
    authorization_url: str | None = None
    token_url: str | None = None
    manifest_authorization_url: str | None = None
    manifest_token_url: str | None = None


class DisconnectedView(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a connection that was ended.

    Attributes:
        revoked: whether the provider confirmed that the tokens are worth nothing now.
        detail: why not, if it did not.
    """

    provider: str
    revoked: bool
    detail: str


class ConnectedView(msgspec.Struct, frozen=True, kw_only=True):
    """A connection that was made just now."""

    plugin: str
    provider: str
    granted: list[str]
    missing: list[str]
    extra: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """What whoever opens a flow's address is asked to agree to.

    Attributes:
        host: of the provider, where they are sent next.
        origins: where the tokens may go.
    """

    tenant: str
    plugin: str
    provider: str
    host: str
    scopes: tuple[str, ...]
    origins: tuple[str, ...]
    started_by: str
