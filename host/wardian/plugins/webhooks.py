"""The tables of a manifest that say which webhooks a plugin receives, and how these are signed."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from wardian.crypto.digests import sha256_hex
from wardian.plugins.tables import Table, fault_at
from wardian.plugins.text import (
    CredentialName,
    HeaderName,
    JsonPointer,
    Line,
    Name,
    Prose,
    Topic,
    Visible,
)
from wardian.policy.permissions import Permission
from wardian.policy.recipes import (
    CUSTOM,
    PARTS,
    RECIPES,
    TOLERANCE_SECONDS,
    TOLERANCE_SECONDS_MAX,
    IdForm,
    Recipe,
    SignatureForm,
    TimestampForm,
    has_stray_brace,
    parts_of,
)

PUBLISH = "events:publish"


class Signature(Table):
    """Where a custom recipe's signatures are, and of what: an HMAC."""

    header: Annotated[HeaderName, Field(description="The header that has them.")]
    algorithm: Annotated[
        Literal["sha256", "sha384", "sha512", "sha1"], Field(description="The hash of the HMAC.")
    ] = "sha256"
    encoding: Annotated[
        Literal["hex", "base64"], Field(description="How a signature is written.")
    ] = "hex"
    prefix: Annotated[
        Visible,
        Field(description="What a signature begins with: `v1=`. What begins otherwise is none."),
    ] = ""
    separator: Annotated[
        Literal[",", ";", " "] | None,
        Field(description="What is between several values of the header; it has one unless set."),
    ] = None
    signed: Annotated[
        Line,
        Field(
            description="What is signed. `{body}` stands for the raw body, `{timestamp}` and "
            "`{id}` for what the headers say.",
        ),
    ] = "{body}"


class Timestamp(Table):
    """Where a custom recipe's moment of signing is: Unix time in a header."""

    header: Annotated[
        HeaderName, Field(description="The header that has it; it may be the signature's.")
    ]
    prefix: Annotated[Visible, Field(description="What its value begins with: `t=`.")] = ""
    unit: Annotated[Literal["seconds", "milliseconds"], Field(description="What it counts.")] = (
        "seconds"
    )


class DeliveryId(Table):
    """Where a custom recipe's id of a delivery is: in a header, or in the body."""

    header: Annotated[HeaderName | None, Field(description="The header that has it.")] = None
    pointer: Annotated[
        JsonPointer | None,
        Field(description="Where it is in a body of JSON, as a JSON pointer: `/id`."),
    ] = None

    @model_validator(mode="after")
    def _is_one_place(self) -> Self:
        if bool(self.header) == bool(self.pointer):
            raise ValueError("has either a `header` or a `pointer`")
        return self


class Webhook(Table):
    """A webhook the plugin receives: who sends it, and with which credential it is verified."""

    name: Annotated[Name, Field(description="Its name, of which there is one in the plugin.")]
    recipe: Annotated[
        Literal["standard-webhooks", "github", "stripe", "custom"],
        Field(
            description="How its sender signs: by a recipe that the host knows, or a `custom` one, "
            "which the tables `signature`, `timestamp` and `delivery_id` write out."
        ),
    ]
    credential: Annotated[
        CredentialName | None,
        Field(
            description="The credential, of the kind `hmac-key`, that its signature is verified "
            "with; unless set, the one of the webhook's name."
        ),
    ] = None
    event: Annotated[
        Topic | None,
        Field(
            description="The topic to publish it to, in place of calling the plugin; takes the "
            "permission `events:publish:TOPIC`."
        ),
    ] = None
    tolerance_seconds: Annotated[
        int | None,
        Field(
            ge=1,
            le=TOLERANCE_SECONDS_MAX,
            description="How far the moment of signing may be from now, before or after; 300 "
            "unless set. For recipes that have such a moment.",
        ),
    ] = None
    signature: Annotated[
        Signature | None, Field(description="Of a `custom` recipe: where the signature is.")
    ] = None
    timestamp: Annotated[
        Timestamp | None, Field(description="Of a `custom` recipe: when it was signed.")
    ] = None
    delivery_id: Annotated[
        DeliveryId | None, Field(description="Of a `custom` recipe: which delivery it is.")
    ] = None
    description: Annotated[Prose, Field(description="What it tells.")] = ""

    @model_validator(mode="after")
    def _is_a_recipe(self) -> Self:
        if self.recipe == CUSTOM:
            self._check_custom()
        else:
            for field in ("signature", "timestamp", "delivery_id"):
                if getattr(self, field) is not None:
                    sentence = f"is for a `{CUSTOM}` recipe; {self.recipe!r} has its own"
                    raise fault_at((field,), sentence)
        if self.tolerance_seconds is not None and self.written().timestamp is None:
            raise fault_at(("tolerance_seconds",), "is for recipes that have a timestamp")
        return self

    @property
    def verified_with(self) -> str:
        """The name of the credential whose key its sender has."""
        return self.credential or self.name

    @property
    def surface(self) -> str:
        """All that somebody decides about who lets it in, in one word."""
        recipe: str = self.recipe
        if recipe == CUSTOM:
            tables = {"signature", "timestamp", "delivery_id", "tolerance_seconds"}
            written = self.model_dump_json(include=tables)
            recipe = f"{CUSTOM}-{sha256_hex(written.encode())[:8]}"
        parts = [self.name, recipe, self.verified_with]
        return ":".join(parts if self.event is None else [*parts, self.event])

    def publishing(self) -> Permission | None:
        """Return the permission that it takes to publish it; None if the plugin is called."""
        return None if self.event is None else Permission(PUBLISH, self.event)

    def written(self) -> Recipe:
        """Return the recipe by which its sender signs."""
        tolerance = self.tolerance_seconds or TOLERANCE_SECONDS
        if self.recipe != CUSTOM:
            known = RECIPES[self.recipe]
            form = known.timestamp
            return replace(known, timestamp=form and replace(form, tolerance_seconds=tolerance))
        assert self.signature is not None  # noqa: S101 -- checked when it was parsed
        stamp, where = self.timestamp, self.delivery_id
        return Recipe(
            name=CUSTOM,
            signature=SignatureForm(**self.signature.model_dump(exclude_none=True)),
            timestamp=None
            if stamp is None
            else TimestampForm(**stamp.model_dump(), tolerance_seconds=tolerance),
            delivery_id=None
            if where is None
            else IdForm(header=where.header or "", pointer=where.pointer or ""),
        )

    def _check_custom(self) -> None:
        if self.signature is None:
            raise fault_at(("signature",), f"is missing: a `{CUSTOM}` recipe says where it is")
        place, parts = ("signature", "signed"), parts_of(self.signature.signed)
        if has_stray_brace(self.signature.signed):
            raise fault_at(place, "has a brace that is none of a part's, such as {body}")
        unknown = [part for part in parts if part not in PARTS]
        if unknown:
            known = ", ".join(f"{{{part}}}" for part in PARTS)
            raise fault_at(place, f"has {{{unknown[0]}}}; the parts there are: {known}")
        if "body" not in parts:
            raise fault_at(place, "lacks {body}: anybody could send another one")
        if "timestamp" in parts and self.timestamp is None:
            raise fault_at(("timestamp",), "is missing: `signature.signed` has {timestamp}")
        if self.timestamp is not None and "timestamp" not in parts:
            raise fault_at(place, "lacks {timestamp}: anybody could send another one")
        if "id" in parts and (self.delivery_id is None or not self.delivery_id.header):
            raise fault_at(("delivery_id",), "has no `header`: `signature.signed` has {id}")
