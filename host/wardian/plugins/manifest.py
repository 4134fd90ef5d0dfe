"""``plugin.toml``: what a plugin is and what it asks for (design, section 7)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, ValidationError, field_validator, model_validator

from wardian.plugins.agents import Agent
from wardian.plugins.documents import JsonObject
from wardian.plugins.enhancements import ENHANCEMENTS_MAX, Enhancement
from wardian.plugins.faults import refusal
from wardian.plugins.paths import parse_path
from wardian.plugins.row_data import KINDS_MAX, RowData
from wardian.plugins.schedules import SCHEDULES_MAX, Schedule
from wardian.plugins.tables import (
    MANY,
    ApiEndpoint,
    HealthCheck,
    MigrationScript,
    OAuth,
    PermissionRequest,
    Table,
    UiComponent,
    distinct,
    fault_at,
)
from wardian.plugins.text import (
    ApiVersion,
    CapabilityName,
    Line,
    Name,
    Prose,
    Version,
    VersionRange,
)
from wardian.plugins.toml_text import parse_toml
from wardian.plugins.versions import parse_range
from wardian.plugins.webhooks import Webhook
from wardian.policy.levels import Level
from wardian.policy.permissions import Permission

MANIFEST_NAME = "plugin.toml"
MAX_MANIFEST_BYTES = 64 * 1024
_SHOWN_MAX = 8


def _each_once(names: tuple[str, ...]) -> tuple[str, ...]:
    twice = [name for number, name in enumerate(names) if name in names[:number]]
    if twice:
        raise ValueError(f"has {twice[0]!r} twice")
    return names


class Manifest(Table):
    """A plugin's manifest. Only ``name`` and ``version`` are required."""

    name: Annotated[
        Name, Field(description="The plugin's name: lower-case words with dashes between them.")
    ]
    version: Annotated[Version, Field(description="Its semantic version, such as `1.2.0`.")]
    api_version: Annotated[
        ApiVersion, Field(description="The version of the contract with the host that it needs.")
    ] = "1.0"
    description: Annotated[Prose, Field(description="What it does, in a sentence or two.")] = ""
    author: Annotated[Line, Field(description="Who wrote it.")] = ""
    license: Annotated[
        Line, Field(description="Its licence, best as an SPDX identifier: `Apache-2.0`.")
    ] = ""
    category: Annotated[
        Literal["integration", "ai_agent", "workflow", "ui"], Field(description="Its kind.")
    ] = "integration"
    tags: Annotated[
        tuple[Name, ...],
        Field(max_length=32, strict=False, description="Words that it is found by."),
    ] = ()
    sandbox_level: Annotated[
        Level,
        Field(strict=False, description="How much the host has to trust it; the less, the better."),
    ] = Level.RESTRICTED
    capabilities: Annotated[
        tuple[CapabilityName, ...],
        Field(max_length=MANY, strict=False, description="What it offers to other plugins."),
        AfterValidator(_each_once),
    ] = ()
    dependencies: Annotated[
        dict[Name, VersionRange],
        Field(
            default_factory=dict,
            max_length=MANY,
            description="The plugins that it needs, each with the versions that will do: `^1.2`.",
        ),
    ]
    permissions: Annotated[
        tuple[PermissionRequest, ...],
        Field(max_length=MANY, strict=False, description="What it asks the operator for, and why."),
        distinct("permission"),
    ] = ()
    config_schema: Annotated[
        JsonObject | None,
        Field(description="A JSON Schema (draft 2020-12) of what an operator may configure."),
    ] = None
    default_config: Annotated[
        JsonObject,
        Field(
            default_factory=dict,
            description="The configuration where the operator sets nothing else.",
        ),
    ]
    api_endpoints: Annotated[
        tuple[ApiEndpoint, ...],
        Field(max_length=MANY, strict=False, description="HTTP paths that its functions answer."),
        distinct("method", "path"),
    ] = ()
    ui_components: Annotated[
        tuple[UiComponent, ...],
        Field(max_length=MANY, strict=False, description="Pages and widgets that it brings."),
        distinct("name"),
    ] = ()
    webhooks: Annotated[
        tuple[Webhook, ...],
        Field(max_length=MANY, strict=False, description="Webhooks that it receives."),
        distinct("name"),
    ] = ()
    schedule: Annotated[
        tuple[Schedule, ...],
        Field(
            max_length=SCHEDULES_MAX,
            strict=False,
            description="What the host does by itself, and when.",
        ),
        distinct("name"),
    ] = ()
    row_data: Annotated[
        tuple[RowData, ...],
        Field(
            max_length=KINDS_MAX,
            strict=False,
            description="Data that it has beside rows of the host's and of host apps'.",
        ),
        distinct("kind"),
    ] = ()
    enhancements: Annotated[
        tuple[Enhancement, ...],
        Field(
            max_length=ENHANCEMENTS_MAX,
            strict=False,
            description="What the host does around its functions.",
        ),
    ] = ()
    agent: Annotated[
        Agent | None,
        Field(description="What the host has to know to choose it, if it is an agent."),
    ] = None
    health_check: Annotated[
        HealthCheck | None, Field(description="When the host asks whether it is well.")
    ] = None
    migration_scripts: Annotated[
        tuple[MigrationScript, ...],
        Field(max_length=MANY, strict=False, description="The steps that its `migrate` takes."),
        distinct("from_version", "to_version"),
    ] = ()
    oauth: Annotated[
        tuple[OAuth, ...],
        Field(max_length=MANY, strict=False, description="OAuth providers whose tokens it uses."),
        distinct("provider"),
    ] = ()
    required_scopes: Annotated[
        tuple[Line, ...],
        Field(max_length=MANY, strict=False, description="Scopes that a caller's key must have."),
    ] = ()

    @field_validator("dependencies")
    @classmethod
    def _can_be_met(cls, value: dict[str, str]) -> dict[str, str]:
        for name, text in value.items():
            if parse_range(text).is_empty():
                raise ValueError(f"asks for a version of {name!r} that cannot be: {text!r}")
        return value

    @model_validator(mode="after")
    def _needs_others_only(self) -> Self:
        if self.name in self.dependencies:
            raise ValueError("dependencies has the plugin itself")
        return self

    @model_validator(mode="after")
    def _answers_each_path_once(self) -> Self:
        seen: dict[tuple[Any, ...], str] = {}
        for number, endpoint in enumerate(self.api_endpoints):
            shape = (endpoint.method, *parse_path(endpoint.path).segments)
            if shape in seen:
                sentence = f"answers the same as {seen[shape]!r}"
                raise fault_at(("api_endpoints", number, "path"), sentence)
            seen[shape] = endpoint.path
        return self

    @model_validator(mode="after")
    def _asks_for_what_it_publishes(self) -> Self:
        asked = self.asked()
        for number, webhook in enumerate(self.webhooks):
            wanted = webhook.publishing()
            if wanted is not None and not any(each.covers(wanted) for each in asked):
                sentence = f"needs the permission {wanted}, which the manifest does not ask for"
                raise fault_at(("webhooks", number, "event"), sentence)
        return self

    @model_validator(mode="after")
    def _offers_what_it_is_probed_with(self) -> Self:
        names = [each.partition("@")[0] for each in self.capabilities]
        probe = self.agent.probe if self.agent is not None else None
        if probe is not None and probe.capability not in names:
            offered = ", ".join(names[:_SHOWN_MAX]) or "nothing"
            sentence = f"must be one that `capabilities` lists: {offered}"
            raise fault_at(("agent", "probe", "capability"), sentence)
        return self

    def asked(self) -> tuple[Permission, ...]:
        """Return the permissions asked for, optional ones too."""
        return tuple(request.parsed() for request in self.permissions)

    def document(self) -> dict[str, Any]:
        """Return the manifest as a JSON object, for storage."""
        return self.model_dump(mode="json")

    @classmethod
    def restored(cls, document: Mapping[str, Any]) -> Manifest:
        """Return a manifest from what `document` gave.

        Raises:
            InvalidManifest: it was stored by rules that have changed since.
        """
        try:
            return cls.model_validate(document)
        except ValidationError as exc:
            raise refusal(exc, "", cls) from exc


def parse_manifest(source: bytes) -> Manifest:
    """Parse the bytes of a ``plugin.toml``.

    Raises:
        InvalidManifest: it is too large, not UTF-8 or not TOML, or fields are wrong: all that are,
            as ``faults``, each with its path and its line.
    """
    text, document = parse_toml(source, max_bytes=MAX_MANIFEST_BYTES)
    try:
        return Manifest.model_validate(document)
    except ValidationError as exc:
        raise refusal(exc, text, Manifest) from exc
