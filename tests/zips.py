"""Zip archives byte by byte, so that they can lie."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, replace
from typing import Any

_LOCAL = struct.Struct("<4s5H3L2H")
_RECORD = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")


@dataclass(frozen=True, kw_only=True)
class Headers:
    """What an archive says of a member, once beside it and once in its directory."""

    name: bytes
    version: int = 20
    flags: int = 0
    method: int = 8
    crc: int = 0
    packed: int = 0
    size: int = 0
    extra: bytes = b""
    comment: bytes = b""
    made_by: int = 3 << 8
    attributes: int = 0o100644 << 16
    disk: int = 0
    offset: int = -1


@dataclass(frozen=True)
class Member:
    """A member: its bytes in the archive, and its two headers, which agree at first."""

    data: bytes
    local: Headers
    central: Headers
    behind: bytes = b""

    def lying(self, **fields: Any) -> Member:
        """The same with another header beside it."""
        return replace(self, local=replace(self.local, **fields))

    def recorded(self, **fields: Any) -> Member:
        """The same with another record in the directory."""
        return replace(self, central=replace(self.central, **fields))

    def said(self, **fields: Any) -> Member:
        """The same with other headers, which agree."""
        return self.lying(**fields).recorded(**fields)


def member(name: str | bytes, content: bytes, *, stored: bool = False) -> Member:
    """An honest member."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    data = content if stored else packer.compress(content) + packer.flush()
    headers = Headers(
        name=name.encode() if isinstance(name, str) else name,
        method=0 if stored else 8,
        crc=zlib.crc32(content),
        packed=len(data),
        size=len(content),
    )
    return Member(data, headers, headers)


def archive(
    *members: Member, before: bytes = b"", gap: bytes = b"", after: bytes = b"", **end: int
) -> bytes:
    """An archive of members, with bytes where none belong, or another end than it should have."""
    content = before
    records = b""
    for each in members:
        offset = len(content) if each.central.offset < 0 else each.central.offset
        content += _local(each.local) + each.data + each.behind
        records += _record(each.central, offset)
    content += gap
    said = {
        "disk": 0,
        "first": 0,
        "here": len(members),
        "count": len(members),
        "size": len(records),
        "start": len(content),
        "comment": 0,
    } | end
    return content + records + _END.pack(b"PK\x05\x06", *said.values()) + after


def _local(said: Headers) -> bytes:
    fields = (said.version, said.flags, said.method, 0, 0x21, said.crc, said.packed, said.size)
    lengths = len(said.name), len(said.extra)
    return _LOCAL.pack(b"PK\x03\x04", *fields, *lengths) + said.name + said.extra


def _record(said: Headers, offset: int) -> bytes:
    fields = (said.version, said.flags, said.method, 0, 0x21, said.crc, said.packed, said.size)
    lengths = len(said.name), len(said.extra), len(said.comment)
    place = said.disk, 0, said.attributes, offset
    packed = _RECORD.pack(b"PK\x01\x02", said.made_by, *fields, *lengths, *place)
    return packed + said.name + said.extra + said.comment
