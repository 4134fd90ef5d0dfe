"""What a path on this machine holds: a component, a package, or a plugin's directory."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wardian.errors import InvalidArguments
from wardian.plugins.package import Package, read_source
from wardian.policy.levels import Level
from wardian.policy.permissions import Permission


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A component, and what its manifest says if it came with one."""

    name: str
    component: bytes
    version: str = ""
    level: Level = Level.RESTRICTED
    config: dict[str, Any] = field(default_factory=dict)
    asked: tuple[Permission, ...] = ()
    manifest: dict[str, Any] | None = None


def source_at(path: Path) -> Source:
    """Read what is at ``path``.

    Raises:
        InvalidArguments: nothing that can be read.
        InvalidManifest, PayloadTooLarge: a package with a fault.
    """
    if not path.exists():
        raise InvalidArguments(f"There is no file {str(path)!r}.")
    try:
        if path.is_dir() or path.suffix == ".wardian":
            return _packaged(read_source(path))
        return Source(name=path.stem, component=path.read_bytes())
    except OSError as error:
        raise InvalidArguments(f"{str(path)!r} cannot be read: {error.strerror}.") from error


def _packaged(package: Package) -> Source:
    manifest = package.manifest
    return Source(
        name=manifest.name,
        component=package.component,
        version=manifest.version,
        level=manifest.sandbox_level,
        config=dict(manifest.default_config),
        asked=manifest.asked(),
        manifest=manifest.document(),
    )
