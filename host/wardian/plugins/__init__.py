"""Plugins as things: manifests, packages, what is installed. Nothing here knows wasm."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from wardian.plugins.manifest import Manifest, parse_manifest
from wardian.plugins.package import Package, pack, read_directory, read_package
from wardian.plugins.states import TRANSITIONS, PluginState
from wardian.plugins.store import PackageStore
from wardian.plugins.tables import PermissionRequest

if TYPE_CHECKING:
    from wardian.plugins.registry import Installed, Registry

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

_OF_REGISTRY = ("Installed", "Registry")


def __getattr__(name: str) -> Any:
    # Loaded at the first use: what is installed is in a database, what is being packed is not.
    if name not in _OF_REGISTRY:
        raise AttributeError(f"module 'wardian.plugins' has no attribute {name!r}")
    return getattr(import_module("wardian.plugins.registry"), name)
