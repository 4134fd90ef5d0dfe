"""Credentials, the vault that keeps them, and connections to OAuth providers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypedDict, Unpack

from wardian.client.answers import json_of, page_of
from wardian.client.binding import Noun, S, operation
from wardian.client.models import (
    Connection,
    Credential,
    Disconnected,
    Page,
    Rekeyed,
    Rotated,
    Started,
    VaultState,
)
from wardian.client.operations import Operation, at, delete, get, given, post, put


class CredentialTerms(TypedDict, total=False):
    """What there is to say of a credential beside its value.

    Attributes:
        origins: where it may go; nowhere else.
        placement: how it is put into a request, if not in the way that is usual for its kind.
        expires_at: with its time zone.
        rotate_days: how old a value of it should get.
    """

    origins: Sequence[str]
    placement: Mapping[str, Any]
    expires_at: datetime
    rotate_days: int
    description: str


class Credentials(Noun[S]):
    """Credentials: values go in and never come out."""

    @operation
    def list(
        self, plugin: str | None = None, *, limit: int | None = None, cursor: str | None = None
    ) -> Operation[Page[Credential]]:
        """List the tenant's credentials, or those that are one plugin's own."""
        return get("/credentials", page_of(Credential), plugin=plugin, limit=limit, cursor=cursor)

    @operation
    def get(self, name: str, *, plugin: str | None = None) -> Operation[Credential]:
        """Show one, without its value; ``plugin`` says whose own it is."""
        return get(at("/credentials/{}", name), json_of(Credential), plugin=plugin)

    @operation
    def add(
        self,
        name: str,
        kind: str,
        fields: Mapping[str, str | Sequence[str]],
        *,
        plugin: str | None = None,
        **terms: Unpack[CredentialTerms],
    ) -> Operation[Credential]:
        """Add one, of the plugin, or of the tenant so that its plugins share it."""
        body = {"name": name, "kind": kind, "fields": fields, **terms, **given(plugin=plugin)}
        return post("/credentials", json_of(Credential), body)

    @operation
    def replace(
        self,
        name: str,
        kind: str,
        fields: Mapping[str, str | Sequence[str]],
        *,
        plugin: str | None = None,
        if_match: str | None = None,
        **terms: Unpack[CredentialTerms],
    ) -> Operation[Credential]:
        """Give one a new value, and all else that is said of it anew."""
        body = {"kind": kind, "fields": fields, **terms}
        asked = put(at("/credentials/{}", name), json_of(Credential), body, plugin=plugin)
        # Each new value counts its version up.
        return asked.once_only().matching(if_match)

    @operation
    def remove(
        self, name: str, *, plugin: str | None = None, if_match: str | None = None
    ) -> Operation[None]:
        """Remove one; calls that use it are refused from then on."""
        return delete(at("/credentials/{}", name), plugin=plugin).matching(if_match)


class Vault(Noun[S]):
    """The vault that seals credentials."""

    @operation
    def get(self) -> Operation[VaultState]:
        """Show how the vault stands for the tenant."""
        return get("/vault", json_of(VaultState))

    @operation
    def open(self) -> Operation[VaultState]:
        """Try again to open a vault that is sealed."""
        return post("/vault/open", json_of(VaultState))

    @operation
    def rotate(self) -> Operation[Rotated]:
        """Seal everything of the tenant's with a new data key."""
        return post("/vault/rotate", json_of(Rotated))

    @operation
    def rekey(self) -> Operation[Rekeyed]:
        """Wrap every data key of the host's with its present root key."""
        return post("/vault/rekey", json_of(Rekeyed))


class OAuth(Noun[S]):
    """Connections of plugins to OAuth providers."""

    @operation
    def list(
        self, plugin: str, *, limit: int | None = None, cursor: str | None = None
    ) -> Operation[Page[Connection]]:
        """List the providers that a plugin names, and how their connections stand."""
        return get(at("/plugins/{}/oauth", plugin), page_of(Connection), limit=limit, cursor=cursor)

    @operation
    def start(
        self,
        plugin: str,
        provider: str,
        *,
        client: str | None = None,
        origins: Sequence[str] = (),
        accept_fewer: bool = False,
    ) -> Operation[Started]:
        """Begin a connection: somebody opens ``authorize_url`` in a browser.

        ``client`` is the credential that is the OAuth client, ``origins`` are where tokens may go,
        and ``accept_fewer`` takes a connection that was granted less than was asked for.
        """
        body = {"origins": origins, "accept_fewer": accept_fewer, **given(client=client)}
        return post(at("/plugins/{}/oauth/{}/start", plugin, provider), json_of(Started), body)

    @operation
    def disconnect(self, plugin: str, provider: str) -> Operation[Disconnected]:
        """End a connection, and have the provider revoke its tokens."""
        return delete(at("/plugins/{}/oauth/{}", plugin, provider), json_of(Disconnected))
