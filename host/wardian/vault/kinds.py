"""What each kind of credential consists of: one table, which documents and tests go by."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from wardian.crypto.private_keys import algorithm_of
from wardian.errors import InvalidArguments
from wardian.policy.secret import Secret
from wardian.policy.urls import parse_url
from wardian.vault.claims import check_longest_seconds
from wardian.vault.held import Kind

TEXT_CHARS_MAX = 4096
PEM_CHARS_MAX = 16 * 1024
OAUTH_TOKEN_CHARS_MAX = 16 * 1024
NAME_CHARS_MAX = 64
SCOPES_MAX = 100

_ENCODINGS = ("text", "base64", "hex")
_AUTH_METHODS = ("client_secret_basic", "client_secret_post", "none")
_VISIBLE = re.compile(r"[\x20-\x7e]+")

Check = Callable[[str], None]
"""Raises InvalidArguments with the end of a sentence that begins with the field's name."""


def _visible(text: str) -> None:
    if not _VISIBLE.fullmatch(text):
        raise InvalidArguments("takes visible ASCII characters only, as it goes into headers")


def _encoding(text: str) -> None:
    if text not in _ENCODINGS:
        raise InvalidArguments(f"is one of {', '.join(_ENCODINGS)}")


def _auth_method(text: str) -> None:
    if text not in _AUTH_METHODS:
        raise InvalidArguments(f"is one of {', '.join(_AUTH_METHODS)}")


def _address(text: str) -> None:
    try:
        parse_url(text)
    except InvalidArguments:
        raise InvalidArguments("takes an http or https address") from None


def _pem(text: str) -> None:
    algorithm_of(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One part of a credential.

    Attributes:
        is_secret: whether it is sealed and never shown.
        is_list: whether it is a list of texts.
    """

    name: str
    meaning: str
    is_secret: bool = True
    is_required: bool = True
    is_list: bool = False
    chars_max: int = TEXT_CHARS_MAX
    check: Check | None = None


def _public(name: str, meaning: str, check: Check | None = None, **more: Any) -> Field:
    return Field(name=name, meaning=meaning, is_secret=False, check=check, **more)


FIELDS: Mapping[Kind, tuple[Field, ...]] = {
    Kind.OPAQUE: (Field(name="value", meaning="Any text."),),
    Kind.BASIC: (
        _public("username", "The name, which has no colon (RFC 7617)."),
        Field(name="password", meaning="The password."),
    ),
    Kind.BEARER: (
        Field(name="token", meaning="The token, without `Bearer`.", check=_visible),
    ),
    Kind.HMAC_KEY: (
        Field(name="key", meaning="The key, written in its `encoding`."),
        _public(
            "encoding",
            "How `key` is written: `text` (UTF-8, unless set), `base64` or `hex`.",
            _encoding,
            is_required=False,
        ),
    ),
    Kind.AWS: (
        _public("access_key_id", "The access key's id.", _visible),
        Field(name="secret_access_key", meaning="The secret access key.", check=_visible),
        Field(
            name="session_token",
            meaning="The session token of temporary credentials.",
            is_required=False,
            check=_visible,
        ),
        _public("region", "The region to sign for.", _visible, is_required=False),
        _public("service", "The service to sign for.", _visible, is_required=False),
    ),
    Kind.PRIVATE_KEY: (
        Field(
            name="pem",
            meaning=(
                "The key in PEM without a passphrase: RSA of 2048 bits or more, P-256 or Ed25519."
            ),
            chars_max=PEM_CHARS_MAX,
            check=_pem,
        ),
        _public("key_id", "What JWTs call the key (`kid`).", _visible, is_required=False),
        _public("issuer", "Who every token is from (`iss`).", is_required=False),
        _public("subject", "Whom every token is about (`sub`).", is_required=False),
        _public(
            "audience",
            "Whom tokens may be for (`aud`).",
            is_required=False,
            is_list=True,
        ),
        _public(
            "longest_seconds",
            "How long a token holds at most; 3600 unless set.",
            check_longest_seconds,
            is_required=False,
        ),
    ),
    Kind.OAUTH2_CLIENT: (
        _public("client_id", "The client's id at the provider.", _visible),
        Field(
            name="client_secret",
            meaning="The client's secret; a public client has none.",
            is_required=False,
            check=_visible,
        ),
        _public(
            "provider",
            "A provider that the host knows, such as `github`, in place of addresses.",
            _visible,
            is_required=False,
        ),
        _public(
            "authorization_url", "Where people give their consent.", _address, is_required=False
        ),
        _public("token_url", "Where codes become tokens.", _address, is_required=False),
        _public(
            "issuer",
            "The provider's identifier (RFC 9207); where its metadata are, if no address is given.",
            _address,
            is_required=False,
        ),
        _public("revocation_url", "Where tokens are revoked.", _address, is_required=False),
        _public(
            "auth_method",
            "How the client shows who it is: `client_secret_basic` or `client_secret_post`.",
            _auth_method,
            is_required=False,
        ),
    ),
    Kind.OAUTH2_TOKEN: (
        Field(
            name="access_token",
            meaning="The access token.",
            chars_max=OAUTH_TOKEN_CHARS_MAX,
            check=_visible,
        ),
        Field(
            name="refresh_token",
            meaning="What the host gets the next access token with.",
            is_required=False,
            chars_max=OAUTH_TOKEN_CHARS_MAX,
            check=_visible,
        ),
        _public("client", "The credential that is the OAuth client.", is_required=False),
        _public(
            "scopes",
            "What the provider granted.",
            _visible,
            is_required=False,
            is_list=True,
        ),
        _public("token_url", "Where it came from.", _address, is_required=False),
        _public("obtained_at", "Since when the access token is valid.", is_required=False),
        _public("valid_until", "Until when the access token is valid.", is_required=False),
        _public("connected_at", "Since when there is this connection.", is_required=False),
        _public("connected_by", "Who made it.", is_required=False),
        _public("fault", "Why it does not work any more.", is_required=False),
    ),
}  # fmt: skip


def kind_of(text: str) -> Kind:
    """Return the kind of this name.

    Raises:
        InvalidArguments: there is none; what was given is not quoted.
    """
    try:
        return Kind(text)
    except ValueError:
        raise InvalidArguments(
            f"There is no such kind of credential; there are {', '.join(Kind)}.", path="kind"
        ) from None


def secret_fields(kind: Kind) -> tuple[str, ...]:
    """Return the names of what is sealed of a kind."""
    return tuple(field.name for field in FIELDS[kind] if field.is_secret)


def check_fields(kind: Kind, public: Mapping[str, Any], secrets: Mapping[str, Secret]) -> None:
    """Check what a credential consists of.

    Raises:
        InvalidArguments: a field is missing, unknown or no such value; nothing that was given is
            quoted, not even a name that might be a value in the wrong place.
    """
    known = {field.name: field for field in FIELDS[kind]}
    given = public.keys() | secrets.keys()
    if not given <= known.keys():
        raise InvalidArguments(
            f"The kind {kind} takes no such field; it takes {', '.join(known)}.", path="fields"
        )
    for field in known.values():
        _check_presence(kind, field, public, secrets)
        for text in _texts(kind, field, public, secrets):
            _check_text(kind, field, text)


def _check_presence(
    kind: Kind, field: Field, public: Mapping[str, Any], secrets: Mapping[str, Secret]
) -> None:
    misplaced = public if field.is_secret else secrets
    if field.name in misplaced:
        side = "secret" if field.is_secret else "not secret"
        raise _misfit(kind, field, f"is {side}")
    if field.is_required and field.name not in (secrets if field.is_secret else public):
        raise _misfit(kind, field, "is missing")


def _texts(
    kind: Kind, field: Field, public: Mapping[str, Any], secrets: Mapping[str, Secret]
) -> list[str]:
    if field.is_secret:
        return [secrets[field.name].reveal()] if field.name in secrets else []
    if field.name not in public:
        return []
    value = public[field.name]
    values = value if field.is_list else [value]
    if not isinstance(values, (list, tuple)) or not all(isinstance(each, str) for each in values):
        raise _misfit(kind, field, "takes a list of texts" if field.is_list else "takes a text")
    if len(values) > SCOPES_MAX:
        raise _misfit(kind, field, f"takes at most {SCOPES_MAX} texts")
    return list(values)


def _check_text(kind: Kind, field: Field, text: str) -> None:
    if not 0 < len(text) <= field.chars_max:
        raise _misfit(kind, field, f"takes 1 to {field.chars_max} characters")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise _misfit(kind, field, "is no text: it has half of a surrogate pair") from None
    if "\0" in text:
        raise _misfit(kind, field, "has a NUL character")
    if field.check is not None:
        try:
            field.check(text)
        except InvalidArguments as error:
            raise _misfit(kind, field, error.message) from None


def _misfit(kind: Kind, field: Field, what: str) -> InvalidArguments:
    return InvalidArguments(
        f"The field {field.name} of a credential of the kind {kind} {what}.",
        path=f"fields.{field.name}",
    )
