"""Packages: a manifest and a component, in a directory or in one ``.wardian`` file.

A ``.wardian`` file is a zip archive of ``plugin.toml``, one component at the root, and if wanted
``README.md``, files below ``ui/``, and ``digests.json`` with the SHA-256 of every other member.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wardian.crypto.digests import sha256_hex
from wardian.errors import InvalidArguments, InvalidManifest, NotFound, PayloadTooLarge
from wardian.plugins.archive import MAX_MEMBERS, read_archive, write_archive
from wardian.plugins.manifest import MANIFEST_NAME, MAX_MANIFEST_BYTES, Manifest, parse_manifest
from wardian.storage.documents import dump_json, parse_json

SUFFIX = ".wardian"
COMPONENT_NAME = "plugin.wasm"
README_NAME = "README.md"
DIGESTS_NAME = "digests.json"
UI_FOLDER = "ui/"
MAX_PACKAGE_BYTES = 256 * 1024 * 1024
"""What a package's files may take together, if nobody says another number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A plugin as it was delivered.

    Attributes:
        manifest: parsed and checked.
        component: the bytes of the WebAssembly component, not yet looked at.
        files: everything else in the package, by name.
    """

    manifest: Manifest
    component: bytes
    files: Mapping[str, bytes] = field(default_factory=dict)


def read_package(content: bytes, *, max_bytes: int = MAX_PACKAGE_BYTES) -> Package:
    """Read the bytes of a ``.wardian`` file.

    Raises:
        InvalidManifest: not a package, or its manifest has a fault.
        PayloadTooLarge: its files are larger than ``max_bytes`` together.
    """
    members = read_archive(content, max_bytes=max_bytes)
    _check_digests(members)
    members.pop(DIGESTS_NAME, None)
    return _package(members)


def read_directory(folder: Path, *, max_bytes: int = MAX_PACKAGE_BYTES) -> Package:
    """Read a directory with a ``plugin.toml`` and one ``*.wasm`` in it.

    Other files are the plugin's source and are left alone, but for ``README.md`` and ``ui/``.

    Raises:
        NotFound: there is no such directory.
        InvalidManifest: it holds no plugin, or the manifest has a fault.
        PayloadTooLarge: its files are larger than ``max_bytes`` together.
    """
    if not folder.is_dir():
        raise NotFound(f"There is no directory {folder.name!r} to read a plugin from.")
    names = [MANIFEST_NAME, README_NAME, *(path.name for path in sorted(folder.glob("*.wasm")))]
    paths = [folder / name for name in names]
    paths += sorted(path for path in (folder / UI_FOLDER).rglob("*"))
    members: dict[str, bytes] = {}
    left = max_bytes
    for path in paths:
        if path.is_file() and not path.is_symlink():
            if path.stat().st_size > left or len(members) >= MAX_MEMBERS:
                raise PayloadTooLarge(f"The package's files are larger than {max_bytes} bytes.")
            members[path.relative_to(folder).as_posix()] = path.read_bytes()
            left -= path.stat().st_size
    return _package(members)


def read_source(source: bytes | Path, *, max_bytes: int = MAX_PACKAGE_BYTES) -> Package:
    """Read a package from bytes, from a ``.wardian`` file or from a directory.

    Raises:
        NotFound: the path leads nowhere.
        InvalidManifest, PayloadTooLarge: as for `read_package` and `read_directory`.
    """
    if isinstance(source, bytes):
        return read_package(source, max_bytes=max_bytes)
    if source.is_dir():
        return read_directory(source, max_bytes=max_bytes)
    if not source.is_file():
        raise NotFound(f"There is no file or directory {source.name!r} to install.")
    if source.stat().st_size > max_bytes:
        raise PayloadTooLarge(f"The package is larger than {max_bytes} bytes.")
    return read_package(source.read_bytes(), max_bytes=max_bytes)


def pack(folder: Path) -> bytes:
    """Return the ``.wardian`` file of a plugin's directory; the same bytes for the same files.

    Raises:
        NotFound, InvalidManifest, PayloadTooLarge: as for `read_directory`.
    """
    package = read_directory(folder)
    members = {
        MANIFEST_NAME: (folder / MANIFEST_NAME).read_bytes(),
        COMPONENT_NAME: package.component,
        **package.files,
    }
    digests = {name: sha256_hex(content) for name, content in sorted(members.items())}
    return write_archive(members | {DIGESTS_NAME: dump_json(digests).encode()})


def file_name(manifest: Manifest) -> str:
    """Return the name that a package's file has: ``NAME-VERSION.wardian``."""
    return f"{manifest.name}-{manifest.version}{SUFFIX}"


def _package(members: Mapping[str, bytes]) -> Package:
    if MANIFEST_NAME not in members:
        raise InvalidManifest(f"The package has no {MANIFEST_NAME}.", path=MANIFEST_NAME)
    components = [name for name in members if name.endswith(".wasm") and "/" not in name]
    if len(components) != 1:
        found = ", ".join(components) or "none"
        raise InvalidManifest(
            f"A package has exactly one component, a *.wasm file at its root; this one has {found}."
        )
    others = {
        name: content
        for name, content in members.items()
        if name not in (MANIFEST_NAME, components[0])
    }
    for name in others:
        if name != README_NAME and not name.startswith(UI_FOLDER):
            raise InvalidManifest(f"A package cannot hold {name!r}; other files go below 'ui/'.")
    manifest = parse_manifest(members[MANIFEST_NAME])
    for index, component in enumerate(manifest.ui_components):
        if component.entry not in others:
            raise InvalidManifest(
                f"The package does not hold {component.entry!r}.",
                path=f"ui_components[{index}].entry",
            )
    return Package(manifest=manifest, component=members[components[0]], files=others)


def _check_digests(members: Mapping[str, bytes]) -> None:
    if DIGESTS_NAME not in members:
        return
    try:
        stated: Any = parse_json(members[DIGESTS_NAME].decode(), max_bytes=MAX_MANIFEST_BYTES)
    except (UnicodeDecodeError, InvalidArguments) as exc:
        raise InvalidManifest(f"{DIGESTS_NAME} is not JSON.", path=DIGESTS_NAME) from exc
    real = {name: sha256_hex(content) for name, content in members.items() if name != DIGESTS_NAME}
    if stated != real:
        differing = _differing(stated, real)
        raise InvalidManifest(
            f"The package is damaged: {DIGESTS_NAME} does not fit {differing}.", path=DIGESTS_NAME
        )


def _differing(stated: Any, real: Mapping[str, str]) -> str:
    if not isinstance(stated, dict):
        return "the package's files"
    names = sorted(
        name for name in stated.keys() | real.keys() if stated.get(name) != real.get(name)
    )
    return repr(names[0][:200])
