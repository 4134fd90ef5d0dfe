"""Zip archives from strangers: read into memory, member by member, within caps.

Nothing is ever extracted, so a member's name is a name and never a path on this machine.
"""

from __future__ import annotations

import re
import stat
import zipfile
import zlib
from collections.abc import Mapping
from io import BytesIO

from wardian.errors import InvalidManifest, PayloadTooLarge

MAX_MEMBERS = 256
MAX_NAME_CHARS = 256
MAX_RATIO = 200
"""How far a member may inflate; wasm compresses to a third, a bomb to a thousandth."""

_RATIO_APPLIES_FROM = 1024 * 1024
_CHUNK = 256 * 1024
_END = b"PK\x05\x06"
_END_BYTES = 22
_ZIP64_LOCATOR = b"PK\x06\x07"
_ZIP64_LOCATOR_BYTES = 20
_MAX_DIRECTORY_BYTES = MAX_MEMBERS * (46 + 3 * MAX_NAME_CHARS)
_NAME = re.compile(r"[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)*")
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest a zip can say


def read_archive(content: bytes, *, max_bytes: int) -> dict[str, bytes]:
    """Return the members of a zip archive by name.

    Raises:
        InvalidManifest: not a zip archive, or one that a package cannot be: encrypted, with
            links, with names that traverse, repeat or differ in case only, with too many members,
            or inflating like a bomb.
        PayloadTooLarge: the members are larger than ``max_bytes`` together.
    """
    _check_directory(content)
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            members = _checked(archive.infolist())
            return _read(archive, members, max_bytes)
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


def _checked(entries: list[zipfile.ZipInfo]) -> list[zipfile.ZipInfo]:
    if len(entries) > MAX_MEMBERS:
        raise _refused(f"has more than {MAX_MEMBERS} members")
    files = [entry for entry in entries if not entry.is_dir()]
    seen: set[str] = set()
    for entry in files:
        name = entry.filename
        fault = _fault(entry)
        if fault is not None:
            raise _refused(f"has a member {name[:MAX_NAME_CHARS]!r} that {fault}")
        if name.casefold() in seen:
            raise _refused(f"has two members named {name!r}")
        seen.add(name.casefold())
    return files


def _fault(entry: zipfile.ZipInfo) -> str | None:
    name = entry.orig_filename
    parts = name.split("/")
    if len(name) > MAX_NAME_CHARS or not _NAME.fullmatch(name) or {".", ".."} & set(parts):
        return "has no plain relative name"
    mode = entry.external_attr >> 16
    if mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        return "is not a regular file"
    if entry.flag_bits & 0x1:
        return "is encrypted"
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "is compressed in a way that packages do not use"
    return None


def _read(
    archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo], max_bytes: int
) -> dict[str, bytes]:
    members: dict[str, bytes] = {}
    left = max_bytes
    for entry in entries:
        members[entry.filename] = _read_member(archive, entry, left, max_bytes)
        left -= len(members[entry.filename])
    return members


def _read_member(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo, left: int, max_bytes: int
) -> bytes:
    """Inflate one member, counting what really comes out: what the header says is a claim."""
    chunks: list[bytes] = []
    total = 0
    most = max(entry.compress_size * MAX_RATIO, _RATIO_APPLIES_FROM)
    with archive.open(entry) as stream:
        while chunk := stream.read(_CHUNK):
            total += len(chunk)
            if total > left:
                raise PayloadTooLarge(f"The package's files are larger than {max_bytes} bytes.")
            if total > most:
                raise _refused(f"inflates {entry.filename!r} more than {MAX_RATIO} times")
            chunks.append(chunk)
    return b"".join(chunks)


def _refused(reason: str) -> InvalidManifest:
    return InvalidManifest(f"The file is not a plugin package: it {reason}.")
