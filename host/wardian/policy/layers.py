"""Where the values of a configuration come from: environments, layers, scopes."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any


class Environment(StrEnum):
    """What a host is for."""

    DEVELOPMENT = "development"
    STAGING = "staging"
    PRODUCTION = "production"


class ConfigLayer(StrEnum):
    """Who gives a value; later ones lie over earlier ones."""

    DEFAULTS = "defaults"
    """The plugin's author, in the manifest."""
    ENVIRONMENT = "environment"
    """Whoever runs hosts of one environment; files are this layer."""
    USER = "user"
    """The tenant."""
    RUNTIME = "runtime"
    """Whoever changes something for the time being."""


class Origin(StrEnum):
    """How a value came."""

    MANIFEST = "manifest"
    FILE = "file"
    API = "api"


Settings = Mapping[str, Any]
"""Values that one layer gives."""

Document = Mapping[str, Settings]
"""What one origin gives in one scope: its settings, by `slot`."""

TENANT_WIDE = ""
"""The scope whose values are for every plugin of the tenant; any other is a plugin's name."""

PLACES = (
    (True, Origin.FILE),
    (True, Origin.API),
    (False, Origin.FILE),
    (False, Origin.API),
)
"""Within a layer, whether a document is tenant-wide, and its origin; later ones lie over earlier
ones."""

Documents = tuple[Document, Document, Document, Document]
"""All that concerns one plugin, in the order of `PLACES`."""

NO_DOCUMENTS: Documents = ({}, {}, {}, {})


def slot(layer: ConfigLayer, environment: Environment) -> str:
    """Return under which name a document has the settings of a layer."""
    return f"{layer}:{environment}" if layer is ConfigLayer.ENVIRONMENT else layer.value
