"""Packages: a manifest and a component, in a directory or in one ``.wardian`` file.

A ``.wardian`` file is a zip archive of ``plugin.toml``, one component at the root, and if wanted
``README.md``, files below ``ui/``, and ``digests.json`` with the SHA-256 of every other member.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wardian.crypto.digests import sha256_hex
from wardian.errors import Fault, InvalidArguments, InvalidManifest, NotFound, PayloadTooLarge
from wardian.plugins.archive import check_names, read_archive, write_archive
from wardian.plugins.faults import MAX_FAULTS, located
from wardian.plugins.manifest import MANIFEST_NAME, MAX_MANIFEST_BYTES, Manifest, parse_manifest
from wardian.storage.documents import dump_json, parse_json

SUFFIX = ".wardian"
COMPONENT_NAME = "plugin.wasm"
README_NAME = "README.md"
DIGESTS_NAME = "digests.json"
UI_FOLDER = "ui/"
DECLARED_NAME = ".wardian-build/enhancements.toml"
"""In a plugin's directory: what its build found in the source and the manifest is to have beside
what it says; see `manifest_at`."""

_MAX_DIGESTS_BYTES = 128 * 1024
_WASM_MAGIC = b"\0asm"
MAX_PACKAGE_BYTES = 256 * 1024 * 1024
"""What a package's files may take together, if nobody says another number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A plugin as it was delivered.

    Attributes:
        content: the whole ``.wardian`` file.
        manifest: parsed and checked.
        manifest_source: the text it was parsed from.
        component: the bytes of the WebAssembly component, not yet looked at.
        files: the SHA-256 of everything else in the package, by name.
    """

    content: bytes = field(repr=False)
    manifest: Manifest
    manifest_source: bytes = field(repr=False)
    component: bytes = field(repr=False)
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """The SHA-256 of the whole file: what is signed, and under which it is kept."""
        return sha256_hex(self.content)


def read_package(content: bytes, *, max_bytes: int = MAX_PACKAGE_BYTES) -> Package:
    """Read the bytes of a ``.wardian`` file.

    Raises:
        InvalidManifest: not a package, or its manifest has a fault.
        PayloadTooLarge: its files are larger than ``max_bytes`` together.
    """
    archive = read_archive(content, max_bytes=max_bytes, room=lambda name: _room(name, max_bytes))
    _check_digests(archive.kept.get(DIGESTS_NAME), archive.digests)
    others = {name: digest for name, digest in archive.digests.items() if name != DIGESTS_NAME}
    return _package(content, archive.kept, others)


def component_of(content: bytes, *, max_bytes: int = MAX_PACKAGE_BYTES) -> bytes:
    """Return the component of a ``.wardian`` file that was read before, or a bare one as it is.

    Hosts of earlier versions kept components without their packages.

    Raises:
        InvalidManifest, PayloadTooLarge: not a package.
    """
    if content.startswith(_WASM_MAGIC):
        return content
    archive = read_archive(
        content, max_bytes=max_bytes, room=lambda name: max_bytes if is_component(name) else 0
    )
    return next(iter(archive.kept.values()))


def read_directory(folder: Path, *, max_bytes: int = MAX_PACKAGE_BYTES) -> Package:
    """Read a directory with a ``plugin.toml`` and one ``*.wasm`` in it.

    Other files are the plugin's source and are left alone, but for ``README.md`` and ``ui/``.

    Raises:
        NotFound: there is no such directory.
        InvalidManifest: it holds no plugin, the manifest has a fault, a file has a name that no
            package takes, or the plugin is a link to somewhere else.
        PayloadTooLarge: its files are larger than ``max_bytes`` together.
    """
    members: dict[str, bytes] = {}
    left = max_bytes
    files = package_files(folder)
    if MANIFEST_NAME in files and not any(map(is_component, files)):
        raise InvalidManifest(
            f"There is no {COMPONENT_NAME} in {str(folder)!r}. Make it with: "
            f"wardian build {shlex.quote(str(folder))}",
            path=COMPONENT_NAME,
        )
    for name, path in files.items():
        size = path.stat().st_size
        if size > left:
            raise PayloadTooLarge(f"The package's files are larger than {max_bytes} bytes.")
        left -= size
        members[name] = manifest_at(folder) if name == MANIFEST_NAME else path.read_bytes()
    members[COMPONENT_NAME] = members.pop(_component_among(members))
    digests = {name: sha256_hex(content) for name, content in sorted(members.items())}
    content = write_archive(members | {DIGESTS_NAME: dump_json(digests).encode()})
    # What can be packed can be installed: it is judged as if it came from somebody else.
    return read_package(content, max_bytes=max_bytes)


def manifest_at(folder: Path) -> bytes:
    """Return the text of a directory's manifest as it is packed: the author's own, and behind it
    what the build found declared in the source.

    Raises:
        InvalidManifest: what the build left there is a link to somewhere else.
    """
    own, declared = folder / MANIFEST_NAME, folder / DECLARED_NAME
    text = _beginning(own)
    if declared.is_symlink() or declared.parent.is_symlink():
        raise InvalidManifest(f"{DECLARED_NAME} is a link; it is what `wardian build` writes.")
    if not declared.is_file():
        return text
    return b"\n\n".join((text.rstrip(b"\n"), _beginning(declared)))


def _beginning(path: Path) -> bytes:
    with path.open("rb") as stream:
        # One more, so that a file that is too large is seen to be.
        return stream.read(MAX_MANIFEST_BYTES + 1)


def read_source(source: bytes | str | Path, *, max_bytes: int = MAX_PACKAGE_BYTES) -> Package:
    """Read a package from bytes, from a ``.wardian`` file or from a directory.

    Raises:
        NotFound: the path leads nowhere.
        InvalidManifest, PayloadTooLarge: as for `read_package` and `read_directory`.
    """
    if isinstance(source, bytes):
        return read_package(source, max_bytes=max_bytes)
    source = Path(source)
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
    return read_directory(folder).content


def file_name(manifest: Manifest) -> str:
    """Return the name that a package's file has: ``NAME-VERSION.wardian``."""
    return f"{manifest.name}-{manifest.version}{SUFFIX}"


def _room(name: str, max_bytes: int) -> int:
    """Tell how much of a member is needed to know the plugin: all of three, nothing of others."""
    if name == MANIFEST_NAME:
        return MAX_MANIFEST_BYTES
    if name == DIGESTS_NAME:
        return _MAX_DIGESTS_BYTES
    return max_bytes if is_component(name) else 0


def is_component(name: str) -> bool:
    """Tell whether the file of this name is the component of its package."""
    return name.endswith(".wasm") and "/" not in name


def package_files(folder: Path) -> dict[str, Path]:
    """Return the files of a directory that are its package's, by their names in it.

    Raises:
        NotFound: there is no such directory.
        InvalidManifest: a file has a name that no package takes, or is a link to somewhere else.
    """
    if not folder.is_dir():
        raise NotFound(f"There is no directory {folder.name!r} to read a plugin from.")
    names = [MANIFEST_NAME, README_NAME, *(path.name for path in sorted(folder.glob("*.wasm")))]
    for name in (*names, UI_FOLDER.rstrip("/")):
        # A link would let whoever wrote the plugin pick a file of whoever packs it.
        if (folder / name).is_symlink():
            raise InvalidManifest(f"{name} is a link; a package holds its files themselves.")
    paths = [*(folder / name for name in names), *sorted((folder / UI_FOLDER).rglob("*"))]
    files = {
        path.relative_to(folder).as_posix(): path
        for path in paths
        if path.is_file() and not path.is_symlink()
    }
    check_names([*files, DIGESTS_NAME])
    return files


def _package(content: bytes, kept: Mapping[str, bytes], digests: Mapping[str, str]) -> Package:
    component_name = _component_among(kept)
    others = {
        name: digest
        for name, digest in digests.items()
        if name not in (MANIFEST_NAME, component_name)
    }
    _check_others(others)
    source = kept[MANIFEST_NAME]
    manifest = parse_manifest(source)
    with located(source):
        check_entries(manifest, others)
    return Package(
        content=content,
        manifest=manifest,
        manifest_source=source,
        component=kept[component_name],
        files=others,
    )


def check_entries(manifest: Manifest, files: Collection[str]) -> None:
    """Check that the package of these ``files`` holds what the manifest's user interface shows.

    Raises:
        InvalidManifest: it does not; with the paths.
    """
    faults = [
        Fault(f"The package does not hold {component.entry!r}.", f"ui_components[{index}].entry")
        for index, component in enumerate(manifest.ui_components)
        if component.entry not in files
    ]
    if faults:
        raise InvalidManifest(faults=faults[:MAX_FAULTS])


def _component_among(names: Collection[str]) -> str:
    """Return the name of the component, of a package that has what every package must have."""
    if MANIFEST_NAME not in names:
        raise InvalidManifest(f"The package has no {MANIFEST_NAME}.", path=MANIFEST_NAME)
    components = [name for name in names if is_component(name)]
    if len(components) != 1:
        found = ", ".join(components) or "none"
        raise InvalidManifest(
            f"A package has exactly one component, a *.wasm file at its root; this one has {found}."
        )
    return components[0]


def _check_others(names: Iterable[str]) -> None:
    for name in names:
        if name != README_NAME and not name.startswith(UI_FOLDER):
            raise InvalidManifest(f"A package cannot hold {name!r}; other files go below 'ui/'.")


def _check_digests(statement: bytes | None, digests: Mapping[str, str]) -> None:
    if statement is None:
        return
    try:
        stated = parse_json(statement.decode(), max_bytes=_MAX_DIGESTS_BYTES)
    except (UnicodeDecodeError, InvalidArguments) as exc:
        reason = exc.message if isinstance(exc, InvalidArguments) else "It is not UTF-8."
        raise InvalidManifest(f"{DIGESTS_NAME} is not JSON. {reason}", path=DIGESTS_NAME) from exc
    real = {name: digest for name, digest in digests.items() if name != DIGESTS_NAME}
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
