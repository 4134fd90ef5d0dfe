"""Manifests against this host: the contract that they need, and what they say of configuration."""

from __future__ import annotations

from wardian.config import ConfigSchema
from wardian.config.secrets import secret_faults
from wardian.errors import Fault, InvalidManifest
from wardian.plugins.api_versions import check_api_version
from wardian.plugins.manifest import Manifest
from wardian.runtime.schedules.checks import topic_faults


def check_manifest(manifest: Manifest) -> None:
    """Check what a manifest says against this host and against itself.

    Raises:
        InvalidManifest: another contract than this host's, a schema that is none, or
            defaults that do not fit it or hold what it calls a secret; or schedules that publish
            what the plugin does not ask for.
    """
    check_api_version(manifest.api_version)
    topics = topic_faults(manifest)
    if topics:
        raise InvalidManifest(faults=topics)
    for index, each in enumerate(manifest.row_data):
        ConfigSchema(each.data_schema, where=f"row_data[{index}].data_schema")
    if manifest.config_schema is not None:
        secrets = secret_faults(manifest.config_schema, manifest.default_config)
        if secrets:
            raise InvalidManifest(faults=[_of_defaults(fault) for fault in secrets])
        ConfigSchema(manifest.config_schema).check_defaults(manifest.default_config)


def _of_defaults(fault: Fault) -> Fault:
    path = "default_config" if fault.path is None else f"default_config.{fault.path}"
    return Fault(fault.message, path)
