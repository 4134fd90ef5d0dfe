"""The JSON Schema of ``plugin.toml`` (draft 2020-12), for editors; made from the models."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from wardian.plugins.manifest import Manifest

FILE_NAME = "plugin.schema.json"


def manifest_schema() -> dict[str, Any]:
    """Return the schema; what it refuses the host does, and nearly all that the host refuses."""
    found = Manifest.model_json_schema(schema_generator=_OfToml)
    return {
        "$schema": GenerateJsonSchema.schema_dialect,
        "title": "plugin.toml, the manifest of a Wardian plugin",
        **found,
    }


class _OfToml(GenerateJsonSchema):
    """Leaves out what TOML does not have, null, and titles that repeat the fields' names."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        found = super().default_schema(schema)
        if found.get("default", ...) is None:
            del found["default"]
        return found

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        found = super().dict_schema(schema)
        # It says what a name must be like, and then takes others too.
        return found | {"additionalProperties": False} if "patternProperties" in found else found

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        found = super().model_schema(schema)
        del found["title"]
        return found
