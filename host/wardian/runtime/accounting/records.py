"""Records of finished calls as bytes of a segment of the ledger.

A record is a frame: a CRC-32 of what follows, the length of the payload, its kind, the payload;
integers are little-endian. A length of zero is the end: segments are made of zeros. A frame whose
checksum is wrong was being written when the host was killed or the power failed, and ends the
segment as well. Names are written once a segment, where they are met first, and calls refer to them
by number.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple
from zlib import crc32

import msgspec

_HEAD = struct.Struct("<IHB")
_CHECKED = struct.Struct("<HB")
_CALL = struct.Struct("<IBQQQQQIIQQ")
_CHECKED_CALL = struct.Struct("<HB" + _CALL.format.removeprefix("<"))
_CRC = struct.Struct("<I")

CALL_BYTES = _HEAD.size + _CALL.size

NAME_CHARACTERS_MAX = 200
"""Of a function's name, as far as accounts know it; others' are shorter by their own rules."""

RECORD_BYTES_MAX = 2_048
"""A call with its names, each character in four bytes: what room is kept for while it runs."""


_NAMES, _A_CALL = 1, 2

# Plain numbers, because arithmetic with an enum's members takes as long as all the rest.
ASKED = 1
"""Flag of a call from outside: the API, an event, a schedule, a webhook. It counts as a call of the
day's quota, and is charged for as one."""

STATISTICS = 2
"""Flag of a call that the plugin's own totals have."""


class Series(NamedTuple):
    """What calls have in common that are added up."""

    tenant: str
    plugin_id: str
    plugin: str
    version: str
    function: str
    outcome: str


class Finished(NamedTuple):
    """One call that has ended.

    Attributes:
        ended_ms: Unix time.
        fuel, sent, received, host_calls: of its own, without those of the calls that it made.
        memory_bytes: its peak, with those.
        memory_kib_ms: memory times time, of a call from outside.
    """

    flags: int
    ended_ms: int
    wall_us: int
    fuel: int
    memory_bytes: int
    memory_kib_ms: int
    host_calls: int
    http_requests: int
    sent: int
    received: int


def call_record(series: int, call: Finished) -> bytes:
    """Return the record of a call whose names are those of number ``series``."""
    body = _CHECKED_CALL.pack(_CALL.size, _A_CALL, series, *call)
    return _CRC.pack(crc32(body)) + body


def names_record(number: int, series: Series) -> bytes:
    """Return the record that gives names a number."""
    payload = msgspec.msgpack.encode((number, *series))
    body = _CHECKED.pack(len(payload), _NAMES) + payload
    return _CRC.pack(crc32(body)) + body


class Read(NamedTuple):
    """One call as it was read, and where the next record begins."""

    series: Series
    call: Finished
    end: int


def read_records(data: bytes) -> Iterator[Read]:
    """Go through the calls of a segment, up to its end or to what was not written whole."""
    names: dict[int, Series] = {}
    for kind, payload, end in _frames(data):
        if kind == _NAMES:
            number, *words = msgspec.msgpack.decode(payload)
            names[number] = Series(*words)
        else:
            number, *call = _CALL.unpack(payload)
            yield Read(names[number], Finished(*call), end)


def _frames(data: bytes) -> Iterator[tuple[int, bytes, int]]:
    at = 0
    while at + _HEAD.size <= len(data):
        check, length, kind = _HEAD.unpack_from(data, at)
        end = at + _HEAD.size + length
        # A length that leads past the end is one that was not written whole, either.
        if length == 0 or end > len(data) or crc32(data[at + _CRC.size : end]) != check:
            return
        yield kind, data[at + _HEAD.size : end], end
        at = end
