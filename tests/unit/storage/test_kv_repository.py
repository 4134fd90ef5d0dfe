"""Key-value rows and their quota."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from rows import add_plugin, plugin_row
from wardian.errors import NotFound
from wardian.storage import Database
from wardian.storage.kv import Entry, KvRepository, Quota, QuotaExceeded, now_ms
from wardian.storage.kv_layout import NAMESPACES_MAX, Namespace
from wardian.storage.plugins import PluginRepository
from wardian.storage.rows import UpgradeRow, now
from wardian.storage.upgrades import UpgradeRepository

pytestmark = pytest.mark.anyio

AMPLE = Quota(bytes=1_000_000, keys=1000)


async def test_bytes_of_every_kind_come_back_in_byte_order(database: Database) -> None:
    row = await add_plugin(database)
    keys = [b"a", b"a\x00b", b"a\x00", "\U0010ffff".encode(), b"b", "é".encode()]

    async with database.transaction() as connection:
        entries = KvRepository(connection, "default", row.id)
        for key in keys:
            await entries.put(key, Entry(b"value of " + key, None), AMPLE)
        assert await entries.keys(b"", None, 10) == sorted(keys)
        assert await entries.keys(b"a", None, 10) == [b"a", b"a\x00", b"a\x00b"]
        assert await entries.keys(b"\xf4", None, 10) == ["\U0010ffff".encode()]
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


async def test_a_namespace_has_its_own_keys_and_sees_no_others(database: Database) -> None:
    row = await add_plugin(database)
    names = ("", "a", "ab", "b")

    async with database.transaction() as connection:
        spaces = {
            name: KvRepository(connection, "default", row.id, Namespace(name)) for name in names
        }
        for name, space in spaces.items():
            for key in (b"k", b"k\x00", "k\U0010ffff".encode(), f"only {name}".encode()):
                await space.put(key, Entry(name.encode(), None), AMPLE)

        for name, space in spaces.items():
            own = [b"k", b"k\x00", "k\U0010ffff".encode(), f"only {name}".encode()]
            assert await space.keys(b"", None, 100) == own
            assert await space.keys(b"k", b"k", 100) == own[1:3]
            assert await space.get(b"k") == Entry(name.encode(), None)
            assert await space.namespaces() == ["a", "ab", "b"]
        assert await spaces[""].usage() == (
            sum(3 * len(b"k") + 1 + 4 + len(b"only ") + 5 * len(name) for name in names)
            + 4 * sum(2 + len(name) for name in names if name),
            16,
        )


async def test_clearing_takes_one_run_of_keys_and_gives_its_room_back(database: Database) -> None:
    row = await add_plugin(database)

    async with database.transaction() as connection:
        spaces = [
            KvRepository(connection, "default", row.id, Namespace(name)) for name in ("", "a", "ab")
        ]
        for space in spaces:
            for key in (b"x:1", b"x:2", b"y"):
                await space.put(key, Entry(b"v", None), AMPLE)
            await space.put(b"x:late", Entry(b"v", now_ms() - 1), AMPLE)

        assert await spaces[1].clear(b"x:") == 2
        assert [await space.keys(b"", None, 9) for space in spaces] == [
            [b"x:1", b"x:2", b"y"],
            [b"y"],
            [b"x:1", b"x:2", b"y"],
        ]
        assert await spaces[0].clear() == 3
        assert await spaces[0].namespaces() == ["a", "ab"]
        assert await spaces[0].clear_all() == 4
        assert await spaces[0].usage() == (0, 0)
        assert await spaces[0].namespaces() == []


async def test_there_are_no_more_namespaces_than_may_be(database: Database) -> None:
    row = await add_plugin(database)

    async with database.transaction() as connection:

        async def put(name: str, expires_at: int | None = None) -> None:
            space = KvRepository(connection, "default", row.id, Namespace(name))
            await space.put(b"k", Entry(b"v", expires_at), AMPLE)

        await put("")
        for number in range(NAMESPACES_MAX):
            await put(f"n{number}", now_ms() + 60_000 if number else now_ms() - 1)
        await put("one-more")  # in place of the one that has expired
        with pytest.raises(QuotaExceeded, match=f"{NAMESPACES_MAX} namespaces"):
            await put("n0")
        await put("n1")
        await put("")

        anywhere = KvRepository(connection, "default", row.id)
        assert len(await anywhere.namespaces()) == NAMESPACES_MAX
        assert (await anywhere.usage())[1] == NAMESPACES_MAX + 1


async def test_namespaces_go_back_with_the_rest_when_an_upgrade_does(database: Database) -> None:
    row = await add_plugin(database)

    async with database.transaction() as connection:
        upgrades = UpgradeRepository(connection, "default")
        await upgrades.add(
            UpgradeRow(
                id="u1", plugin_id=row.id, kind="upgrade", from_version="1.0.0", to_version="1.1.0",
                from_package=row.package_digest, to_package=row.package_digest, actor="test",
                started_at=now(),
            )
        )  # fmt: skip
        space = KvRepository(connection, "default", row.id, Namespace("a"))
        await space.put(b"k", Entry(b"before", None), AMPLE)
        before = await space.usage()
        await upgrades.snapshot("u1", row.id)
        await space.put(b"k", Entry(b"after it", None), AMPLE)
        await space.put(b"more", Entry(b"v", None), AMPLE)

        await upgrades.restore("u1", row.id)

        assert await space.keys(b"", None, 9) == [b"k"]
        assert await space.get(b"k") == Entry(b"before", None)
        assert await space.usage() == before


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
