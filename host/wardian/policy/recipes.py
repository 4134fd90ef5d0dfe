"""How senders of webhooks sign: recipes as data, and what a request presents by one.

Nothing here knows a key. A recipe says where in a request the signatures, the moment and the id of
the delivery are, and of which bytes the signatures are.

The named recipes follow the Standard Webhooks specification 1.0, GitHub's "Validating webhook
deliveries" and Stripe's "Verify webhook signatures manually".
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

SIGNATURES_MAX = 8
"""How many signatures of one request are looked at: while keys rotate there are two."""

HEADER_CHARS_MAX = 4_096
ID_CHARS_MAX = 256
TOLERANCE_SECONDS = 300
TOLERANCE_SECONDS_MAX = 3_600

PARTS = ("id", "timestamp", "body")
ALGORITHMS = ("sha256", "sha384", "sha512", "sha1")
ENCODINGS = ("hex", "base64")

_PLACE = re.compile(r"\{([^{}]*)\}")
_HEX = re.compile(r"(?:[0-9a-fA-F]{2})+")
_ID = re.compile(r"[\x21-\x7e]+")
_NUMBER = re.compile(r"[0-9]{1,15}")


class Reason(StrEnum):
    """Why a webhook's request was refused, for operators; its sender is not told."""

    NO_CREDENTIAL = "no-credential"
    MISSING_SIGNATURE = "missing-signature"
    MALFORMED_SIGNATURE = "malformed-signature"
    WRONG_SIGNATURE = "wrong-signature"
    MISSING_TIMESTAMP = "missing-timestamp"
    OUTSIDE_TOLERANCE = "outside-tolerance"
    MISSING_ID = "missing-id"
    REPEATED_HEADER = "repeated-header"
    TOO_MANY = "too-many-requests"


class Unacceptable(Exception):
    """A request does not present what its recipe demands."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureForm:
    """Where signatures are, and of what.

    Attributes:
        header: its name in lower case.
        separator: between several values of the header; empty if it has one.
        prefix: what a signature's value begins with; values that begin otherwise are none.
        signed: the text that is signed; ``{id}``, ``{timestamp}`` and ``{body}`` stand for parts.
    """

    header: str
    algorithm: str = "sha256"
    encoding: str = "hex"
    prefix: str = ""
    separator: str = ""
    signed: str = "{body}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TimestampForm:
    """Where the moment of signing is: in a header, Unix time.

    Attributes:
        prefix: what its value begins with, among those of the header.
        unit: ``seconds`` or ``milliseconds``.
        tolerance_seconds: how far it may be from now, before and after.
    """

    header: str
    prefix: str = ""
    unit: str = "seconds"
    tolerance_seconds: int = TOLERANCE_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class IdForm:
    """Where the id of a delivery is: in a header, or in a body of JSON (RFC 6901)."""

    header: str = ""
    pointer: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How one kind of sender signs.

    Attributes:
        key_prefix, key_encoding: how the key is written that the sender shows, unless the
            credential says how.
        also_hidden: headers, beside that of the signature, that carry one.
    """

    name: str
    signature: SignatureForm
    timestamp: TimestampForm | None = None
    delivery_id: IdForm | None = None
    key_prefix: str = ""
    key_encoding: str = "text"
    also_hidden: tuple[str, ...] = ()

    @property
    def id_is_signed(self) -> bool:
        """Whether nobody but the sender can give a request another id."""
        form = self.delivery_id
        return form is not None and (bool(form.pointer) or "{id}" in self.signature.signed)

    @property
    def id_edges(self) -> str:
        """The characters between a signed id of a header and what is signed beside it.

        A brace is among them where nothing is between: there is no telling where the id ends.
        """
        before, found, after = self.signature.signed.partition("{id}")
        if not found:
            return ""
        return (before[-1] if "}" in before else "") + (after[0] if "{" in after else "")

    @property
    def id_tells(self) -> bool:
        """Whether a delivery is told from others by its id alone."""
        return self.id_is_signed and not set("{}") & set(self.id_edges)

    @property
    def hidden(self) -> frozenset[str]:
        """The headers that a plugin is not shown."""
        return frozenset((self.signature.header, *self.also_hidden))


@dataclass(frozen=True, slots=True, kw_only=True)
class Presented:
    """What a request presents, before anything of it was verified.

    Attributes:
        message: the bytes that are signed.
        signatures: those that there are, decoded.
        delivery_id: that of a header; see `delivery_id_of`.
    """

    message: bytes
    signatures: tuple[bytes, ...]
    timestamp: int | None
    delivery_id: str | None


CUSTOM = "custom"
"""The name of recipes that a manifest writes out."""

RECIPES: Mapping[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="standard-webhooks",
            signature=SignatureForm(
                header="webhook-signature",
                encoding="base64",
                prefix="v1,",
                separator=" ",
                signed="{id}.{timestamp}.{body}",
            ),
            timestamp=TimestampForm(header="webhook-timestamp"),
            delivery_id=IdForm(header="webhook-id"),
            key_prefix="whsec_",
            key_encoding="base64",
        ),
        Recipe(
            name="github",
            signature=SignatureForm(header="x-hub-signature-256", prefix="sha256="),
            delivery_id=IdForm(header="x-github-delivery"),
            also_hidden=("x-hub-signature",),  # of the same body, by SHA-1
        ),
        Recipe(
            name="stripe",
            signature=SignatureForm(
                header="stripe-signature",
                prefix="v1=",
                separator=",",
                signed="{timestamp}.{body}",
            ),
            timestamp=TimestampForm(header="stripe-signature", prefix="t="),
            delivery_id=IdForm(pointer="/id"),
        ),
    )
}


def parts_of(signed: str) -> list[str]:
    """Return the names in braces of a text that is signed, known or not."""
    return _PLACE.findall(signed)


def has_stray_brace(signed: str) -> bool:
    """Tell whether a text that is signed has braces with no name in them."""
    return any(brace in _PLACE.sub("", signed) for brace in "{}")


def presented(recipe: Recipe, headers: Sequence[tuple[str, str]], body: bytes) -> Presented:
    """Find in a request what ``recipe`` demands.

    Args:
        headers: names in lower case, in whatever order, repeated ones too.

    Raises:
        Unacceptable: something is missing, there twice, or not written as it should be.
    """
    signatures = _signatures(recipe, headers)
    stamp = _timestamp(recipe, headers)
    delivery_id = _id_in(recipe, headers)
    parts = {
        "id": (delivery_id or "").encode(),
        "timestamp": (stamp or "").encode(),
        "body": body,
    }
    return Presented(
        message=_filled(recipe.signature.signed, parts),
        signatures=signatures,
        timestamp=None if stamp is None else int(stamp),
        delivery_id=delivery_id,
    )


def delivery_id_of(recipe: Recipe, found: Presented, body: bytes) -> str | None:
    """Return the sender's id of a delivery whose signature holds; None if its recipe has none.

    Raises:
        Unacceptable: the recipe has one, and the body has not.
    """
    if recipe.delivery_id is None or recipe.delivery_id.header:
        return found.delivery_id
    return _checked_id(_pointed(body, recipe.delivery_id.pointer))


def is_timely(recipe: Recipe, found: Presented, at: datetime) -> bool:
    """Tell whether a request was signed just now, as far as it says when."""
    form = recipe.timestamp
    if form is None or found.timestamp is None:
        return form is None
    per_second = 1_000 if form.unit == "milliseconds" else 1
    return abs(at.timestamp() - found.timestamp / per_second) <= form.tolerance_seconds


def _signatures(recipe: Recipe, headers: Sequence[tuple[str, str]]) -> tuple[bytes, ...]:
    form = recipe.signature
    text = _only(headers, form.header)
    if text is None:
        raise Unacceptable(Reason.MISSING_SIGNATURE)
    values = [value for value in _values(text, form.separator) if value.startswith(form.prefix)]
    if not 1 <= len(values) <= SIGNATURES_MAX:
        raise Unacceptable(Reason.MISSING_SIGNATURE if not values else Reason.MALFORMED_SIGNATURE)
    codes = [_code(value[len(form.prefix) :], form.encoding) for value in values]
    # One that cannot be read spoils none of the others: while keys rotate, forms may, too.
    found = tuple(code for code in codes if code is not None)
    if not found:
        raise Unacceptable(Reason.MALFORMED_SIGNATURE)
    return found


def _timestamp(recipe: Recipe, headers: Sequence[tuple[str, str]]) -> str | None:
    form = recipe.timestamp
    if form is None:
        return None
    text = _only(headers, form.header)
    separator = recipe.signature.separator if form.header == recipe.signature.header else ""
    values = [] if text is None else _values(text, separator)
    found = [value[len(form.prefix) :] for value in values if value.startswith(form.prefix)]
    # Of two, one would be verified and the other believed.
    if len(found) != 1 or not _NUMBER.fullmatch(found[0]):
        raise Unacceptable(Reason.MISSING_TIMESTAMP)
    return found[0]


def _id_in(recipe: Recipe, headers: Sequence[tuple[str, str]]) -> str | None:
    form = recipe.delivery_id
    if form is None or not form.header:
        return None
    found = _only(headers, form.header)
    # Where it is not signed, it proves nothing, and anybody could leave it out.
    if found is None and not recipe.id_is_signed:
        return None
    # What is signed as "a.b.c" could be read as of the id "a", or of "a.b" and another body.
    if found is not None and set(recipe.id_edges) - set("{}") & set(found):
        raise Unacceptable(Reason.MISSING_ID)
    return _checked_id(found)


def _checked_id(found: str | None) -> str:
    if found is None or len(found) > ID_CHARS_MAX or not _ID.fullmatch(found):
        raise Unacceptable(Reason.MISSING_ID)
    return found


def _only(headers: Sequence[tuple[str, str]], name: str) -> str | None:
    """Return the value of a header that is there once; None if it is not there."""
    found = [value for each, value in headers if each == name]
    if len(found) > 1:
        raise Unacceptable(Reason.REPEATED_HEADER)
    if found and len(found[0]) > HEADER_CHARS_MAX:
        raise Unacceptable(Reason.MALFORMED_SIGNATURE)
    return found[0] if found else None


def _values(text: str, separator: str) -> list[str]:
    return [value.strip() for value in text.split(separator)] if separator else [text.strip()]


def _code(text: str, encoding: str) -> bytes | None:
    try:
        if encoding == "base64":
            return base64.b64decode(text, validate=True) or None
    except (binascii.Error, ValueError):
        return None
    return bytes.fromhex(text) if encoding == "hex" and _HEX.fullmatch(text) else None


def _pointed(body: bytes, pointer: str) -> str | None:
    """Return the text in a JSON body that a pointer leads to."""
    try:
        found: Any = json.loads(body)
    except (ValueError, RecursionError):
        return None
    for step in pointer.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if not isinstance(found, dict) or name not in found:
            return None
        found = found[name]
    return found if isinstance(found, str) else None


def _filled(signed: str, parts: Mapping[str, bytes]) -> bytes:
    return b"".join(_pieces(signed, parts))


def _pieces(signed: str, parts: Mapping[str, bytes]) -> Iterator[bytes]:
    # The text between parts is even in number, the names of parts are odd.
    for number, piece in enumerate(_PLACE.split(signed)):
        yield parts[piece] if number % 2 else piece.encode()
