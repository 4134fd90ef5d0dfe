"""The layout of a zip archive (PKWARE's APPNOTE 6.3), of which packages use a small, strict part.

Zip readers differ in what they believe: the directory at the end or the members' own headers, the
first of two members of a name or the last. An archive that passes here says everything twice and
the same, and leaves no byte unaccounted for: to every reader it is the same archive.
"""

from __future__ import annotations

import stat
import struct
from dataclasses import dataclass
from typing import NamedTuple

from wardian.errors import InvalidManifest

MAX_MEMBERS = 256
MAX_NAME_CHARS = 256

_LOCAL_MARK, _RECORD_MARK, _END_MARK = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
_RECORD = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_LOCAL_BYTES = 30
_SHARED = slice(6, 32)
"""The part of a directory's record that a member's header repeats: version to lengths."""

_VERSION_MAX = 20
"""What reading a member may take: 20 is deflate, 45 is 64-bit sizes."""
_STORED, _DEFLATED = 0, 8
_ENCRYPTED = 0x0001 | 0x0040 | 0x2000
_STREAMED = 0x0008
_FLAGS = 0x0006 | 0x0800  # how hard it was compressed; that its name is UTF-8
_DOS_DIRECTORY = 0x10
_DOS_ATTRIBUTES = 0x01 | 0x02 | 0x04 | 0x20 | 0x80  # read-only, hidden, system, archive, normal


@dataclass(frozen=True, slots=True)
class Entry:
    """One member: its name, what its headers say, and where in the archive its bytes are."""

    name: str
    deflated: bool
    crc: int
    size: int
    start: int
    end: int


def read_layout(content: bytes) -> list[Entry]:
    """Return the members of an archive, in their order.

    Raises:
        InvalidManifest: not a zip archive, or one with what no package needs: bytes before,
            between or behind its members, headers that disagree, comments, extra fields, 64-bit
            sizes, several disks, directories, links, devices, encryption.
    """
    count, start, end = _directory(content)
    entries: list[Entry] = []
    position, following = start, 0
    for _ in range(count):
        record, raw = _record(content, position, end)
        entry = _member(content, position, record, raw)
        if record.offset != following or entry.end > start:
            raise refused_member(entry.name, "does not begin where the one before it ends")
        entries.append(entry)
        position += _RECORD.size + len(raw)
        following = entry.end
    if position != end or following != start:
        raise refused("has bytes that belong to no member")
    return entries


class _Record(NamedTuple):
    """One record of the directory."""

    mark: bytes
    made_by: int
    version: int
    flags: int
    method: int
    time: int
    date: int
    crc: int
    packed_bytes: int
    size: int
    name_bytes: int
    extra_bytes: int
    comment_bytes: int
    disk: int
    internal: int
    attributes: int
    offset: int


def _directory(content: bytes) -> tuple[int, int, int]:
    """Return how many records the directory has, where it begins and where it ends."""
    end = len(content) - _END.size
    if end < 0 or not content.startswith(_LOCAL_MARK):
        raise refused("is not a plain zip archive")
    mark, disk, first_disk, here, count, size, start, comment = _END.unpack_from(content, end)
    if mark != _END_MARK or comment:
        raise refused("is not a plain zip archive: something follows it, or it was cut short")
    if count > MAX_MEMBERS:
        raise refused(f"has more than {MAX_MEMBERS} members")
    if disk or first_disk or here != count:
        raise refused("is one of several parts of an archive")
    if start + size != end:
        raise refused("has bytes that belong to no member")
    return count, start, end


def _record(content: bytes, position: int, end: int) -> tuple[_Record, bytes]:
    """Return the record of the directory at ``position``, and the name in it."""
    if position + _RECORD.size > end:
        raise refused("has a directory that is cut short")
    record = _Record(*_RECORD.unpack_from(content, position))
    start = position + _RECORD.size
    raw = content[start : start + record.name_bytes]
    if record.mark != _RECORD_MARK or start + record.name_bytes > end:
        raise refused("has a directory that is cut short")
    return record, raw


def _member(content: bytes, position: int, record: _Record, raw: bytes) -> Entry:
    """Return the member of a record, which its own header must repeat."""
    name = raw.decode("utf-8", "replace")
    fault = _fault(record, name) or _kind_fault(record, name)
    if fault is not None:
        raise refused_member(name, fault)
    start = record.offset + _LOCAL_BYTES + len(raw)
    shared = content[position : position + _RECORD.size][_SHARED]
    if content[record.offset : start] != _LOCAL_MARK + shared + raw:
        raise refused_member(name, "has a header that disagrees with the directory")
    return Entry(
        name=name,
        deflated=record.method == _DEFLATED,
        crc=record.crc,
        size=record.size,
        start=start,
        end=start + record.packed_bytes,
    )


def _fault(record: _Record, name: str) -> str | None:
    if len(name) > MAX_NAME_CHARS:
        return "has no plain relative name"
    if record.flags & _ENCRYPTED:
        return "is encrypted"
    if record.flags & _STREAMED:
        return "has its size behind it, where readers do not agree on it"
    if record.version > _VERSION_MAX or record.flags & ~_FLAGS:
        return "uses features of zip that packages do not, such as 64-bit sizes"
    if record.method not in (_STORED, _DEFLATED):
        return "is compressed in a way that packages do not use"
    if record.extra_bytes or record.comment_bytes:
        return "has extra fields or a comment"
    return None


def _kind_fault(record: _Record, name: str) -> str | None:
    mode, dos = record.attributes >> 16, record.attributes & 0xFFFF
    if name.endswith("/") or dos & _DOS_DIRECTORY or stat.S_ISDIR(mode):
        return "is a directory; its files alone make it"
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG) or dos & ~_DOS_ATTRIBUTES or record.disk:
        return "is not a regular file"
    return None


def refused_member(name: str, fault: str) -> InvalidManifest:
    """Return the error for a member that no package may have."""
    return refused(f"has a member {name[:MAX_NAME_CHARS]!r} that {fault}")


def refused(reason: str) -> InvalidManifest:
    """Return the error for an archive that is no package."""
    return InvalidManifest(f"The file is not a plugin package: it {reason}.")
