"""kv"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from callings import calling, refusing
from rows import add_plugin
from wardian.capabilities import CallContext
from wardian.capabilities import entries as entries_module
from wardian.capabilities.entries import MAX_KEY_BYTES, MAX_VALUE_BYTES
from wardian.capabilities.kv import Kv
from wardian.storage import Database
from wardian.storage import kv as rows_module
from wardian.storage.kv import Quota

pytestmark = pytest.mark.anyio

TOP = 2**63 - 1


@pytest.fixture
def kv(database: Database) -> Kv:
    return Kv(database, Quota(bytes=4 * 1024 * 1024, keys=10))


@pytest.fixture
async def call(database: Database) -> CallContext:
    row = await add_plugin(database)
    return calling("kv:read", "kv:write", plugin_id=row.id)


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ms = 1_000_000
        for module in (entries_module, rows_module):
            monkeypatch.setattr(module, "now_ms", lambda: self.ms)


@pytest.mark.parametrize(
    "text", ["", "value", "é\U0001f600", "a\x00b", "\r\n", "x" * MAX_VALUE_BYTES]
)
async def test_text_comes_back_as_it_was_written(kv: Kv, call: CallContext, text: str) -> None:
    await kv.set(call, "key", text, None)

    assert await kv.get(call, "key") == text


async def test_a_key_never_written_has_no_value(kv: Kv, call: CallContext) -> None:
    assert await kv.get(call, "key") is None
    assert await kv.delete(call, "key") is False


async def test_deleting_tells_whether_it_was_there(kv: Kv, call: CallContext) -> None:
    await kv.set(call, "key", "value", None)

    assert await kv.delete(call, "key") is True
    assert await kv.get(call, "key") is None


@pytest.mark.parametrize(
    "key", ["", "x" * (MAX_KEY_BYTES + 1), "é" * (MAX_KEY_BYTES // 2 + 1), "\ud800"]
)
async def test_a_key_outside_its_bounds_is_invalid(kv: Kv, call: CallContext, key: str) -> None:
    for attempt in (kv.get(call, key), kv.set(call, key, "v", None), kv.increment(call, key, 1)):
        with refusing("invalid"):
            await attempt


@pytest.mark.parametrize("value", ["x" * (MAX_VALUE_BYTES + 1), "\udfff"])
async def test_a_value_outside_its_bounds_is_invalid(kv: Kv, call: CallContext, value: str) -> None:
    with refusing("invalid"):
        await kv.set(call, "key", value, None)

    assert await kv.get(call, "key") is None


async def test_pages_go_through_all_keys_of_a_prefix(kv: Kv, call: CallContext) -> None:
    for key in ("a:3", "a:1", "b:1", "a:2", "a:\x00", "é"):
        await kv.set(call, key, "v", None)

    first = await kv.list_keys(call, "a:", None, 2)
    second = await kv.list_keys(call, "a:", first["next"], 2)

    assert first == {"keys": ["a:\x00", "a:1"], "next": "a:1"}
    assert second == {"keys": ["a:2", "a:3"], "next": None}
    assert (await kv.list_keys(call, "", None, 1000))["keys"][-1] == "é"


@pytest.mark.parametrize("limit", [0, 1001, 2**32 - 1])
async def test_a_page_has_1_to_1000_keys(kv: Kv, call: CallContext, limit: int) -> None:
    with refusing("invalid"):
        await kv.list_keys(call, "", None, limit)


async def test_an_entry_is_gone_after_its_time(
    kv: Kv, call: CallContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    await kv.set(call, "key", "value", 50)

    clock.ms += 49
    assert await kv.get(call, "key") == "value"
    clock.ms += 1
    assert await kv.get(call, "key") is None
    assert await kv.compare_and_set(call, "key", None, "again", None)


@pytest.mark.parametrize("ttl_ms", [2**64 - 1, 2**63])
async def test_the_longest_time_to_live_is_for_ever(kv: Kv, call: CallContext, ttl_ms: int) -> None:
    await kv.set(call, "key", "value", ttl_ms)

    assert await kv.get(call, "key") == "value"


async def test_no_time_to_live_at_all_is_invalid(kv: Kv, call: CallContext) -> None:
    with refusing("invalid"):
        await kv.set(call, "key", "value", 0)


async def test_the_quota_in_bytes_and_keys_holds_and_writes_nothing(
    kv: Kv, call: CallContext
) -> None:
    for number in range(10):
        await kv.set(call, str(number), "v", None)
    with refusing("exhausted", "and 10 keys"):
        await kv.set(call, "eleventh", "v", None)
    assert await kv.get(call, "eleventh") is None

    for number in range(3):
        await kv.set(call, str(number), "v" * MAX_VALUE_BYTES, None)
    with refusing("exhausted", "4194304 bytes"):
        await kv.set(call, "3", "v" * MAX_VALUE_BYTES, None)
    assert await kv.get(call, "3") == "v"


async def test_compare_and_set_writes_only_what_was_expected(kv: Kv, call: CallContext) -> None:
    assert not await kv.compare_and_set(call, "key", "old", "new", None)
    assert await kv.compare_and_set(call, "key", None, "first", None)
    assert not await kv.compare_and_set(call, "key", None, "second", None)
    assert await kv.compare_and_set(call, "key", "first", "second", None)
    assert await kv.get(call, "key") == "second"


async def test_only_one_of_many_wins_a_race(kv: Kv, call: CallContext) -> None:
    won = await asyncio.gather(
        *(kv.compare_and_set(call, "lock", None, str(number), None) for number in range(10))
    )

    assert sum(won) == 1


async def test_increments_at_once_all_count(kv: Kv, call: CallContext) -> None:
    sums = await asyncio.gather(*(kv.increment(call, "n", 2) for _ in range(20)))

    assert sorted(sums) == list(range(2, 42, 2))
    assert await kv.get(call, "n") == "40"


async def test_an_increment_keeps_the_time_to_live(
    kv: Kv, call: CallContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    await kv.set(call, "n", "5", 100)
    clock.ms += 60

    assert await kv.increment(call, "n", -7) == -2
    clock.ms += 60
    assert await kv.increment(call, "n", 1) == 1


@pytest.mark.parametrize(("start", "by"), [(TOP, 1), (-TOP - 1, -1), (0, 2**63)])
async def test_a_sum_outside_s64_is_invalid_and_changes_nothing(
    kv: Kv, call: CallContext, start: int, by: int
) -> None:
    await kv.set(call, "n", str(start), None)

    with refusing("invalid", "64-bit"):
        await kv.increment(call, "n", by)
    assert await kv.get(call, "n") == str(start)


@pytest.mark.parametrize(
    "value", ["", "x", "1.5", " 1", "+1", "1e3", "٣", "9" * 19, "1" * 400, "1\n"]
)
async def test_only_a_decimal_integer_can_be_incremented(
    kv: Kv, call: CallContext, value: str
) -> None:
    await kv.set(call, "n", value, None)

    with refusing("invalid", "not a signed 64-bit integer"):
        await kv.increment(call, "n", 1)


Attempt = Callable[[Kv, CallContext], Awaitable[object]]


@pytest.mark.parametrize(
    ("held", "attempt"),
    [
        ("kv:write", lambda kv, call: kv.get(call, "k")),
        ("kv:write", lambda kv, call: kv.list_keys(call, "", None, 1)),
        ("kv:read", lambda kv, call: kv.set(call, "k", "v", None)),
        ("kv:read", lambda kv, call: kv.delete(call, "k")),
        ("kv:read", lambda kv, call: kv.compare_and_set(call, "k", None, "v", None)),
        ("kv:write", lambda kv, call: kv.compare_and_set(call, "k", None, "v", None)),
        ("kv:read", lambda kv, call: kv.increment(call, "k", 1)),
        ("kv:write", lambda kv, call: kv.increment(call, "k", 1)),
    ],
)
async def test_each_function_takes_its_permission(kv: Kv, held: str, attempt: Attempt) -> None:
    with refusing("denied"):
        await attempt(kv, calling(held))


async def test_a_call_that_outlives_its_plugin_stores_nothing(kv: Kv, call: CallContext) -> None:
    late = calling("kv:read", "kv:write", plugin_id="gone")

    for attempt in (
        kv.set(late, "k", "v", None),
        kv.increment(late, "k", 1),
        kv.delete(late, "k"),
        kv.compare_and_set(late, "k", None, "v", None),
    ):
        with refusing("unavailable", "not installed any more"):
            await attempt
