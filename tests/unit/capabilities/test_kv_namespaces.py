"""kv-namespaces"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from callings import calling, refusing
from rows import add_plugin
from wardian.capabilities import CallContext
from wardian.capabilities.kv import Kv
from wardian.capabilities.kv_namespaces import KvNamespaces
from wardian.storage import Database
from wardian.storage.kv import Quota
from wardian.storage.kv_layout import NAMESPACES_MAX

pytestmark = pytest.mark.anyio

QUOTA = Quota(bytes=4 * 1024 * 1024, keys=100)


@pytest.fixture
def spaces(database: Database) -> KvNamespaces:
    return KvNamespaces(database, QUOTA)


@pytest.fixture
def kv(database: Database) -> Kv:
    return Kv(database, QUOTA)


@pytest.fixture
async def call(database: Database) -> CallContext:
    row = await add_plugin(database)
    return calling("kv:read", "kv:write", plugin_id=row.id)


async def test_one_key_has_a_value_in_each_namespace(
    spaces: KvNamespaces, kv: Kv, call: CallContext
) -> None:
    await kv.set(call, "key", "nameless", None)
    await spaces.set(call, "a", "key", "in a", None)
    await spaces.set(call, "b", "key", "in b", None)

    assert await kv.get(call, "key") == "nameless"
    assert await spaces.get(call, "a", "key") == "in a"
    assert await spaces.get(call, "c", "key") is None
    assert await spaces.delete(call, "a", "key") is True
    assert await spaces.delete(call, "a", "key") is False
    assert await spaces.get(call, "b", "key") == "in b"
    assert await kv.get(call, "key") == "nameless"


async def test_no_namespace_lists_another_ones_keys(
    spaces: KvNamespaces, kv: Kv, call: CallContext
) -> None:
    for key in ("x", "\U0010ffff", "a"):
        await kv.set(call, key, "v", None)
    for name in ("a", "a.b", "A"):
        await spaces.set(call, name, f"of {name}", "v", None)

    everything = await kv.list_keys(call, "", None, 1000)
    assert everything == {"keys": ["a", "x", "\U0010ffff"], "next": None}
    for cursor in ("\U0010ffff", "x" * 512):
        assert (await kv.list_keys(call, "", cursor, 1000))["next"] is None
    for name in ("a", "a.b", "A"):
        assert (await spaces.list_keys(call, name, "", None, 9))["keys"] == [f"of {name}"]
    assert await spaces.list_namespaces(call) == ["A", "a", "a.b"]


async def test_pages_of_a_namespace_go_through_all_keys_of_a_prefix(
    spaces: KvNamespaces, call: CallContext
) -> None:
    for key in ("a:3", "a:1", "b:1", "a:2", "a:\x00"):
        await spaces.set(call, "n", key, "v", None)
        await spaces.set(call, "m", key + "'", "v", None)

    first = await spaces.list_keys(call, "n", "a:", None, 2)
    second = await spaces.list_keys(call, "n", "a:", first["next"], 2)

    assert first == {"keys": ["a:\x00", "a:1"], "next": "a:1"}
    assert second == {"keys": ["a:2", "a:3"], "next": None}


async def test_compare_and_set_and_increments_are_atomic_in_each(
    spaces: KvNamespaces, call: CallContext
) -> None:
    won = await asyncio.gather(
        *(
            spaces.compare_and_set(call, name, "lock", None, str(number), None)
            for number in range(8)
            for name in ("a", "b")
        )
    )
    sums = await asyncio.gather(
        *(spaces.increment(call, name, "n", 2) for _ in range(8) for name in ("a", "b"))
    )

    assert sum(won) == 2
    assert sorted(sums) == sorted(2 * list(range(2, 18, 2)))


async def test_an_entry_of_a_namespace_ends_with_its_time(
    spaces: KvNamespaces, call: CallContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1_000_000
    for module in ("wardian.capabilities.entries", "wardian.storage.kv"):
        monkeypatch.setattr(f"{module}.now_ms", lambda: now)
    await spaces.set(call, "a", "key", "value", 50)

    now += 49
    assert await spaces.list_namespaces(call) == ["a"]
    now += 1
    assert await spaces.get(call, "a", "key") is None
    assert await spaces.list_namespaces(call) == []
    assert await spaces.clear(call, "a") == 0


async def test_clearing_tells_how_many_there_were_and_touches_no_other(
    spaces: KvNamespaces, kv: Kv, call: CallContext
) -> None:
    await kv.set(call, "k", "v", None)
    for key in ("1", "2", "3"):
        await spaces.set(call, "a", key, "v", None)
    await spaces.set(call, "ab", "k", "v", None)

    assert await spaces.clear(call, "a") == 3
    assert await spaces.clear(call, "a") == 0
    assert await spaces.list_namespaces(call) == ["ab"]
    assert await kv.get(call, "k") == "v"


@pytest.mark.parametrize(
    "name",
    ["", "x" * 65, ".", "-a", "_a", "a b", "a/b", "a\x00", "é", "a\n", "٣", "\ud800", "a\xff"],
)
async def test_a_name_outside_its_bounds_is_invalid(
    spaces: KvNamespaces, call: CallContext, name: str
) -> None:
    for attempt in (
        spaces.get(call, name, "k"),
        spaces.set(call, name, "k", "v", None),
        spaces.list_keys(call, name, "", None, 1),
        spaces.clear(call, name),
    ):
        with refusing("invalid", "A namespace has a name of 1 to 64"):
            await attempt


@pytest.mark.parametrize("name", ["a", "9", "x" * 64, "user-1_2.3"])
async def test_a_name_within_its_bounds_is_listed_as_it_is(
    spaces: KvNamespaces, call: CallContext, name: str
) -> None:
    await spaces.set(call, name, "k", "v", None)

    assert await spaces.list_namespaces(call) == [name]


async def test_one_namespace_too_many_is_told(spaces: KvNamespaces, call: CallContext) -> None:
    for number in range(NAMESPACES_MAX):
        await spaces.set(call, f"n{number}", "k", "v", None)

    with refusing("exhausted", "Nothing was written: 64 namespaces are kept"):
        await spaces.increment(call, "another", "k", 1)
    await spaces.clear(call, "n7")
    assert await spaces.increment(call, "another", "k", 1) == 1


Attempt = Callable[[KvNamespaces, CallContext], Awaitable[object]]


@pytest.mark.parametrize(
    ("held", "attempt"),
    [
        ("kv:write", lambda kv, call: kv.get(call, "a", "k")),
        ("kv:write", lambda kv, call: kv.list_keys(call, "a", "", None, 1)),
        ("kv:write", lambda kv, call: kv.list_namespaces(call)),
        ("kv:read", lambda kv, call: kv.set(call, "a", "k", "v", None)),
        ("kv:read", lambda kv, call: kv.delete(call, "a", "k")),
        ("kv:read", lambda kv, call: kv.clear(call, "a")),
        ("kv:read", lambda kv, call: kv.compare_and_set(call, "a", "k", None, "v", None)),
        ("kv:write", lambda kv, call: kv.compare_and_set(call, "a", "k", None, "v", None)),
        ("kv:read", lambda kv, call: kv.increment(call, "a", "k", 1)),
        ("kv:write", lambda kv, call: kv.increment(call, "a", "k", 1)),
    ],
)
async def test_each_function_takes_its_permission(
    spaces: KvNamespaces, held: str, attempt: Attempt
) -> None:
    with refusing("denied"):
        await attempt(spaces, calling(held))


async def test_a_call_that_outlives_its_plugin_stores_nothing(spaces: KvNamespaces) -> None:
    late = calling("kv:read", "kv:write", plugin_id="gone")

    for attempt in (spaces.set(late, "a", "k", "v", None), spaces.clear(late, "a")):
        with refusing("unavailable", "not installed any more"):
            await attempt
