"""Bodies of responses, decompressed piece by piece."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import AsyncIterator, Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardian.egress.bodies import RATIO_FREE_BYTES, RATIO_MAX, decoder_for, read_body
from wardian.egress.faults import EgressFault, Exhausted, Unavailable

pytestmark = pytest.mark.anyio

MIB = 1024 * 1024


def deflated(data: bytes) -> bytes:
    """deflate as it is meant: with zlib's header."""
    return zlib.compress(data)


def raw(data: bytes) -> bytes:
    """deflate as some servers send it: without."""
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


PACKED: list[tuple[str, Callable[[bytes], bytes]]] = [
    ("gzip", gzip.compress),
    ("x-gzip", gzip.compress),
    ("GZip", gzip.compress),
    ("deflate", deflated),
    ("deflate", raw),
    ("identity", bytes),
]


class Came:
    """Pieces of a body, and how many were taken."""

    def __init__(self, data: bytes, size: int) -> None:
        self.pieces = [data[at : at + size] for at in range(0, len(data), size)]
        self.taken = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            self.taken += len(piece)
            yield piece


async def read(
    data: bytes, coding: str | None = None, bytes_max: int = 8 * MIB, size: int = 16 * 1024
) -> bytes:
    return await read_body(Came(data, size), decoder_for(coding), bytes_max, lambda more: None)


def run(coroutine: object) -> bytes:
    """Run what waits for nothing."""
    try:
        coroutine.send(None)  # type: ignore[attr-defined]
    except StopIteration as ended:
        return ended.value  # type: ignore[no-any-return]
    raise AssertionError("it waits")


@pytest.mark.parametrize(("coding", "pack"), PACKED)
@given(data=st.binary(max_size=3000), size=st.integers(1, 700))
def test_a_body_comes_back_whole_however_it_is_cut(
    coding: str, pack: Callable[[bytes], bytes], data: bytes, size: int
) -> None:
    assert run(read(pack(data), coding, size=size)) == data


@pytest.mark.parametrize(("coding", "pack"), PACKED)
async def test_a_large_body_comes_back_whole(coding: str, pack: Callable[[bytes], bytes]) -> None:
    data = b"".join(b"%d," % number for number in range(300_000))

    assert await read(pack(data), coding) == data


async def test_a_gzip_file_of_several_members_is_one_body() -> None:
    assert await read(gzip.compress(b"one") + gzip.compress(b"two"), "gzip", size=7) == b"onetwo"


@pytest.mark.parametrize(
    ("coding", "data"),
    [
        ("gzip", gzip.compress(b"x", mtime=0) * 65),
        ("gzip", gzip.compress(b"hello", mtime=0)[:-3]),
        ("gzip", gzip.compress(b"hello", mtime=0)[:-8] + b"\0" * 8),
        ("gzip", b"hello"),
        ("gzip", gzip.compress(b"hello", mtime=0) + b"tail"),
        ("deflate", deflated(b"hello") + b"\x00"),
        ("deflate", deflated(b"hello")[:-1]),
        ("deflate", b"\xff\xff"),
    ],
)
async def test_a_body_that_is_not_in_its_coding_is_unavailable(coding: str, data: bytes) -> None:
    with pytest.raises(Unavailable):
        await read(data, coding)


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, gzip", "compress", "x" * 500])
async def test_a_coding_that_was_not_asked_for_is_unavailable(coding: str) -> None:
    with pytest.raises(Unavailable, match="not asked for") as refused:
        await read(b"x", coding)

    assert len(refused.value.text) < 200


async def test_a_body_of_nothing_is_nothing_in_every_coding() -> None:
    for coding, _ in PACKED:
        assert await read(b"", coding) == b""


def bombs() -> Iterable[tuple[str, bytes]]:
    yield "gzip", gzip.compress(b"\0" * 64 * MIB)
    yield "deflate", deflated(b"\0" * 64 * MIB)
    yield "deflate", raw(b"\0" * 64 * MIB)


@pytest.mark.parametrize(("coding", "data"), list(bombs()), ids=["gzip", "zlib", "raw"])
async def test_a_body_that_grows_too_much_is_given_up_early(coding: str, data: bytes) -> None:
    came = Came(data, 1024)
    held: list[int] = []

    with pytest.raises(Exhausted, match=f"more than {RATIO_MAX} times"):
        await read_body(came, decoder_for(coding), 64 * MIB, held.append)

    assert sum(held) <= RATIO_FREE_BYTES
    assert came.taken < 4096


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
async def test_a_body_is_given_up_at_its_limit(pack: Callable[[bytes], bytes]) -> None:
    came = Came(pack(b"".join(b"%d," % number for number in range(100_000))), 1024)
    coding = "identity" if pack is bytes else "gzip"

    with pytest.raises(Exhausted, match="more than the 10000 bytes"):
        await read_body(came, decoder_for(coding), 10_000, lambda more: None)

    assert came.taken <= 11 * 1024


async def test_who_keeps_count_can_stop_it() -> None:
    def full(more: int) -> None:
        raise Exhausted("full")

    with pytest.raises(EgressFault, match="full"):
        await read_body(Came(b"x", 1), None, 10, full)
