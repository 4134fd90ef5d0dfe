"""The tables within a manifest: permissions, endpoints and the like."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from wardian.errors import InvalidArguments
from wardian.plugins.paths import parse_path
from wardian.plugins.text import Address, AssetPath, Line, Name, Prose, UrlPath, Version
from wardian.policy.permissions import Permission, expression, parse_permission

MANY = 256
"""How many of anything a manifest may list."""

T = TypeVar("T", bound=BaseModel)


class Table(BaseModel):
    """A frozen part of a manifest, with no field but its own."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def distinct(*names: str) -> AfterValidator:
    """Return the annotation of a list of tables in which these fields tell them apart."""

    def checked(tables: tuple[T, ...]) -> tuple[T, ...]:
        seen: set[str] = set()
        for table in tables:
            key = " ".join(str(getattr(table, name)) for name in names)
            if key in seen:
                raise ValueError(f"has {key!r} twice")
            seen.add(key)
        return tables

    return AfterValidator(checked)


class PermissionRequest(Table):
    """One permission the plugin asks for, and why."""

    permission: Annotated[
        str,
        Field(
            max_length=512,
            description="What is asked for, such as `kv:read` or `events:publish:orders.*`. "
            "A `*` stands for any run of characters.",
            json_schema_extra={"pattern": expression()},
        ),
    ]
    reason: Annotated[
        Line,
        Field(min_length=1, description="Why the plugin needs it, for the person who decides."),
    ]
    optional: Annotated[bool, Field(description="Whether the plugin is of use without it.")] = False

    @field_validator("permission")
    @classmethod
    def _is_permission(cls, text: str) -> str:
        as_value_error(parse_permission, text)
        return text

    def parsed(self) -> Permission:
        """Return the permission as a value."""
        return parse_permission(self.permission)


class ApiEndpoint(Table):
    """An HTTP path of the host's that answers with one of the plugin's functions."""

    path: Annotated[
        UrlPath,
        Field(
            description="The path, below the plugin's own; `{name}` as a whole segment is the "
            "function's parameter of that name."
        ),
    ]
    method: Annotated[
        Literal["GET", "POST", "PUT", "PATCH", "DELETE"], Field(description="The HTTP method.")
    ] = "POST"
    function: Annotated[
        Line,
        Field(min_length=1, description="The function that answers: `name` or `interface#name`."),
    ]
    description: Annotated[Prose, Field(description="What it is for.")] = ""

    @field_validator("path")
    @classmethod
    def _has_segments(cls, value: str) -> str:
        parse_path(value)
        return value


class UiComponent(Table):
    """A page or widget in the package's ``ui`` folder."""

    name: Annotated[Name, Field(description="Its name, of which there is one in the plugin.")]
    entry: Annotated[AssetPath, Field(description="The file to show: `ui/index.html`.")]
    title: Annotated[Line, Field(description="What people see as its name.")] = ""


class HealthCheck(Table):
    """How often the host asks the plugin how it feels, how long it waits, and what follows."""

    interval_seconds: Annotated[
        float | None,
        Field(
            ge=1,
            le=86_400,
            strict=False,
            description="Seconds between two questions; the host's setting unless it is given.",
        ),
    ] = None
    timeout_seconds: Annotated[
        float, Field(gt=0, le=60, strict=False, description="Seconds until no answer is a bad one.")
    ] = 5.0
    failure_threshold: Annotated[
        int, Field(ge=1, le=100, description="Bad answers in a row that make it degraded.")
    ] = 3
    success_threshold: Annotated[
        int, Field(ge=1, le=100, description="Good ones in a row that make it active again.")
    ] = 1
    quarantine_after: Annotated[
        int,
        Field(ge=0, le=1000, description="Further bad ones that quarantine it; 0 is never."),
    ] = 0


class MigrationScript(Table):
    """One step that the plugin's ``migrate`` takes."""

    from_version: Annotated[Version, Field(description="The version that wrote what is there.")]
    to_version: Annotated[Version, Field(description="The version that can read it afterwards.")]
    description: Annotated[Prose, Field(description="What it does.")] = ""


class OAuth(Table):
    """An OAuth provider whose tokens the plugin uses."""

    provider: Annotated[Name, Field(description="The provider's name, such as `github`.")]
    scopes: Annotated[
        tuple[Line, ...],
        Field(max_length=MANY, strict=False, description="The scopes to ask the provider for."),
    ] = ()
    authorize_url: Annotated[
        Address | None, Field(description="Where people consent, if the host does not know it.")
    ] = None
    token_url: Annotated[
        Address | None, Field(description="Where tokens come from, if the host does not know it.")
    ] = None


def as_value_error(check: Callable[[str], object], value: str) -> None:
    """Run one of the host's own checks where pydantic, which adds the path, hears of its fault."""
    try:
        check(value)
    except InvalidArguments as exc:
        raise ValueError(exc.message) from exc


def fault_at(place: tuple[str | int, ...], sentence: str) -> ValidationError:
    """Return the error that a validator raises for what is wrong at a place below its own."""
    fault = PydanticCustomError("value_error", "{sentence}", {"sentence": sentence})
    return ValidationError.from_exception_data(
        "manifest", [InitErrorDetails(type=fault, loc=place, input=None)]
    )
