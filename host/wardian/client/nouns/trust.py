"""Whom the tenant trusts, and what was revoked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from wardian.client.answers import json_of, page_of
from wardian.client.binding import Noun, S, operation
from wardian.client.models import Page, Publisher, Revocation, TrustPolicy
from wardian.client.operations import Operation, at, delete, get, given, post, put


class Publishers(Noun[S]):
    """Those whose packages the tenant trusts.

    What a publisher signed, a rotation or a list of revocations, is sent as it is: as ``bytes``.
    """

    @operation
    def list(
        self, *, limit: int | None = None, cursor: str | None = None
    ) -> Operation[Page[Publisher]]:
        """List the publishers, with their keys."""
        return get("/publishers", page_of(Publisher), limit=limit, cursor=cursor)

    @operation
    def add(
        self, name: str, plugins: Sequence[str], *, keys: Sequence[str] = ()
    ) -> Operation[Publisher]:
        """Trust somebody to sign plugins of these names, with these public keys."""
        body = {"name": name, "plugins": plugins, "keys": keys}
        return post("/publishers", json_of(Publisher), body)

    @operation
    def get(self, name: str) -> Operation[Publisher]:
        """Show one publisher."""
        return get(at("/publishers/{}", name), json_of(Publisher))

    @operation
    def remove(self, name: str, *, if_match: str | None = None) -> Operation[None]:
        """Trust a publisher no more."""
        return delete(at("/publishers/{}", name)).matching(if_match)

    @operation
    def add_key(
        self, name: str, public_key: str, *, if_match: str | None = None
    ) -> Operation[Publisher]:
        """Trust one more key of a publisher's."""
        body = {"public_key": public_key}
        return post(at("/publishers/{}/keys", name), json_of(Publisher), body).matching(if_match)

    @operation
    def retire_key(
        self, name: str, key_id: str, *, reason: str = "", if_match: str | None = None
    ) -> Operation[Publisher]:
        """Trust what a key has signed, and nothing that it signs from now on."""
        body = {"reason": reason}
        return post(
            at("/publishers/{}/keys/{}/retire", name, key_id), json_of(Publisher), body
        ).matching(if_match)

    @operation
    def revoke_key(
        self, name: str, key_id: str, *, reason: str = "", if_match: str | None = None
    ) -> Operation[Publisher]:
        """Trust nothing that a key has ever signed."""
        body = {"reason": reason}
        return post(
            at("/publishers/{}/keys/{}/revoke", name, key_id), json_of(Publisher), body
        ).matching(if_match)

    @operation
    def rotate(
        self, name: str, signed: bytes, *, if_match: str | None = None
    ) -> Operation[Publisher]:
        """Take a publisher's own signed word on which key takes the place of which."""
        return (
            post(at("/publishers/{}/rotate", name), json_of(Publisher))
            .with_signed(signed)
            .matching(if_match)
        )

    @operation
    def take_revocations(
        self, name: str, signed: bytes, *, if_match: str | None = None
    ) -> Operation[Publisher]:
        """Take a publisher's own signed list of what is revoked."""
        asked = put(at("/publishers/{}/revocations", name), json_of(Publisher), None)
        return asked.with_signed(signed).once_only().matching(if_match)


class Trust(Noun[S]):
    """The tenant's policy, and what its operator revoked."""

    @operation
    def policy(self) -> Operation[TrustPolicy]:
        """Show what the tenant does about unsigned packages and expired lists."""
        return get("/trust/policy", json_of(TrustPolicy))

    @operation
    def set_policy(
        self,
        *,
        unsigned: Literal["allow", "warn", "refuse"] | None = None,
        stale: Literal["warn", "refuse"] | None = None,
        if_match: str | None = None,
    ) -> Operation[TrustPolicy]:
        """Change what is given of the policy."""
        body = given(unsigned=unsigned, stale=stale)
        return put("/trust/policy", json_of(TrustPolicy), body).matching(if_match)

    @operation
    def revocations(
        self, *, limit: int | None = None, cursor: str | None = None
    ) -> Operation[Page[Revocation]]:
        """List what the operator revoked."""
        return get("/revocations", page_of(Revocation), limit=limit, cursor=cursor)

    @operation
    def revoke(
        self,
        reason: str,
        *,
        sha256: str | None = None,
        name: str | None = None,
        versions: str | None = None,
    ) -> Operation[Revocation]:
        """Revoke a package by its digest, or versions of a plugin by its name."""
        body = {"reason": reason, **given(sha256=sha256, name=name, versions=versions)}
        return post("/revocations", json_of(Revocation), body)

    @operation
    def unrevoke(self, revocation_id: str) -> Operation[None]:
        """Take a revocation back."""
        return delete(at("/revocations/{}", revocation_id))
