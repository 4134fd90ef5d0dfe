"""Credentials, the vault that keeps them, and connections to OAuth providers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from wardian.client.models.pages import Tagged


class Credential(Tagged, frozen=True, kw_only=True):
    """A credential without its secrets.

    Attributes:
        plugin: whose it is; None if it is any plugin's of the tenant.
        public: what of it is no secret, by the kind.
        fields: the names of its fields, the secret ones too.
        version: counts up with each new value.
        standing: whether something is to be done about it; `warnings` say what: `broken`,
            `expired`, `expires-soon`, `ok` or `rotation-due`.
    """

    name: str
    plugin: str | None
    kind: str
    description: str
    public: dict[str, Any]
    origins: list[str]
    placement: dict[str, Any] | None
    version: int
    standing: str
    warnings: list[str]
    expires_at: datetime | None
    rotate_days: int | None
    rotated_at: datetime
    created_at: datetime
    created_by: str
    updated_at: datetime
    updated_by: str
    last_used_at: datetime | None


class DataKey(msgspec.Struct, frozen=True, kw_only=True):
    """One of a tenant's data keys.

    Attributes:
        state: ``active`` seals and opens, ``retired`` only opens.
        root_key: the id of the root key that wraps it.
        sealings: how often it has encrypted.
    """

    number: int
    state: str
    root_key: str
    sealings: int
    created_at: datetime


class VaultState(msgspec.Struct, frozen=True, kw_only=True):
    """How the vault stands for a tenant.

    Attributes:
        reason: why it is sealed, and what to do; empty while it is open.
        root_key: the id of the root key that wraps data keys now; None while sealed.
        to_reseal: credentials that an older data key has sealed.
        to_rewrap: data keys that another root key wraps.
    """

    sealed: bool
    reason: str
    root_key: str | None
    credentials: int
    keys: list[DataKey]
    to_reseal: int
    to_rewrap: int


class Rotated(msgspec.Struct, frozen=True, kw_only=True):
    """What a rotation did.

    Attributes:
        key: the number of the data key that seals now.
        resealed: credentials that it has sealed anew.
        dropped: old data keys that nothing is sealed with any more.
        damaged: the names of credentials, and the ids of endpoints, that could not be opened;
            they keep their old key.
        resumed: whether this ended a rotation that was cut short before.
    """

    key: int
    resealed: int
    dropped: int
    damaged: list[str]
    resumed: bool


class Rekeyed(msgspec.Struct, frozen=True, kw_only=True):
    """What a change of the root key did.

    Attributes:
        root_key: the id of the root key that wraps every data key now.
        rewrapped: data keys, of all tenants.
        damaged: tenants with a data key that no root key opens; it stays as it is.
        resumed: whether this ended one that was cut short, or took a key that was given
            already.
    """

    root_key: str
    rewrapped: int
    damaged: list[str]
    resumed: bool


class Connection(msgspec.Struct, frozen=True, kw_only=True):
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
        redirect_uri: what the provider must know as this client's; None without a public
            address.
        authorization_url, token_url: of the client; None where its issuer says.
        manifest_authorization_url, manifest_token_url: what the manifest names; nothing is
            sent there because of that.
    """

    provider: str
    state: str
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


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """A flow that somebody has to go through in a browser.

    Attributes:
        authorize_url: to be opened in the browser of whoever consents; it works once.
        expires_at: until then.
        redirect_uri: what the provider must know as this client's.
    """

    authorize_url: str
    expires_at: datetime
    redirect_uri: str


class Disconnected(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a connection that was ended.

    Attributes:
        revoked: whether the provider confirmed that the tokens are worth nothing now.
        detail: why not, if it did not.
    """

    provider: str
    revoked: bool
    detail: str
