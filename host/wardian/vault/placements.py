"""How a credential is put into requests: what an operator may say, parsed and checked."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Literal

import msgspec

from wardian.errors import InvalidArguments
from wardian.vault.held import Kind
from wardian.vault.templates import check_template

NAME_CHARS_MAX = 128
PREFIX_CHARS_MAX = 64
POINTER_CHARS_MAX = 512

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}")
_PREFIX = re.compile(r"[\x20-\x7e]{0,64}")
_QUERY_NAME = re.compile(r"[A-Za-z0-9._~-]{1,128}")
_POINTER = re.compile(r"(?:/(?:[^~/]|~[01])*)+")
_PLACE = re.compile(r"[a-z0-9-]{1,64}")

HOSTS_OWN = frozenset(
    (
        *("host", "content-length", "transfer-encoding", "connection", "keep-alive", "te"),
        *("trailer", "upgrade", "expect", "proxy-authorization", "proxy-connection"),
    )
)
"""Headers that say how a request is sent, and not what is asked."""


class InHeader(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="in",
    tag="header",
):
    """In a header of its own: ``prefix`` and the secret."""

    name: str
    prefix: str = ""


class InQuery(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="in",
    tag="query",
):
    """As a parameter of the query."""

    name: str


class InBasic(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="in",
    tag="basic",
):
    """As the password of basic authentication (RFC 7617)."""

    username: str | None = None


class InBody(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="in",
    tag="body",
):
    """As a new member of an object in a JSON body (RFC 6901)."""

    pointer: str


class Signer(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="in",
    tag="signer",
):
    """Not at all: a signature of the request goes with it.

    Attributes:
        region, service: of ``aws-sigv4``; those of the credential if None.
        header, prefix, encoding, template, timestamp_header: of ``hmac-sha256``.
    """

    algorithm: Literal["aws-sigv4", "hmac-sha256"]
    region: str | None = None
    service: str | None = None
    header: str | None = None
    prefix: str = ""
    encoding: Literal["hex", "base64"] = "hex"
    template: str = "{body}"
    timestamp_header: str | None = None


Placement = InHeader | InQuery | InBasic | InBody | Signer

TAKEN: Mapping[Kind, tuple[str, ...]] = {
    Kind.OPAQUE: ("header", "query", "basic", "body"),
    Kind.BASIC: ("basic",),
    Kind.BEARER: ("header", "query", "basic", "body"),
    Kind.HMAC_KEY: ("signer hmac-sha256",),
    Kind.AWS: ("signer aws-sigv4",),
    Kind.PRIVATE_KEY: (),
    Kind.OAUTH2_CLIENT: ("basic",),
    Kind.OAUTH2_TOKEN: ("header", "query", "body"),
}
"""Which placements credentials of each kind take."""

_BEARER = InHeader(name="authorization", prefix="Bearer ")
_USUAL: Mapping[Kind, Placement] = {
    Kind.BEARER: _BEARER,
    Kind.OAUTH2_TOKEN: _BEARER,
    Kind.BASIC: InBasic(),
    Kind.OAUTH2_CLIENT: InBasic(),
    Kind.AWS: Signer(algorithm="aws-sigv4"),
}


def check_placement(kind: Kind, placement: Mapping[str, Any] | None) -> None:
    """Check how a credential of a kind is to be put into requests.

    Raises:
        InvalidArguments: it cannot be put so; says what can.
    """
    if placement is not None:
        parse_placement(kind, placement)


def placement_of(kind: Kind, placement: Mapping[str, Any] | None) -> Placement:
    """Return a placement, or the usual one of the kind if there is none.

    Raises:
        InvalidArguments: it is none for the kind; or there is none, and none is usual.
    """
    if placement is not None:
        return parse_placement(kind, placement)
    usual = _USUAL.get(kind)
    if usual is None:
        raise InvalidArguments(
            f"Credentials of the kind {kind} have no usual place in a request: the operator has to "
            f"set a placement. {_taken(kind)}",
            path="placement",
        )
    return usual


def parse_placement(kind: Kind, placement: Mapping[str, Any]) -> Placement:
    """Read a placement for a credential of a kind.

    Raises:
        InvalidArguments: it is none for the kind; says what is.
    """
    try:
        found: Placement = msgspec.convert(dict(placement), Placement)
    except msgspec.ValidationError as exc:
        raise _refused(f"The placement cannot be read: {str(exc)[:200]}.") from None
    if _name_of(found) not in TAKEN[kind]:
        raise _refused(f"A credential of the kind {kind} is not put so. {_taken(kind)}")
    _CHECKS[type(found)](kind, found)
    return found


def _name_of(placement: Placement) -> str:
    config = type(placement).__struct_config__
    name = str(config.tag)
    return f"{name} {placement.algorithm}" if isinstance(placement, Signer) else name


def _taken(kind: Kind) -> str:
    taken = TAKEN[kind]
    if not taken:
        return "It signs tokens for plugins, and goes into no request."
    return f"It takes: {', '.join(taken)}."


def _check_header(_: Kind, placement: InHeader) -> None:
    _check_header_name(placement.name)
    _check_prefix(placement.prefix)


def _check_query(_: Kind, placement: InQuery) -> None:
    if not _QUERY_NAME.fullmatch(placement.name):
        raise _refused(
            "The name of a query parameter has 1 to 128 letters, digits, dots, dashes, underscores "
            "and tildes."
        )


def _check_basic(kind: Kind, placement: InBasic) -> None:
    named = kind in (Kind.BASIC, Kind.OAUTH2_CLIENT)
    if named and placement.username is not None:
        raise _refused(f"A credential of the kind {kind} has its own user name.")
    if not named and placement.username is None:
        raise _refused("Basic authentication takes a username beside the secret.")
    check_username(placement.username or "")


def _check_body(_: Kind, placement: InBody) -> None:
    pointer = placement.pointer
    if len(pointer) > POINTER_CHARS_MAX or not _POINTER.fullmatch(pointer):
        raise _refused("The pointer is one of RFC 6901 to a member of an object, such as /auth/key")


def _check_signer(_: Kind, placement: Signer) -> None:
    if placement.algorithm == "aws-sigv4":
        _check_aws(placement)
        return
    if placement.header is None or placement.region or placement.service:
        raise _refused("The signer hmac-sha256 takes the header that the signature goes into.")
    _check_header_name(placement.header)
    _check_prefix(placement.prefix)
    check_template(placement.template, timestamped=placement.timestamp_header is not None)
    if placement.timestamp_header is not None:
        _check_header_name(placement.timestamp_header)
        if placement.timestamp_header.lower() == placement.header.lower():
            raise _refused("The time and the signature cannot go into the same header.")


def _check_aws(placement: Signer) -> None:
    usual = Signer(algorithm="aws-sigv4", region=placement.region, service=placement.service)
    if placement != usual:
        raise _refused("The signer aws-sigv4 takes a region and a service, and nothing else.")
    for text in (placement.region, placement.service):
        if text is not None and not _PLACE.fullmatch(text):
            raise _refused("A region or service has 1 to 64 lower-case letters, digits and dashes.")


def check_username(username: str) -> None:
    """Check a name for basic authentication.

    Raises:
        InvalidArguments: it has a colon, or characters that no header may have.
    """
    if ":" in username or not username.isprintable():
        raise _refused("A user name has no colon and no control characters.")


def _check_header_name(name: str) -> None:
    if not _HEADER_NAME.fullmatch(name):
        raise _refused("This is no name of a header.")
    if name.lower() in HOSTS_OWN:
        raise _refused(f"The header {name.lower()!r} says how a request is sent.")


def _check_prefix(prefix: str) -> None:
    if not _PREFIX.fullmatch(prefix) or prefix != prefix.lstrip():
        raise _refused(f"A prefix has up to {PREFIX_CHARS_MAX} visible ASCII characters.")
    if prefix[-1:].isalnum():
        raise _refused("The prefix runs into the secret: put a space at its end, as in 'Bearer '.")


def _refused(message: str) -> InvalidArguments:
    return InvalidArguments(message, path="placement")


_CHECKS: Mapping[type, Callable[[Kind, Any], None]] = {
    InHeader: _check_header,
    InQuery: _check_query,
    InBasic: _check_basic,
    InBody: _check_body,
    Signer: _check_signer,
}
