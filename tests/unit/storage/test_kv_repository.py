"""Key-value rows and their quota."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from rows import add_plugin, plugin_row
from wardian.errors import NotFound
from wardian.storage import Database
from wardian.storage.kv import Entry, KvRepository, Quota, QuotaExceeded, now_ms
from wardian.storage.plugins import PluginRepository

pytestmark = pytest.mark.anyio

AMPLE = Quota(bytes=1_000_000, keys=1000)


async def test_bytes_of_every_kind_come_back_in_byte_order(database: Database) -> None:
    row = await add_plugin(database)
    keys = [b"a", b"a\x00b", b"a\x00", b"\xff", b"b", "é".encode()]

    async with database.transaction() as connection:
        entries = KvRepository(connection, "default", row.id)
        for key in keys:
            await entries.put(key, Entry(b"value of " + key, None), AMPLE)
        assert await entries.keys(b"", None, 10) == sorted(keys)
        assert await entries.keys(b"a", None, 10) == [b"a", b"a\x00", b"a\x00b"]
        assert await entries.keys(b"\xff", None, 10) == [b"\xff"]
        assert await entries.keys(b"a", b"a", 1) == [b"a\x00"]
        assert await entries.get(b"a\x00") == Entry(b"value of a\x00", None)


async def test_usage_follows_every_write(database: Database) -> None:
    row = await add_plugin(database)

    async with database.transaction() as connection:
        entries = KvRepository(connection, "default", row.id)
        await entries.put(b"key", Entry(b"12345", None), AMPLE)
        assert await entries.usage() == (8, 1)
        await entries.put(b"key", Entry(b"1", None), AMPLE)
        assert await entries.usage() == (4, 1)
        assert await entries.delete(b"key")
        assert not await entries.delete(b"key")
        assert await entries.usage() == (0, 0)


async def test_expired_entries_are_gone_and_give_their_room_back(database: Database) -> None:
    row = await add_plugin(database)
    quota = Quota(bytes=100, keys=1)

    async with database.transaction() as connection:
        entries = KvRepository(connection, "default", row.id)
        await entries.put(b"old", Entry(b"x", now_ms() - 1), quota)
        assert await entries.get(b"old") is None
        assert await entries.keys(b"", None, 10) == []
        await entries.put(b"new", Entry(b"x", None), quota)
        assert await entries.usage() == (4, 1)


async def test_shrinking_is_allowed_past_a_quota_that_was_lowered(database: Database) -> None:
    row = await add_plugin(database)

    async with database.transaction() as connection:
        entries = KvRepository(connection, "default", row.id)
        await entries.put(b"key", Entry(b"12345678", None), AMPLE)
        tight = replace(AMPLE, bytes=5)
        await entries.put(b"key", Entry(b"123456", None), tight)
        with pytest.raises(QuotaExceeded):
            await entries.put(b"key", Entry(b"1234567", None), tight)


async def test_concurrent_writers_cannot_pass_the_quota(database: Database) -> None:
    row = await add_plugin(database)
    quota = Quota(bytes=10_000, keys=10)

    async def write(number: int) -> bool:
        try:
            async with database.transaction() as connection:
                entries = KvRepository(connection, "default", row.id)
                await entries.put(b"%d" % number, Entry(b"x", None), quota)
        except QuotaExceeded:
            return False
        return True

    written = await asyncio.gather(*(write(number) for number in range(40)))

    assert sum(written) == 10
    async with database.reading() as connection:
        entries = KvRepository(connection, "default", row.id)
        assert len(await entries.keys(b"", None, 100)) == 10
        assert (await entries.usage())[1] == 10


async def test_other_plugins_and_tenants_see_nothing(database: Database) -> None:
    mine = await add_plugin(database)
    sibling = await add_plugin(database, plugin_row("sibling"))
    foreign = await add_plugin(database, plugin_row(tenant="other"))

    async with database.transaction() as connection:
        await KvRepository(connection, "default", mine.id).put(b"k", Entry(b"v", None), AMPLE)
        for tenant, plugin in (
            ("default", sibling.id),
            ("other", foreign.id),
            ("other", mine.id),
            ("default", foreign.id),
        ):
            assert await KvRepository(connection, tenant, plugin).get(b"k") is None


async def test_what_a_plugin_stored_goes_with_it_and_a_late_call_stores_nothing(
    database: Database,
) -> None:
    row = await add_plugin(database)
    async with database.transaction() as connection:
        await KvRepository(connection, "default", row.id).put(b"k", Entry(b"v", None), AMPLE)
    async with database.transaction() as connection:
        await PluginRepository(connection, "default").remove(row.id)

    again = await add_plugin(database)
    with pytest.raises(NotFound, match="not installed any more"):
        async with database.transaction() as connection:
            await KvRepository(connection, "default", row.id).put(b"k", Entry(b"v", None), AMPLE)
    async with database.reading() as connection:
        assert await KvRepository(connection, "default", again.id).get(b"k") is None
