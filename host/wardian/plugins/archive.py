"""Zip archives from strangers: read into memory, member by member, within caps.

Nothing is ever extracted, so a member's name is a name and never a path on this machine.
"""

from __future__ import annotations

import hashlib
import re
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import PurePosixPath

from wardian.errors import PayloadTooLarge
from wardian.plugins.zip_layout import (
    MAX_MEMBERS,
    MAX_NAME_CHARS,
    Entry,
    read_layout,
    refused,
    refused_member,
)

MAX_RATIO = 50
"""How far an archive, or one of its members, may inflate; wasm compresses to a third, text to a
tenth, a bomb to a thousandth."""

COMPRESSION = 6
"""Of an 18 MB component, level 9 saves 1 % more than 6 and takes five times as long (0.7 s, 3.4 s);
level 1 is three times as fast as 6 and 13 % larger."""

_RATIO_APPLIES_FROM = 1024 * 1024
_CHUNK = 256 * 1024
_PIECE = 64 * 1024
_NAME = re.compile(r"[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)*")
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest a zip can say

_ARCHIVE_MARKS = (
    b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd",
    b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", b"MSCF",
)  # fmt: skip
_TAR_MARK, _TAR_MARK_AT = b"ustar", 257
_BEGINNING = _TAR_MARK_AT + len(_TAR_MARK)
"""How zip, gzip, bzip2, xz, zstd, 7z, rar, cab and tar files begin."""


@dataclass(frozen=True, slots=True)
class Archive:
    """What was read of an archive.

    Attributes:
        kept: the content of the members that were asked for, by name.
        digests: the SHA-256 of every member, by name, in hexadecimal.
    """

    kept: Mapping[str, bytes]
    digests: Mapping[str, str]


def read_archive(content: bytes, *, max_bytes: int, room: Callable[[str], int]) -> Archive:
    """Read a zip archive; every member is inflated to be counted and hashed, few are kept.

    Args:
        content: the bytes of the archive.
        max_bytes: what all members may take together.
        room: how many bytes of the member of this name are to be kept at most; 0 keeps none.

    Raises:
        InvalidManifest: not a zip archive, or one that a package cannot be: with a layout that
            `read_layout` refuses, with names that traverse, repeat or differ in case only, with
            archives in it, inflating like a bomb, damaged, or with a member that is to be kept
            and has more than its room.
        PayloadTooLarge: the members are larger than ``max_bytes`` together.
    """
    entries = read_layout(content)
    check_names(entry.name for entry in entries)
    kept: dict[str, bytes] = {}
    digests: dict[str, str] = {}
    intake = _Intake(max_bytes, max(len(content) * MAX_RATIO, _RATIO_APPLIES_FROM))
    for entry in entries:
        member = _Member(entry, room(entry.name))
        for chunk in _inflated(content, entry):
            intake.count(chunk)
            member.take(chunk)
        member.end()
        digests[entry.name] = member.digest.hexdigest()
        if member.room:
            kept[entry.name] = member.content.getvalue()
    return Archive(kept, digests)


def write_archive(members: Mapping[str, bytes]) -> bytes:
    """Return a zip archive of ``members``, the same bytes for the same members.

    Equal input gives equal output wherever zlib is the same; order, times and modes are fixed.
    """
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in sorted(members.items()):
            entry = zipfile.ZipInfo(name, date_time=_EPOCH)
            entry.create_system = 3  # Unix on every machine, or the bytes would differ
            entry.external_attr = (stat.S_IFREG | 0o644) << 16
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED, compresslevel=COMPRESSION)
    return buffer.getvalue()


def check_names(names: Iterable[str]) -> None:
    """Check that files of these names can be in one archive.

    Raises:
        InvalidManifest: too many, one that is no plain relative name, or two that differ in case
            only, or of which one would be a folder of the other.
    """
    seen: set[str] = set()
    for name in names:
        parts = name.split("/")
        if len(name) > MAX_NAME_CHARS or not _NAME.fullmatch(name) or {".", ".."} & set(parts):
            raise refused_member(name, "has no plain relative name")
        if name.casefold() in seen:
            raise refused(f"has two members named {name!r}")
        seen.add(name.casefold())
    if len(seen) > MAX_MEMBERS:
        raise refused(f"has more than {MAX_MEMBERS} members")
    folders = {str(folder) for name in seen for folder in PurePosixPath(name).parents}
    if folders & seen:
        raise refused_member(min(folders & seen), "is a file and a folder")


def _inflated(content: bytes, entry: Entry) -> Iterator[bytes]:
    """Yield the content of a member in pieces."""
    packed = memoryview(content)[entry.start : entry.end]
    pieces = (packed[at : at + _PIECE] for at in range(0, len(packed), _PIECE))
    if not entry.deflated:
        yield from map(bytes, pieces)
        return
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        for piece in pieces:
            # What is left of the input is copied each time, so it is given in small pieces.
            yield inflater.decompress(piece, _CHUNK)
            while inflater.unconsumed_tail:
                yield inflater.decompress(inflater.unconsumed_tail, _CHUNK)
            if inflater.eof:
                break
    except zlib.error as exc:
        raise refused_member(entry.name, "is damaged") from exc
    if not inflater.eof or inflater.unused_data or any(True for _ in pieces):
        raise refused_member(entry.name, "does not end where it should")


class _Intake:
    """Counts what comes out of a whole archive."""

    def __init__(self, max_bytes: int, most: int) -> None:
        self._max_bytes = max_bytes
        self._most = most
        self._size = 0

    def count(self, chunk: bytes) -> None:
        self._size += len(chunk)
        if self._size > self._max_bytes:
            raise PayloadTooLarge(f"The package's files are larger than {self._max_bytes} bytes.")
        if self._size > self._most:
            raise refused(f"inflates more than {MAX_RATIO} times")


class _Member:
    """One member while it is inflated, counting what really comes out: its header is a claim."""

    def __init__(self, entry: Entry, room: int) -> None:
        self.room = room
        self.content = BytesIO()
        self.digest = hashlib.sha256()
        self._entry = entry
        self._size = 0
        self._crc = 0
        self._beginning = b""
        packed = entry.end - entry.start
        self._most = max(packed * MAX_RATIO, _RATIO_APPLIES_FROM)

    def take(self, chunk: bytes) -> None:
        if len(self._beginning) < _BEGINNING:
            self._beginning = (self._beginning + chunk)[:_BEGINNING]
        self._size += len(chunk)
        if self._size > self._most:
            raise refused_member(self._entry.name, f"inflates more than {MAX_RATIO} times")
        self._crc = zlib.crc32(chunk, self._crc)
        self.digest.update(chunk)
        if not self.room:
            return
        if self._size > self.room:
            raise refused_member(self._entry.name, f"is larger than {self.room} bytes")
        self.content.write(chunk)

    def end(self) -> None:
        if (self._size, self._crc) != (self._entry.size, self._entry.crc):
            raise refused_member(self._entry.name, "is damaged")
        # What is in it would be looked at by nobody here.
        if self._beginning.startswith(_ARCHIVE_MARKS) or self._beginning.endswith(_TAR_MARK):
            raise refused_member(self._entry.name, "is an archive itself")
