"""Key-value storage under attack: no plugin keeps more than its quota, in whatever it writes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from fakes import HostCalls
from guests import guest
from hosts import FakeHost, fake_host, package
from wardian import Settings, open_host
from wardian.errors import GuestError
from wardian.storage import Database
from wardian.storage.kv import Entry, KvRepository, Quota
from wardian.storage.kv_layout import NAMESPACES_MAX, Namespace

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("on_both_databases")]

KEYS_MAX = 10
BYTES_MAX = 4_000
PLACES = ("kv", "a", "b")
"""`kv` itself, and two namespaces."""

Arguments = Mapping[str, Any]


def putting(place: str, key: str, value: str) -> tuple[str, str, list[Any]]:
    """The host call that writes an entry."""
    if place == "kv":
        return "kv", "set", [key, value, None]
    return "kv-namespaces", "set", [place, key, value, None]


async def several(arguments: Arguments, answer: HostCalls) -> list[Any]:
    """Make the host calls that it is given, one after the other."""
    return [await answer(*each) for each in arguments["calls"]]


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[FakeHost]:
    async with fake_host(
        tmp_path, {"several": several}, kv_keys_max=KEYS_MAX, kv_bytes_max=BYTES_MAX
    ) as opened:
        await opened.host.install(package(), grants="all")
        yield opened


async def attack(made: FakeHost, *calls: tuple[str, str, list[Any]]) -> list[Any]:
    outcome = await made.host.call("stores", "several", {"calls": list(calls)})
    answers: list[Any] = outcome.result
    return answers


async def kept(database: Database, plugin_id: str, *names: str) -> tuple[int, int]:
    """What there is of a plugin, counted entry by entry: bytes and keys."""
    found_bytes = found_keys = 0
    async with database.reading() as connection:
        for name in ("", *names):
            space = Namespace(name)
            entries = KvRepository(connection, "default", plugin_id, space)
            for key in await entries.keys(b"", None, 1_000_000):
                entry = await entries.get(key)
                assert entry is not None
                found_bytes += len(space.stored(key)) + len(entry.value)
                found_keys += 1
        assert await entries.usage() == (found_bytes, found_keys)
    return found_bytes, found_keys


def is_refused(answer: Any, case: str) -> bool:
    return bool(answer["tag"] == "err" and answer["val"]["tag"] == case)


def numbered(places: Iterator[str], count: int, value: str) -> list[tuple[str, str, list[Any]]]:
    return [putting(next(places), f"k{number}", value) for number in range(count)]


async def test_b9_concurrent_writers_cannot_pass_the_quota_in_keys(made: FakeHost) -> None:
    places = cycle(PLACES)
    answers = await asyncio.gather(*(attack(made, *numbered(places, 20, "v")) for _ in range(6)))

    plugin = await made.parts.registry.get("default", "stores")
    _, keys = await kept(made.parts.database, plugin.id, "a", "b")
    refused = [each for answer in answers for each in answer if each["tag"] == "err"]
    assert keys == KEYS_MAX
    assert refused
    assert all(is_refused(each, "exhausted") for each in refused)


async def test_b9_concurrent_writers_cannot_pass_the_quota_in_bytes(made: FakeHost) -> None:
    async def writer(number: int) -> list[Any]:
        place = PLACES[number % len(PLACES)]
        return await attack(
            made, *(putting(place, f"k{number % 3}", "v" * size) for size in range(300, 3_000, 300))
        )

    answers = await asyncio.gather(*(writer(number) for number in range(9)))

    plugin = await made.parts.registry.get("default", "stores")
    found, _ = await kept(made.parts.database, plugin.id, "a", "b")
    assert 0 < found <= BYTES_MAX
    assert any(is_refused(each, "exhausted") for answer in answers for each in answer)


async def test_b9_increments_and_races_count_as_every_write_does(made: FakeHost) -> None:
    calls: list[tuple[str, str, list[Any]]] = []
    for number in range(KEYS_MAX):
        calls += [
            ("kv", "increment", [f"n{number}", 1]),
            ("kv-namespaces", "increment", ["a", f"n{number}", 1]),
            ("kv-namespaces", "compare-and-set", ["b", f"n{number}", None, "v", None]),
        ]
    await asyncio.gather(*(attack(made, *calls[start::3]) for start in range(3)))

    plugin = await made.parts.registry.get("default", "stores")
    assert (await kept(made.parts.database, plugin.id, "a", "b"))[1] == KEYS_MAX


async def test_b9_long_keys_names_and_values_are_refused_before_they_are_stored(
    made: FakeHost,
) -> None:
    answers = await attack(
        made,
        putting("kv", "k" * 513, "v"),
        putting("kv", "é" * 257, "v"),
        putting("kv", "", "v"),
        putting("a", "k" * 513, "v"),
        putting("n" * 65, "k", "v"),
        putting("", "k", "v"),
        putting("é", "k", "v"),
        ("kv", "list-keys", ["k" * 513, None, 1]),
        ("kv-namespaces", "list-keys", ["a", "", "k" * 513, 1]),
    )

    assert all(is_refused(each, "invalid") for each in answers)
    plugin = await made.parts.registry.get("default", "stores")
    assert await kept(made.parts.database, plugin.id, "a") == (0, 0)


async def test_b9_a_page_is_bounded_whatever_is_asked_for(made: FakeHost) -> None:
    answers = await attack(
        made,
        *(
            call
            for limit in (0, 1_001, 2**32 - 1)
            for call in (
                ("kv", "list-keys", ["", None, limit]),
                ("kv-namespaces", "list-keys", ["a", "", None, limit]),
            )
        ),
    )

    assert all(is_refused(each, "invalid") for each in answers)


async def test_b9_namespaces_cannot_be_hoarded_either(tmp_path: Path) -> None:
    async with fake_host(tmp_path, {"several": several}) as made:
        await made.host.install(package(), grants="all")
        plugin = await made.parts.registry.get("default", "stores")
        async with made.parts.database.transaction() as connection:
            for number in range(NAMESPACES_MAX - 4):
                space = Namespace(f"x{number}")
                entries = KvRepository(connection, "default", plugin.id, space)
                await entries.put(b"k", Entry(b"v", None), Quota(bytes=10_000, keys=100))
        await asyncio.gather(
            *(
                attack(made, *(putting(f"{writer}{n}", "k", "v") for n in range(3)))
                for writer in ("y", "z")
            )
        )
        answers = await attack(
            made, putting("w", "k", "v"), ("kv-namespaces", "list-namespaces", [])
        )

    assert is_refused(answers[0], "exhausted")
    assert len(answers[1]["val"]) == NAMESPACES_MAX


async def test_b9_real_guests_at_once_keep_no_more_than_the_quota(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data", kv_keys_max=KEYS_MAX, workers_max=2)
    async with open_host(settings) as host:
        await host.install(package("keeper", guest("compartments")), grants="all")

        async def put(number: int) -> str:
            arguments = {"namespace": f"n{number % 3}", "key": f"k{number}", "value": "v"}
            try:
                await host.call("keeper", "put", arguments)
            except GuestError as refused:
                return str(refused.payload["tag"])
            return "ok"

        written = await asyncio.gather(*(put(number) for number in range(30)))
        names = await host.call("keeper", "names", {})

    assert sorted(written) == ["exhausted"] * (30 - KEYS_MAX) + ["ok"] * KEYS_MAX
    assert set(names.result) <= {"n0", "n1", "n2"}
