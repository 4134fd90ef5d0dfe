"""Where in an author's files a build failed: what toolchains print, read line by line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from wardian.cli.authoring.errors import BuildFailed
from wardian.errors import InvalidManifest, WardianError
from wardian.plugins.manifest import MANIFEST_NAME


class SourceFault(msgspec.Struct, frozen=True, kw_only=True):
    """One place that is wrong.

    Attributes:
        file: below the plugin's directory, with ``/`` between.
        line, column: from 1; 0 where they are not known.
        text: what is wrong, in the toolchain's words.
    """

    file: str
    line: int
    column: int = 0
    text: str = ""

    def __str__(self) -> str:
        place = ":".join(map(str, filter(None, (self.file, self.line, self.column))))
        return f"{place}: {self.text}" if self.text else place


_FRAME = re.compile(r' *File "(?P<file>[^"]+)", line (?P<line>\d+)')
_TYPESCRIPT = re.compile(
    r"(?P<file>[^\s(][^(\n]*)\((?P<line>\d+),(?P<column>\d+)\): error (?P<text>.*)"
)
_ARROW = re.compile(r"\s*--> (?P<file>.+?):(?P<line>\d+):(?P<column>\d+)$")
_ESBUILD = re.compile(r"\s+(?P<file>\S.*?):(?P<line>\d+):(?P<column>\d+):$")
_ERROR = re.compile(r"error|\d+: |✘|X \[ERROR\]")
_LEAD = re.compile(r"^(error(\[\w+\])?: |\d+: |(✘|X) \[ERROR\] )")


def faults_of(error: WardianError, directory: Path) -> list[SourceFault]:
    """Return the places in ``directory`` that ``error`` is about, in the order they were found.

    Empty where no place is known, or where what failed is none of the author's files.
    """
    if isinstance(error, InvalidManifest):
        return list(_in_manifest(error))
    if not isinstance(error, BuildFailed):
        return []
    lines = error.output.splitlines()
    found = [*_python(lines), *_typescript(lines), *_pointed_at(lines)]
    mine = (_below(fault, directory) for fault in found)
    return list(dict.fromkeys(fault for fault in mine if fault is not None))


def _in_manifest(error: InvalidManifest) -> Iterator[SourceFault]:
    if error.line is None:
        return
    for fault in error.faults:
        told = fault.path is None or fault.path in fault.message
        text = fault.message if told else f"{fault.path}: {fault.message}"
        yield SourceFault(file=MANIFEST_NAME, line=fault.line or 0, text=text)


def _python(lines: list[str]) -> Iterator[SourceFault]:
    """The innermost frame of each traceback that is not in the SDK or in Wardian's own entry."""
    frame: re.Match[str] | None = None
    for line in lines:
        found = _FRAME.match(line)
        if found is not None:
            # A file of the guest's own has a root that nobody knows outside of it.
            frame = frame if Path(found["file"]).parts[1:2] in _GUEST_ROOTS else found
        elif frame is not None and line and not line.startswith(" "):
            yield SourceFault(file=frame["file"], line=int(frame["line"]), text=line)
            frame = None


_GUEST_ROOTS = (("1",), ("2",), ("3",), ("python",))


def _typescript(lines: list[str]) -> Iterator[SourceFault]:
    for line in lines:
        found = _TYPESCRIPT.match(line)
        if found is not None:
            yield _at(found, found["text"])


def _pointed_at(lines: list[str]) -> Iterator[SourceFault]:
    """A sentence, and below it the place: WIT, Rust (an arrow) and esbuild (a colon at the end)."""
    sentence = ""
    for line in lines:
        found = _ARROW.match(line) or _ESBUILD.match(line)
        if found is not None and sentence:
            yield _at(found, _LEAD.sub("", sentence))
            sentence = ""
        elif _ERROR.match(line.strip()):
            sentence = line.strip()
        elif line.startswith("warning"):
            sentence = ""


def _at(found: re.Match[str], text: str) -> SourceFault:
    return SourceFault(
        file=found["file"], line=int(found["line"]), column=int(found["column"]), text=text
    )


def _below(fault: SourceFault, directory: Path) -> SourceFault | None:
    """Name a fault's file from the plugin's directory; None if it is not below it."""
    path = (directory / fault.file).resolve()
    if not path.is_relative_to(directory.resolve()):
        return None
    name = path.relative_to(directory.resolve()).as_posix()
    return msgspec.structs.replace(fault, file=name)
