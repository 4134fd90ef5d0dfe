"""AWS Signature Version 4, in the headers of a request.

From AWS's "Create a signed AWS API request" (Signature Version 4 signing process), and for S3
"Authenticating Requests: Using the Authorization Header".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import quote, unquote_to_bytes

from wardian.crypto.digests import sha256_hex
from wardian.crypto.macs import hmac_sha256
from wardian.errors import InvalidArguments

ALGORITHM = "AWS4-HMAC-SHA256"

DATE = "x-amz-date"
TOKEN = "x-amz-security-token"  # noqa: S105 -- the name of a header
CONTENT = "x-amz-content-sha256"

_SLASHES = re.compile("/{2,}")
_SPACES = re.compile(" +")


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsKey:
    """Credentials of an AWS account; the secret ones are not in their text."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsRequest:
    """What is signed of a request, as it is sent.

    Attributes:
        host: with its port where it is not the scheme's own, as in the header ``host``.
        path, query: percent-encoded; the query without its question mark.
        headers: to be signed beside those that the algorithm demands; names in lower case.
        body_sha256: in lower-case hexadecimal.
    """

    method: str
    host: str
    path: str
    query: str | None = None
    headers: Sequence[tuple[str, str]] = ()
    body_sha256: str
    region: str
    service: str


def signed_headers(
    request: AwsRequest, key: AwsKey, at: datetime, *, content: bool = True
) -> list[tuple[str, str]]:
    """Return the headers that sign a request, to be added to it.

    Args:
        at: the moment, in UTC; AWS takes the request for some minutes around it.
        content: whether ``x-amz-content-sha256`` is among them, as S3 demands and all others take.

    Raises:
        InvalidArguments: its query can be read in two ways.
    """
    stamp = at.strftime("%Y%m%dT%H%M%SZ")
    added = [(DATE, stamp)]
    if content:
        added.append((CONTENT, request.body_sha256))
    if key.session_token is not None:
        added.append((TOKEN, key.session_token))
    headers = _canonical_headers([("host", request.host), *request.headers, *added])
    names = ";".join(headers)
    scope = f"{stamp[:8]}/{request.region}/{request.service}/aws4_request"
    to_sign = "\n".join(
        (ALGORITHM, stamp, scope, sha256_hex(_canonical(request, headers).encode()))
    )
    signature = hmac_sha256(_signing_key(key, scope), to_sign.encode()).hex()
    authorization = (
        f"{ALGORITHM} Credential={key.access_key_id}/{scope}, SignedHeaders={names}, "
        f"Signature={signature}"
    )
    return [*added, ("authorization", authorization)]


def _canonical(request: AwsRequest, headers: dict[str, str]) -> str:
    return "\n".join(
        (
            request.method,
            _canonical_path(request.path, request.service),
            _canonical_query(request.query),
            *(f"{name}:{value}" for name, value in headers.items()),
            "",
            ";".join(headers),
            request.body_sha256,
        )
    )


def _canonical_path(path: str, service: str) -> str:
    if service == "s3":
        # S3 takes the path as the name of an object: decoded and encoded once, and no slash less.
        return quote(unquote_to_bytes(path), safe="/~")
    return quote(_SLASHES.sub("/", path), safe="/~")


def _canonical_query(query: str | None) -> str:
    if query is None:
        return ""
    if "+" in query:
        raise InvalidArguments(
            "A query that AWS is to check may not have a +: write %20 for a space and %2B for a "
            "plus sign."
        )
    pairs = (each.partition("=") for each in query.split("&") if each)
    encoded = sorted((_encoded(name), _encoded(value)) for name, _, value in pairs)
    return "&".join(f"{name}={value}" for name, value in encoded)


def _encoded(text: str) -> str:
    return quote(unquote_to_bytes(text), safe="~")


def _canonical_headers(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, list[str]] = {}
    for name, value in headers:
        found.setdefault(name, []).append(_SPACES.sub(" ", value.strip(" \t")))
    return {name: ",".join(found[name]) for name in sorted(found)}


def _signing_key(key: AwsKey, scope: str) -> bytes:
    made = f"AWS4{key.secret_access_key}".encode()
    for part in scope.split("/"):
        made = hmac_sha256(made, part.encode())
    return made
