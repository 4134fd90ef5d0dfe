"""What a path on this machine holds: a component, a package or its signature, a directory."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wardian.crypto.keys import refuse_private
from wardian.errors import InvalidArguments
from wardian.plugins.package import Package, pack, read_source
from wardian.policy.levels import Level
from wardian.policy.permissions import Permission

SIGNATURE_SUFFIX = ".sig"

_SIGNATURE_BYTES_MAX = 64 * 1024


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


def package_at(source: Path) -> bytes:
    """Read a package, or pack a directory.

    Raises:
        InvalidArguments: there is nothing readable at ``source``.
    """
    if source.is_dir():
        return pack(source)
    if not source.exists():
        raise InvalidArguments(f"There is no file or directory {str(source)!r}.")
    try:
        return source.read_bytes()
    except OSError as error:
        raise InvalidArguments(f"{str(source)!r} cannot be read: {error.strerror}.") from error


def signature_of(source: Path, chosen: Path | None) -> bytes | None:
    """Read a package's signature: the chosen file, or the one beside it if there is one.

    Raises:
        InvalidArguments: it cannot be read.
    """
    path = chosen or source.with_name(source.name + SIGNATURE_SUFFIX)
    if chosen is None and (source.is_dir() or not path.exists()):
        return None
    return public_content(path, _SIGNATURE_BYTES_MAX)


def public_content(path: Path, bytes_max: int) -> bytes:
    """Read the beginning of a file that is for others, such as a signature.

    Raises:
        InvalidArguments: it cannot be read, or is a private key.
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(bytes_max)
    except OSError as error:
        raise InvalidArguments(f"{str(path)!r} cannot be read: {error.strerror}.") from error
    refuse_private(content, repr(str(path)))
    return content


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
