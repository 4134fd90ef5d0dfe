"""The author's manifest, checked as a host would before it installs the plugin."""

from __future__ import annotations

from wardian.config import ConfigSchema
from wardian.plugins.manifest import Manifest


def check_configuration(manifest: Manifest) -> None:
    """Check the schema of a plugin's configuration, and the defaults against it.

    Raises:
        InvalidManifest: with the path of the fault.
    """
    if manifest.config_schema is not None:
        ConfigSchema(manifest.config_schema).check_defaults(manifest.default_config)
