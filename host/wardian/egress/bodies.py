"""Bodies of responses, decompressed piece by piece and counted while they come."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterable, Callable
from typing import Protocol

from wardian.egress.faults import Exhausted, Unavailable

PIECE_BYTES = 64 * 1024

RATIO_MAX = 200
RATIO_FREE_BYTES = 1024 * 1024
"""A body may grow to this in decompression, whatever it was; beyond, `RATIO_MAX` times at most."""

MEMBERS_MAX = 64
"""Of a gzip file, which may be several in a row."""

YIELD_BYTES = 256 * 1024
"""After so much has been decoded others have the event loop."""

_GZIP = 16 + zlib.MAX_WBITS
_ZLIB = zlib.MAX_WBITS
_RAW = -zlib.MAX_WBITS

CODINGS = "gzip, deflate"
"""What this host decompresses."""


class Decoder(Protocol):
    """Takes a body as it comes and gives pieces of `PIECE_BYTES` at most."""

    def feed(self, data: bytes) -> None: ...

    def piece(self) -> bytes:
        """Return what there is next; nothing until more is fed."""
        ...

    def finish(self) -> None:
        """Check that the body is whole.

        Raises:
            Unavailable: it is not.
        """
        ...


class _Plain:
    def __init__(self) -> None:
        self._data = b""

    def feed(self, data: bytes) -> None:
        self._data = data

    def piece(self) -> bytes:
        data, self._data = self._data, b""
        return data

    def finish(self) -> None:
        """As much as came is the body."""


class _Inflated:
    """gzip, of several members perhaps, or deflate, of which there are two kinds."""

    def __init__(self, coding: str) -> None:
        self._coding = coding
        self._bits = _GZIP if coding == "gzip" else None
        self._stream: zlib._Decompress | None = None
        self._left = b""
        self._members = 0

    def feed(self, data: bytes) -> None:
        self._left += data

    def piece(self) -> bytes:
        try:
            return self._piece()
        except zlib.error as exc:
            raise Unavailable(f"The response's body is not {self._coding}.") from exc

    def _piece(self) -> bytes:
        while self._stream or self._left:
            stream = self._stream or self._next_member()
            # What the stream holds back from its earlier input comes with none, too.
            piece = stream.decompress(self._left, PIECE_BYTES)
            self._left = stream.unused_data if stream.eof else stream.unconsumed_tail
            if stream.eof:
                self._stream = None
            if piece or not stream.eof:
                return piece
        return b""

    def _next_member(self) -> zlib._Decompress:
        self._members += 1
        most = MEMBERS_MAX if self._bits == _GZIP else 1
        if self._members > most:
            raise Unavailable(f"The response's body goes on after its end in {self._coding}.")
        if self._bits is None:
            # The first byte of a zlib stream has 8 in its lower half, which no other has.
            self._bits = _ZLIB if self._left[0] & 0x0F == 8 else _RAW
        self._stream = zlib.decompressobj(self._bits)
        return self._stream

    def finish(self) -> None:
        if self._stream is not None or self._left:
            raise Unavailable(f"The response's body ends in the middle of its {self._coding}.")


def decoder_for(coding: str | None) -> Decoder | None:
    """Return what decodes a body of this ``content-encoding``; None if nothing has to.

    Raises:
        Unavailable: it is one that was not asked for.
    """
    name = (coding or "identity").strip().lower()
    if name in ("identity", ""):
        return None
    if name in ("gzip", "x-gzip", "deflate"):
        return _Inflated(name.removeprefix("x-"))
    raise Unavailable(f"The response's body is encoded as {name[:40]!r}, which was not asked for.")


async def read_body(
    chunks: AsyncIterable[bytes],
    decoder: Decoder | None,
    bytes_max: int,
    hold: Callable[[int], None],
) -> bytes:
    """Read a body to its end.

    Args:
        bytes_max: when it is decompressed.
        hold: told of every further byte before it is kept.

    Raises:
        Exhausted: it is larger, or grows too much in decompression.
        Unavailable: it is not in its coding.
    """
    decode = decoder or _Plain()
    body = bytearray()
    fed = 0
    yielded = 0
    async for chunk in chunks:
        fed += len(chunk)
        decode.feed(chunk)
        while piece := decode.piece():
            _check(len(body) + len(piece), fed, bytes_max)
            hold(len(piece))
            body += piece
            if len(body) - yielded >= YIELD_BYTES:
                yielded = len(body)
                await asyncio.sleep(0)
    if fed:
        decode.finish()
    return bytes(body)


def _check(size: int, fed: int, bytes_max: int) -> None:
    if size > bytes_max:
        raise Exhausted(f"The response's body has more than the {bytes_max} bytes of this call.")
    if size > max(RATIO_FREE_BYTES, fed * RATIO_MAX):
        raise Exhausted(f"The response's body grows more than {RATIO_MAX} times, decompressed.")
