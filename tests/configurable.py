"""Plugins to configure, for tests of configurations."""

from __future__ import annotations

from typing import Any

from hosts import WASM
from wardian.plugins.archive import write_archive
from wardian.runtime.config_edits import Edit, Place

CANARY = "canary-secret-value"

WEATHER = """
name = "weather"
version = "1.0.0"

[default_config]
units = "metric"
limits = { daily = 10 }

[config_schema]
type = "object"
additionalProperties = false

[config_schema.properties]
units = { enum = ["metric", "imperial"] }
region = { type = "string", maxLength = 2 }
limits = { type = "object", properties = { daily = { type = "integer" } } }
names = { type = "array", items = { type = "string" } }
token = { type = "string", writeOnly = true }
api_key = { type = "string" }
"a.b" = {}
a = { type = "object" }
"""

MAPS = """
name = "maps"
version = "1.0.0"

[config_schema]
type = "object"
additionalProperties = false
required = ["size"]

[config_schema.properties]
region = { type = "string", minLength = 2 }
size = { type = "integer" }
"""

FREE = 'name = "free"\nversion = "1.0.0"\n'
"""A plugin without a schema, which takes anything."""


def configurable(manifest: str = WEATHER, wasm: bytes = WASM) -> bytes:
    """A package with this manifest."""
    return write_archive({"plugin.toml": manifest.encode(), "plugin.wasm": wasm})


def of(plugin: str | None = "weather", **place: Any) -> Place:
    """A layer of a plugin, the user's unless another is named."""
    return Place(plugin=plugin, **place)


def put(**values: Any) -> Edit:
    """Set values."""
    return Edit(put=values)
