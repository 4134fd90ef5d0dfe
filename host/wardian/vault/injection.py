"""Credentials put into requests, last of all: beside what the plugin set, and in place of nothing.

A request that has the header, the parameter or the member already is refused: of two, the receiver
might believe the plugin's.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import quote, quote_plus, unquote_plus

from wardian.crypto.digests import sha256_hex
from wardian.crypto.macs import hmac_sha256
from wardian.crypto.sigv4 import AwsRequest, signed_headers
from wardian.errors import InvalidArguments
from wardian.policy.outgoing import Injection, Outgoing
from wardian.policy.secret import Secret
from wardian.policy.urls import Url
from wardian.storage.rows import now
from wardian.vault.bodies import with_member
from wardian.vault.expiry import check_time
from wardian.vault.held import Held, Kind
from wardian.vault.placements import (
    InBasic,
    InBody,
    InHeader,
    InQuery,
    Placement,
    Signer,
    check_username,
    placement_of,
)
from wardian.vault.signing import OWN_HEADERS, aws_key, hmac_key
from wardian.vault.templates import filled

MAIN_SECRETS = {
    Kind.OPAQUE: "value",
    Kind.BASIC: "password",
    Kind.BEARER: "token",
    Kind.HMAC_KEY: "key",
    Kind.AWS: "secret_access_key",
    Kind.PRIVATE_KEY: "pem",
    Kind.OAUTH2_CLIENT: "client_secret",
    Kind.OAUTH2_TOKEN: "access_token",
}
"""The one secret that a credential of each kind is about."""

AUTHORIZATION = "authorization"

_VISIBLE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")
_SEPARATORS = re.compile("[&;]")


def injection_of(held: Held, clock: Callable[[], datetime] = now) -> Injection:
    """Return what puts a credential into requests.

    Raises:
        InvalidArguments: it has no place in one; says what to set.
        PermissionDenied: it has expired.
    """
    check_time(held, clock())
    placement = placement_of(held.kind, held.bound.placement)
    if isinstance(placement, Signer):
        return _Signed(held, placement, clock)
    return _Placed(held, placement)


@dataclass(frozen=True, slots=True)
class _Bound:
    """What every injection has in common."""

    held: Held

    @property
    def name(self) -> str:
        return self.held.name

    def covers(self, url: Url) -> bool:
        """A credential without origins goes nowhere."""
        return any(origin.covers(url) for origin in self.held.bound.origins)


@dataclass(frozen=True, slots=True)
class _Placed(_Bound):
    """The secret itself goes with the request."""

    placement: Placement

    @property
    def secrets(self) -> tuple[Secret, ...]:
        placement = self.placement
        made: tuple[Secret, ...] = ()
        if isinstance(placement, InHeader) and placement.prefix:
            made = (Secret(placement.prefix + self._secret()),)
        if isinstance(placement, InBasic):
            pair = self._pair(placement)
            made = Secret(pair), Secret(_basic(pair))
        return (*self.held.secrets.values(), *made)

    def apply(self, outgoing: Outgoing) -> Outgoing:
        placement = self.placement
        if isinstance(placement, InHeader):
            value = placement.prefix + self._secret()
            return _with_header(outgoing, placement.name.lower(), value, self.name)
        if isinstance(placement, InBasic):
            value = _basic(self._pair(placement))
            return _with_header(outgoing, AUTHORIZATION, value, self.name)
        if isinstance(placement, InQuery):
            return _with_parameter(outgoing, placement.name, self._secret())
        assert isinstance(placement, InBody)  # noqa: S101 -- signers are `_Signed`
        return replace(outgoing, body=with_member(outgoing.body, placement.pointer, self._secret()))

    def _secret(self) -> str:
        secret = self.held.secrets.get(MAIN_SECRETS[self.held.kind])
        if secret is None:
            raise InvalidArguments(f"The credential {self.name!r} has no secret to send.")
        return secret.reveal()

    def _pair(self, placement: InBasic) -> str:
        secret = self._secret()
        if self.held.kind is Kind.OAUTH2_CLIENT:
            # RFC 6749, section 2.3.1: each is encoded as in a form before they are joined.
            return f"{quote_plus(self.held.public['client_id'])}:{quote_plus(secret)}"
        username = placement.username
        if username is None:
            username = str(self.held.public["username"])
            check_username(username)
        return f"{username}:{secret}"


@dataclass(frozen=True, slots=True)
class _Signed(_Bound):
    """A signature goes with the request, and the secret stays here."""

    signer: Signer
    clock: Callable[[], datetime]

    @property
    def secrets(self) -> tuple[Secret, ...]:
        return tuple(self.held.secrets.values())

    def apply(self, outgoing: Outgoing) -> Outgoing:
        if self.signer.algorithm == "aws-sigv4":
            return self._signed_for_aws(outgoing)
        return self._authenticated(outgoing)

    def _signed_for_aws(self, outgoing: Outgoing) -> Outgoing:
        url = outgoing.url
        for name, _ in outgoing.headers:
            if name.lower() in OWN_HEADERS - {"host"}:
                raise _taken(f"header {name.lower()!r}")
        request = AwsRequest(
            method=outgoing.method,
            host=url.authority,
            path=url.path,
            query=url.query,
            headers=[each for each in outgoing.headers if _is_signed(each[0])],
            body_sha256=sha256_hex(outgoing.body or b""),
            region=self._fact("region", self.signer.region),
            service=self._fact("service", self.signer.service),
        )
        added = signed_headers(request, aws_key(self.held), self.clock())
        return replace(outgoing, headers=(*outgoing.headers, *added))

    def _fact(self, name: str, placed: str | None) -> str:
        found = placed or self.held.public.get(name)
        if not found:
            raise InvalidArguments(
                f"The credential {self.name!r} does not say for which {name} of AWS it signs: the "
                f"operator has to set its {name}."
            )
        return str(found)

    def _authenticated(self, outgoing: Outgoing) -> Outgoing:
        signer = self.signer
        assert signer.header is not None  # noqa: S101 -- checked with the placement
        timestamp = int(self.clock().timestamp())
        code = hmac_sha256(hmac_key(self.held), filled(signer.template, outgoing, timestamp))
        text = code.hex() if signer.encoding == "hex" else base64.b64encode(code).decode()
        if signer.timestamp_header is not None:
            header = signer.timestamp_header.lower()
            outgoing = _with_header(outgoing, header, str(timestamp), self.name)
        return _with_header(outgoing, signer.header.lower(), signer.prefix + text, self.name)


def _with_header(outgoing: Outgoing, name: str, value: str, credential: str) -> Outgoing:
    if any(each.lower() == name for each, _ in outgoing.headers):
        raise _taken(f"header {name!r}")
    if not _VISIBLE.fullmatch(value):
        raise InvalidArguments(
            f"The credential {credential!r} cannot go into a header: it has a line break, or "
            "another character that is not visible ASCII."
        )
    return replace(outgoing, headers=(*outgoing.headers, (name, value)))


def _with_parameter(outgoing: Outgoing, name: str, secret: str) -> Outgoing:
    query = outgoing.url.query
    for each in _SEPARATORS.split(query or ""):
        if unquote_plus(each.partition("=")[0]).strip().casefold() == name.casefold():
            raise _taken(f"query parameter {name!r}")
    added = f"{name}={quote(secret, safe='')}"
    return replace(
        outgoing, url=replace(outgoing.url, query=f"{query}&{added}" if query else added)
    )


def _is_signed(name: str) -> bool:
    # No others: what is on the way may change them, and the signature would not hold.
    return name.startswith("x-amz-") or name == "content-type"


def _basic(pair: str) -> str:
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


def _taken(what: str) -> InvalidArguments:
    return InvalidArguments(
        f"The request has a {what} already, which the credential sets: leave it out."
    )
