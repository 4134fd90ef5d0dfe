"""Signatures by credentials: what is signed comes from a plugin, the key stays here.

A credential that is bound to origins goes nowhere else, in any form. A text and a token name no
destination, so nobody could tell where their signatures go: they are made by credentials that are
bound to none. A request to AWS names one, and it has to be bound there.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from wardian.crypto.digests import is_sha256_hex
from wardian.crypto.jwt import SigningKey
from wardian.crypto.macs import hmac_sha256
from wardian.crypto.sigv4 import CONTENT, DATE, TOKEN, AwsKey, AwsRequest, signed_headers
from wardian.errors import InvalidArguments, PermissionDenied
from wardian.policy.urls import Url, parse_url
from wardian.vault.claims import fixed_claims, parse_claims
from wardian.vault.expiry import check_time
from wardian.vault.held import Held, Kind

TEXT_BYTES_MAX = 1024 * 1024
HEADERS_MAX = 50
HEADERS_BYTES_MAX = 16 * 1024

OWN_HEADERS = frozenset(("host", "authorization", DATE, CONTENT, TOKEN))
"""What signing a request to AWS adds; nobody else sets it."""

_METHOD = re.compile(r"[A-Z]{1,20}")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]{1,128}")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e]*")
_PLACE = re.compile(r"[a-z0-9-]{1,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsCall:
    """A request that a plugin wants to have signed, before anything of it was checked.

    Attributes:
        headers: to be signed beside those that the algorithm demands.
    """

    method: str
    url: str
    headers: Sequence[tuple[str, str]] = ()
    body_sha256: str
    region: str
    service: str


def sign_text(held: Held, text: str, at: datetime) -> str:
    """Return the HMAC-SHA256 of a text in lower-case hexadecimal.

    Raises:
        InvalidArguments: the credential is no HMAC key, or the text too long.
        PermissionDenied: it is bound to origins, or has expired.
    """
    _check(held, Kind.HMAC_KEY, "hmac-sha256", at)
    _check_unbound(held, "a text")
    try:
        message = text.encode()
    except UnicodeEncodeError as exc:
        raise InvalidArguments("The text has a lone surrogate, which is no text.") from exc
    if len(message) > TEXT_BYTES_MAX:
        raise InvalidArguments(f"A text to sign has at most {TEXT_BYTES_MAX} bytes.")
    return hmac_sha256(hmac_key(held), message).hex()


def sign_claims(held: Held, text: str, at: datetime) -> str:
    """Return a JSON Web Token with these claims; see `wardian.vault.claims`.

    Raises:
        InvalidArguments: the credential is no private key, or these are no claims.
        PermissionDenied: the credential does not allow such a token, or has expired.
    """
    _check(held, Kind.PRIVATE_KEY, "jwt", at)
    _check_unbound(held, "a token")
    claims = fixed_claims(parse_claims(text), held.public, at)
    key = SigningKey.parse(held.secrets["pem"].reveal())
    return key.token(claims, key_id=held.public.get("key_id"))


def sign_aws(held: Held, call: AwsCall, at: datetime) -> list[tuple[str, str]]:
    """Return the headers that sign a request to AWS.

    Raises:
        InvalidArguments: the credential is none of AWS, or this is no such request.
        PermissionDenied: it is not bound to where the request goes, or has expired.
    """
    _check(held, Kind.AWS, "aws-sigv4", at)
    url = _checked(call)
    if not any(origin.covers(url) for origin in held.bound.origins):
        raise PermissionDenied(
            f"The credential {held.name!r} is not bound to {url.origin}{url.path[:200]}: its "
            "origins say where it may go."
        )
    for fact, wanted in (("region", call.region), ("service", call.service)):
        if held.public.get(fact, wanted) != wanted:
            raise PermissionDenied(
                f"The credential {held.name!r} signs for the {fact} {held.public[fact]!r} only."
            )
    return signed_headers(
        AwsRequest(
            method=call.method,
            host=url.authority,
            path=url.path,
            query=url.query,
            headers=call.headers,
            body_sha256=call.body_sha256,
            region=call.region,
            service=call.service,
        ),
        aws_key(held),
        at,
    )


def aws_key(held: Held) -> AwsKey:
    """Return the keys of a credential of this kind."""
    token = held.secrets.get("session_token")
    return AwsKey(
        access_key_id=held.public["access_key_id"],
        secret_access_key=held.secrets["secret_access_key"].reveal(),
        session_token=None if token is None else token.reveal(),
    )


def hmac_key(held: Held) -> bytes:
    """Return the bytes of an HMAC key, which is written in one of three ways.

    Raises:
        InvalidArguments: it is not written so; nothing of it is quoted.
    """
    text, encoding = held.secrets["key"].reveal(), held.public.get("encoding", "text")
    try:
        if encoding == "base64":
            return base64.b64decode(text, validate=True)
        return bytes.fromhex(text) if encoding == "hex" else text.encode()
    except (binascii.Error, ValueError):
        raise InvalidArguments(
            f"The key of the credential {held.name!r} is not written in {encoding}: the operator "
            "has to set it anew."
        ) from None


def _check(held: Held, kind: Kind, operation: str, at: datetime) -> None:
    if held.kind is not kind:
        raise InvalidArguments(
            f"The credential {held.name!r} is of the kind {held.kind}; {operation} takes one of "
            f"the kind {kind}."
        )
    check_time(held, at)


def _check_unbound(held: Held, what: str) -> None:
    if held.bound.origins:
        raise PermissionDenied(
            f"The credential {held.name!r} is bound to origins and signs requests to these only: "
            f"{what} could go anywhere. The operator can set another without origins."
        )


def _checked(call: AwsCall) -> Url:
    if not _METHOD.fullmatch(call.method):
        raise InvalidArguments("The method is written in capital letters.")
    if not is_sha256_hex(call.body_sha256):
        raise InvalidArguments("body-sha256 is 64 digits in lower-case hexadecimal.")
    for what, text in (("region", call.region), ("service", call.service)):
        if not _PLACE.fullmatch(text):
            raise InvalidArguments(f"This is no {what} of AWS: {text[:64]!r}.")
    _check_headers(call.headers)
    return parse_url(call.url)


def _check_headers(headers: Sequence[tuple[str, str]]) -> None:
    size = sum(len(name) + len(value) for name, value in headers)
    if len(headers) > HEADERS_MAX or size > HEADERS_BYTES_MAX:
        raise InvalidArguments(
            f"At most {HEADERS_MAX} headers of {HEADERS_BYTES_MAX} bytes are signed."
        )
    for name, value in headers:
        if not _HEADER_NAME.fullmatch(name):
            raise InvalidArguments(f"{name[:64]!r} is no name of a header in lower case.")
        if name in OWN_HEADERS:
            raise InvalidArguments(f"The header {name!r} is set by signing.")
        if not _HEADER_VALUE.fullmatch(value):
            raise InvalidArguments(f"The header {name!r} has characters that no header may have.")
