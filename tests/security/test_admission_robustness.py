"""Damaged components: each is admitted or refused, and the host goes on."""

from __future__ import annotations

import asyncio
import gc
import os
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from random import Random

import pytest

from guests import DIRECTORY, guest
from wardian import errors
from wardian.runtime.executor import Executor, ExecutorSettings
from wardian.sandbox import Description
from wardian.worlds import contract

pytestmark = pytest.mark.anyio

ATTEMPTS = int(os.environ.get("WARDIAN_EXAMPLES") or 25)
"""Of every kind of damage, for every guest."""

HEADER_BYTES = 8
GUESTS = sorted(path.stem for path in DIRECTORY.glob("*.wat"))


def flipped(component: bytes, random: Random) -> bytes:
    """Some bits are the other way round."""
    damaged = bytearray(component)
    for _ in range(random.randint(1, 4)):
        damaged[random.randrange(len(damaged))] ^= 1 << random.randrange(8)
    return bytes(damaged)


def overwritten(component: bytes, random: Random) -> bytes:
    """A few bytes past the header are other ones."""
    start = random.randrange(HEADER_BYTES, len(component))
    size = random.randint(1, 8)
    return component[:start] + random.randbytes(size) + component[start + size :]


def truncated(component: bytes, random: Random) -> bytes:
    """The end is missing."""
    return component[: random.randrange(len(component))]


def repeated(component: bytes, random: Random) -> bytes:
    """A section comes a second time, somewhere between the others."""
    sections = sections_of(component)
    sections.insert(random.randint(0, len(sections)), random.choice(sections))
    return component[:HEADER_BYTES] + b"".join(sections)


def reordered(component: bytes, random: Random) -> bytes:
    """Two sections have changed places, and one may be missing."""
    sections = sections_of(component)
    first, second = random.randrange(len(sections)), random.randrange(len(sections))
    sections[first], sections[second] = sections[second], sections[first]
    return component[:HEADER_BYTES] + b"".join(sections[random.randint(0, 1) :])


def sections_of(component: bytes) -> list[bytes]:
    """Cut a component behind its header; a section is a byte, its size in LEB128, and a body."""
    sections, start = [], HEADER_BYTES
    while start < len(component):
        size, shift, position = 0, 0, start + 1
        while True:
            byte = component[position]
            size |= (byte & 0x7F) << shift
            position, shift = position + 1, shift + 7
            if byte < 0x80:
                break
        sections.append(component[start : position + size])
        start = position + size
    return sections


DAMAGE: list[Callable[[bytes, Random], bytes]] = [
    flipped,
    overwritten,
    truncated,
    repeated,
    reordered,
]


@pytest.fixture
async def executor(tmp_path: Path) -> AsyncIterator[Executor]:
    settings = ExecutorSettings(
        cache_dir=tmp_path / "cache",
        workers_max=1,
        compile_seconds=10,
        compile_memory_bytes=1024 * 1024 * 1024,
    )
    async with Executor(settings, contract().offer()) as made:
        yield made


async def admitted(executor: Executor, component: bytes) -> str:
    """Tell how a component fared."""
    try:
        description = await executor.admit(component)
    except (errors.InvalidComponent, errors.CompileExceeded) as error:
        return type(error).__name__
    assert isinstance(description, Description)
    assert description.size_bytes == len(component)
    return "admitted"


def open_descriptors() -> set[str]:
    return set(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda damage: damage.__name__)
async def test_a_damaged_component_is_admitted_or_refused(
    executor: Executor, damage: Callable[[bytes, Random], bytes]
) -> None:
    random = Random(damage.__name__)
    await executor._pool._filled()  # a spare on its way would be counted on one side only
    gc.collect()  # nor what tests before have left to be collected
    before = open_descriptors()
    tasks = asyncio.all_tasks()
    found: Counter[str] = Counter()
    for name in GUESTS:
        whole = guest(name)
        for _ in range(ATTEMPTS):
            found[await admitted(executor, damage(whole, random))] += 1
    assert found.total() == ATTEMPTS * len(GUESTS)
    assert found["InvalidComponent"] > 0

    assert await admitted(executor, guest("calculator")) == "admitted"
    async with asyncio.timeout(5):  # connections close a turn of the loop later
        # Counted, because others of this loop may have begun tasks in place of theirs.
        while len(asyncio.all_tasks()) > len(tasks) or len(open_descriptors()) > len(before):
            await asyncio.sleep(0.01)
