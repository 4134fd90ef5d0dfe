"""The author's manifest, checked as a host would before it installs the plugin."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from wardian.cli.authoring.errors import NotAPlugin
from wardian.cli.authoring.project import SCRATCH
from wardian.errors import Fault, InvalidManifest
from wardian.plugins.askable import unaskable
from wardian.plugins.faults import located
from wardian.plugins.imports import undeclared, unused
from wardian.plugins.lines import Lines
from wardian.plugins.manifest import MANIFEST_NAME, MAX_MANIFEST_BYTES, Manifest, parse_manifest
from wardian.plugins.manifest_schema import FILE_NAME, manifest_schema
from wardian.plugins.package import (
    SUFFIX,
    check_entries,
    is_component,
    manifest_at,
    package_files,
    read_directory,
    read_source,
)
from wardian.runtime.manifests import check_manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A manifest without faults, and what it came with.

    Attributes:
        manifest: the manifest.
        source: its text.
        component: the component beside it, if there is one.
    """

    manifest: Manifest
    source: bytes
    component: bytes | None = None

    def remarks(
        self, imports: Collection[str], functions: Collection[str] | None = None
    ) -> list[Fault]:
        """Return what a component that imports this makes of the manifest's permissions; and of
        its being an agent, where it is known which functions it exports."""
        lines = Lines(self.source.decode())
        found = undeclared(self.manifest, imports) + unused(self.manifest, imports)
        if functions is not None:
            found += [Fault(each, "category") for each in unaskable(self.manifest, functions)]
        return [
            Fault(each.message, each.path, lines.of(each.path) if each.path else None)
            for each in found
        ]


def check_source(source: bytes, files: Collection[str] | None = None) -> Manifest:
    """Check the text of a manifest, alone or with the names of its package's other files.

    Raises:
        InvalidManifest: with all of its faults.
    """
    manifest = parse_manifest(source)
    checks: list[Callable[[], None]] = [lambda: check_manifest(manifest)]
    if files is not None:
        checks.append(lambda: check_entries(manifest, files))
    faults: list[Fault] = []
    for check in checks:
        try:
            with located(source):
                check()
        except InvalidManifest as exc:
            faults += exc.faults
    if faults:
        raise InvalidManifest(faults=faults)
    return manifest


def write_schema(directory: Path) -> None:
    """Write the JSON Schema of ``plugin.toml`` to where the first line of a new one says it is."""
    scratch = directory / SCRATCH
    scratch.mkdir(exist_ok=True)
    text = json.dumps(manifest_schema(), indent=2, ensure_ascii=False)
    (scratch / FILE_NAME).write_text(f"{text}\n", encoding="utf-8")


def check_at(path: Path) -> Checked:
    """Check what is at ``path``: a plugin's directory, built or not, a manifest or a package.

    Raises:
        InvalidManifest: with all of its faults.
        NotAPlugin: there is nothing of the kind.
        PayloadTooLarge: a package larger than any.
    """
    try:
        if path.is_dir():
            return _check_directory(path)
        if not path.is_file():
            raise NotAPlugin(f"There is no file or directory {path}.")
        if path.suffix != SUFFIX:
            source = _manifest_source(path)
            return Checked(manifest=check_source(source), source=source)
        package = read_source(path)
    except OSError as error:
        raise NotAPlugin(f"{path} cannot be read: {error.strerror}.") from error
    check_source(package.manifest_source, package.files)
    return Checked(
        manifest=package.manifest, source=package.manifest_source, component=package.component
    )


def _check_directory(folder: Path) -> Checked:
    if not (folder / MANIFEST_NAME).is_file():
        raise NotAPlugin(f"{folder} has no {MANIFEST_NAME}, the plugin's manifest.")
    source = manifest_at(folder)
    files = package_files(folder)
    manifest = check_source(source, files)
    if not any(map(is_component, files)):
        return Checked(manifest=manifest, source=source)
    return Checked(manifest=manifest, source=source, component=read_directory(folder).component)


def _manifest_source(path: Path) -> bytes:
    with path.open("rb") as stream:
        # One more, so that a file that is too large is seen to be.
        return stream.read(MAX_MANIFEST_BYTES + 1)
