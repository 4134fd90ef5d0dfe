"""What rows say of plugins, parsed again.

A manifest was checked when it came, by the rules of then. A row that the rules of now refuse must
not keep the tenant's other plugins from being read, nor its own from being seen, upgraded and
removed.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from wardian.errors import InvalidArguments, InvalidManifest
from wardian.plugins.api_versions import check_api_version
from wardian.plugins.manifest import Manifest
from wardian.policy.levels import Level
from wardian.policy.permissions import Permission, parse_permission
from wardian.sandbox.description import Description
from wardian.storage.rows import PluginRow

_log = logging.getLogger("wardian.plugins")


class StoredContent(NamedTuple):
    """The documents of a plugin's row.

    Attributes:
        fault: why they cannot be read, for people; the documents are then empty ones that ask for
            nothing and offer nothing.
    """

    manifest: Manifest
    description: Description
    fault: str | None = None


def read_content(row: PluginRow) -> StoredContent:
    """Return what a plugin's row holds, or why that is not taken any more."""
    try:
        manifest = Manifest.restored(row.manifest)
        check_api_version(manifest.api_version)
        return StoredContent(manifest, msgspec.convert(row.description, Description))
    except (InvalidManifest, msgspec.ValidationError) as error:
        fault = (
            f"what is stored of {row.plugin_version} is not taken by this version of Wardian: "
            f"{error}".removesuffix(".")
        )
        _log.warning("The plugin %s of %s is set aside: %s.", row.name, row.tenant, fault)
        return _empty(row, fault)


def read_grants(plugin: str, granted: Iterable[str]) -> tuple[Permission, ...]:
    """Return stored grants; one that is no permission any more grants nothing, and is logged."""
    found: list[Permission] = []
    for text in granted:
        try:
            found.append(parse_permission(text))
        except InvalidArguments as error:
            _log.warning("A grant of %s is left out: %s", plugin, error.message)
    return tuple(found)


def _empty(row: PluginRow, fault: str) -> StoredContent:
    # Not validated, because its name may be what is refused.
    manifest = Manifest.model_construct(
        name=row.name,
        version=row.plugin_version,
        sandbox_level=Level(row.level),
        dependencies={},
        default_config={},
    )
    description = Description(digest=row.digest, size_bytes=0, imports=[], exports=[], functions={})
    return StoredContent(manifest, description, fault)
