"""Plugins as things: manifests, packages, what is installed. Nothing here knows wasm."""

from wardian.plugins.manifest import Manifest, PermissionRequest, parse_manifest
from wardian.plugins.package import Package, pack, read_directory, read_package
from wardian.plugins.registry import Installed, Registry
from wardian.plugins.states import TRANSITIONS, PluginState
from wardian.plugins.store import PackageStore

__all__ = [
    "TRANSITIONS",
    "Installed",
    "Manifest",
    "Package",
    "PackageStore",
    "PermissionRequest",
    "PluginState",
    "Registry",
    "pack",
    "parse_manifest",
    "read_directory",
    "read_package",
]
