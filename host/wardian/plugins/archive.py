"""Zip archives from strangers: read into memory, member by member, within caps.

Nothing is ever extracted, so a member's name is a name and never a path on this machine.
"""

from __future__ import annotations

import hashlib
import re
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from io import BytesIO

from wardian.errors import InvalidManifest, PayloadTooLarge

MAX_MEMBERS = 256
MAX_NAME_CHARS = 256
MAX_RATIO = 50
"""How far a member may inflate; wasm compresses to a third, text to a tenth, a bomb to a
thousandth."""

_RATIO_APPLIES_FROM = 1024 * 1024
_CHUNK = 256 * 1024
_END = b"PK\x05\x06"
_END_BYTES = 22
_ZIP64_LOCATOR = b"PK\x06\x07"
_ZIP64_LOCATOR_BYTES = 20
_MAX_DIRECTORY_BYTES = MAX_MEMBERS * (46 + 3 * MAX_NAME_CHARS)
_NAME = re.compile(r"[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)*")
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest a zip can say


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
        InvalidManifest: not a zip archive, or one that a package cannot be: encrypted, with
            links, with names that traverse, repeat or differ in case only, with too many members,
            inflating like a bomb, or a member that is to be kept and has more than its room.
        PayloadTooLarge: the members are larger than ``max_bytes`` together.
    """
    _check_directory(content)
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            members = _checked(archive.infolist())
            return _read(archive, members, max_bytes, room)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError) as exc:
        raise _refused(f"is a damaged zip archive: {exc}") from exc


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
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED, compresslevel=9)
    return buffer.getvalue()


def _check_directory(content: bytes) -> None:
    """Bound the archive's directory before zipfile makes an object of each of its entries."""
    end = content[-_END_BYTES:]
    if not content.startswith(b"PK\x03\x04") or not end.startswith(_END) or len(end) < _END_BYTES:
        raise _refused("is not a plain zip archive")
    directory_bytes = int.from_bytes(end[12:16], "little")
    before = content[-_END_BYTES - _ZIP64_LOCATOR_BYTES : -_END_BYTES]
    if directory_bytes > _MAX_DIRECTORY_BYTES or before.startswith(_ZIP64_LOCATOR):
        raise _refused(f"has more than {MAX_MEMBERS} members")


def check_names(names: Iterable[str]) -> None:
    """Check that files of these names can be in one archive.

    Raises:
        InvalidManifest: too many, one that is no plain relative name, or two that differ in case
            only.
    """
    seen: set[str] = set()
    for name in names:
        parts = name.split("/")
        if len(name) > MAX_NAME_CHARS or not _NAME.fullmatch(name) or {".", ".."} & set(parts):
            raise _refused_member(name, "has no plain relative name")
        if name.casefold() in seen:
            raise _refused(f"has two members named {name!r}")
        seen.add(name.casefold())
    if len(seen) > MAX_MEMBERS:
        raise _refused(f"has more than {MAX_MEMBERS} members")


def _checked(entries: list[zipfile.ZipInfo]) -> list[zipfile.ZipInfo]:
    if len(entries) > MAX_MEMBERS:
        raise _refused(f"has more than {MAX_MEMBERS} members")
    files = [entry for entry in entries if not entry.filename.endswith("/")]
    check_names(entry.orig_filename for entry in files)
    for entry in files:
        fault = _fault(entry)
        if fault is not None:
            raise _refused_member(entry.filename, fault)
    return files


def _fault(entry: zipfile.ZipInfo) -> str | None:
    mode = entry.external_attr >> 16
    if mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        return "is not a regular file"
    if entry.flag_bits & 0x1:
        return "is encrypted"
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "is compressed in a way that packages do not use"
    return None


def _read(
    archive: zipfile.ZipFile,
    entries: list[zipfile.ZipInfo],
    max_bytes: int,
    room: Callable[[str], int],
) -> Archive:
    kept: dict[str, bytes] = {}
    digests: dict[str, str] = {}
    left = max_bytes
    for entry in entries:
        name = entry.filename
        member = _Member(name, left=left, max_bytes=max_bytes, room=room(name))
        member.read(archive, entry)
        left -= member.size
        digests[name] = member.digest.hexdigest()
        if member.room:
            # Unlike a join of chunks, this copies nothing: a component is never here twice.
            kept[name] = member.content.getvalue()
    return Archive(kept, digests)


class _Member:
    """One member while it is inflated, counting what really comes out: its header is a claim."""

    def __init__(self, name: str, *, left: int, max_bytes: int, room: int) -> None:
        self.name = name
        self.size = 0
        self.room = room
        self.content = BytesIO()
        self.digest = hashlib.sha256()
        self._left = left
        self._max_bytes = max_bytes

    def read(self, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
        most = max(entry.compress_size * MAX_RATIO, _RATIO_APPLIES_FROM)
        with archive.open(entry) as stream:
            while chunk := stream.read(_CHUNK):
                self.size += len(chunk)
                if self.size > self._left:
                    raise PayloadTooLarge(
                        f"The package's files are larger than {self._max_bytes} bytes."
                    )
                if self.size > most:
                    raise _refused_member(self.name, f"inflates more than {MAX_RATIO} times")
                self._take(chunk)

    def _take(self, chunk: bytes) -> None:
        self.digest.update(chunk)
        if not self.room:
            return
        if self.size > self.room:
            raise _refused_member(self.name, f"is larger than {self.room} bytes")
        self.content.write(chunk)


def _refused_member(name: str, fault: str) -> InvalidManifest:
    return _refused(f"has a member {name[:MAX_NAME_CHARS]!r} that {fault}")


def _refused(reason: str) -> InvalidManifest:
    return InvalidManifest(f"The file is not a plugin package: it {reason}.")
