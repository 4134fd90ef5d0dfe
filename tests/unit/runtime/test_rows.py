"""What plugins keep beside rows that are not theirs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from hosts import MANIFEST, WASM, FakeHost, fake_host, package
from wardian.errors import (
    Conflict,
    GuestError,
    InvalidArguments,
    InvalidManifest,
    NotFound,
)
from wardian.plugins.archive import write_archive
from wardian.runtime.rows.rows import RowPlace
from wardian.runtime.rows.schemas import DATA_BYTES_MAX

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("on_both_databases")]

FIRST = """
[[row_data]]
kind = "users"
data_schema.additionalProperties = false
data_schema.properties.plan.enum = ["free", "paid"]

[[row_data]]
kind = "keys"
data_schema = { type = "object" }
"""
SECOND = """
[[row_data]]
kind = "users"
version = 2
migrate = "upgrade-user"
data_schema.required = ["level"]
data_schema.properties.level.type = "integer"
"""
ANN = RowPlace(plugin="stores", kind="users", row="ann")
LEVELS = {"free": 0, "paid": 1}


def version(number: str, more: str, name: str = "stores") -> bytes:
    manifest = MANIFEST.format(name=name, more=more).replace("1.0.0", number)
    return write_archive({"plugin.toml": manifest.encode(), "plugin.wasm": WASM})


async def upgrade_user(arguments: Mapping[str, Any], answer: Any) -> str:
    assert (arguments["kind"], arguments["from-version"]) == ("users", 1)
    data = json.loads(arguments["data"])
    if data.get("plan") not in LEVELS:
        raise GuestError(payload="there is no plan\x1b[2J")
    return json.dumps({"level": LEVELS[data["plan"]]})


@asynccontextmanager
async def hosting(folder: Path, **functions: Any) -> AsyncIterator[FakeHost]:
    bodies = {"run": upgrade_user, "upgrade-user": upgrade_user, **functions}
    async with asyncio.timeout(60), fake_host(folder, bodies) as made:
        await made.host.install(version("1.0.0", FIRST))
        yield made


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[FakeHost]:
    async with hosting(tmp_path) as opened:
        yield opened


async def test_data_is_kept_read_changed_and_removed(made: FakeHost) -> None:
    rows = made.host.rows
    first = await rows.put(ANN, {"plan": "free"}, actor="shop")
    assert (first.version, first.schema_version, first.updated_by) == (1, 1, "shop")
    second = await rows.put(ANN, {"plan": "paid"})

    assert (await rows.get(ANN)) == second
    assert (second.version, second.data) == (2, {"plan": "paid"})
    (users, keys) = await rows.kinds("stores")
    assert (users.rows, users.outdated, keys.rows) == (1, 0, 0)
    assert [each.plugin for each in await rows.beside("users", "ann")] == ["stores"]

    await rows.remove(ANN)
    for attempt in (rows.get(ANN), rows.remove(ANN)):
        with pytest.raises(NotFound, match="keeps nothing beside 'ann'"):
            await attempt


@pytest.mark.parametrize(
    ("data", "path"),
    [
        ({"plan": "stolen"}, "plan"),
        ({"plan": "free", "more": 1}, None),
        ({"plan": float("nan")}, "plan"),
        ({"plan": "x" * DATA_BYTES_MAX}, None),
    ],
)
async def test_what_does_not_fit_the_schema_is_refused_and_changes_nothing(
    made: FakeHost, data: dict[str, Any], path: str | None
) -> None:
    await made.host.rows.put(ANN, {"plan": "free"})

    with pytest.raises(InvalidArguments) as caught:
        await made.host.rows.put(ANN, data)

    assert path is None or caught.value.path == path
    assert "configuration" not in caught.value.message
    assert (await made.host.rows.get(ANN)).data == {"plan": "free"}


async def test_a_kind_that_the_manifest_does_not_name_is_not_there(made: FakeHost) -> None:
    orders = RowPlace(plugin="stores", kind="orders", row="7")
    with pytest.raises(NotFound, match="its manifest names: users, keys"):
        await made.host.rows.put(orders, {})
    with pytest.raises(NotFound):
        await made.host.rows.page("stores", "orders")


async def test_a_row_of_the_hosts_own_must_be_there_and_in_the_tenant(made: FakeHost) -> None:
    await made.host.tenants.create("acme")
    key = await made.host.keys.create("shop", ["call"], "default")
    others = await made.host.keys.create("spy", ["call"], "acme")
    place = RowPlace(plugin="stores", kind="keys", row=key.id)
    await made.host.rows.put(place, {"place": "Quito"}, actor="ann")

    (told,) = await made.host.events.recent(1, "plugin.row-data-set", tenant="default")
    assert json.loads(told.data) == {
        "plugin": "stores", "actor": "ann", "kind": "keys", "row": key.id,
    }  # fmt: skip
    for row in ("nothing", others.id):
        with pytest.raises(NotFound, match="There is no row"):
            await made.host.rows.put(RowPlace(plugin="stores", kind="keys", row=row), {})


@pytest.mark.parametrize("row", ["", "x" * 201, "a\nb", "a\0b"])
async def test_a_name_of_a_row_is_short_and_prints(made: FakeHost, row: str) -> None:
    with pytest.raises(InvalidArguments, match="printable"):
        await made.host.rows.put(RowPlace(plugin="stores", kind="users", row=row), {})


async def test_who_saw_another_version_changes_nothing(made: FakeHost) -> None:
    rows = made.host.rows
    await rows.put(ANN, {"plan": "free"}, if_version=0)
    with pytest.raises(Conflict, match="version 1 now, and not 0"):
        await rows.put(ANN, {"plan": "paid"}, if_version=0)
    await rows.put(ANN, {"plan": "paid"}, if_version=1)
    with pytest.raises(Conflict):
        await rows.remove(ANN, if_version=1)
    assert (await rows.get(ANN)).version == 2


async def test_of_writers_at_once_with_one_version_one_wins(made: FakeHost) -> None:
    put = made.host.rows.put
    results = await asyncio.gather(
        *(put(ANN, {"plan": "free"}, if_version=0) for _ in range(8)), return_exceptions=True
    )

    assert sum(isinstance(each, Conflict) for each in results) == 7
    assert (await made.host.rows.get(ANN)).version == 1


async def test_pages_are_by_the_rows_ids(made: FakeHost) -> None:
    for row in ("c", "a", "b"):
        await made.host.rows.put(RowPlace(plugin="stores", kind="users", row=row), {})

    first = await made.host.rows.page("stores", "users", limit=2)
    second = await made.host.rows.page("stores", "users", limit=2, after=first.next or "")
    assert [each.row for each in (*first.rows, *second.rows)] == ["a", "b", "c"]
    assert second.next is None
    with pytest.raises(InvalidArguments):
        await made.host.rows.page("stores", "users", limit=0)


async def test_a_plugin_may_have_so_many_rows_and_no_more(tmp_path: Path) -> None:
    async with fake_host(tmp_path, rows_max=2) as made:
        await made.host.install(version("1.0.0", FIRST))
        for row in ("a", "b"):
            await made.host.rows.put(RowPlace(plugin="stores", kind="users", row=row), {})
        with pytest.raises(Conflict, match="WARDIAN_ROWS_MAX"):
            await made.host.rows.put(RowPlace(plugin="stores", kind="users", row="c"), {})
        await made.host.rows.put(RowPlace(plugin="stores", kind="users", row="a"), {"plan": "paid"})


async def test_data_is_apart_by_plugin_and_tenant_and_goes_with_either(made: FakeHost) -> None:
    rows = made.host.rows
    await made.host.tenants.create("acme")
    await made.host.install(version("1.0.0", FIRST), tenant="acme")
    await made.host.install(version("1.0.0", FIRST, "other"))
    theirs = RowPlace(plugin="stores", kind="users", row="ann", tenant="acme")
    others = RowPlace(plugin="other", kind="users", row="ann")
    for place, plan in ((ANN, "free"), (theirs, "paid"), (others, "paid")):
        await rows.put(place, {"plan": plan})

    assert (await rows.get(ANN)).data == {"plan": "free"}
    assert [each.plugin for each in await rows.beside("users", "ann")] == ["other", "stores"]
    await made.host.uninstall("other")
    assert [each.plugin for each in await rows.beside("users", "ann")] == ["stores"]
    assert await rows.forget("users", "ann") == 1
    assert await rows.beside("users", "ann") == []
    assert (await rows.get(theirs)).data == {"plan": "paid"}


async def upgraded(made: FakeHost) -> None:
    await made.host.upgrade(version("2.0.0", SECOND), allow_breaking=True)


async def test_an_upgrade_brings_data_along_and_a_rollback_has_it_back(made: FakeHost) -> None:
    rows = made.host.rows
    await rows.put(ANN, {"plan": "paid"})
    await upgraded(made)
    assert (await rows.kinds("stores"))[0].outdated == 1

    (done,) = await made.host.row_migrations.migrate("stores")
    assert (done.kind, done.schema_version, done.migrated, done.failed) == ("users", 2, 1, 0)
    found = await rows.get(ANN)
    assert (found.data, found.schema_version, found.fault) == ({"level": 1}, 2, "")
    assert await made.host.row_migrations.migrate("stores") == []

    await made.host.rollback("stores")
    await made.host.row_migrations.migrate("stores")
    found = await rows.get(ANN)
    assert (found.data, found.schema_version) == ({"plan": "paid"}, 1)


async def test_what_was_changed_since_does_not_come_back(made: FakeHost) -> None:
    await made.host.rows.put(ANN, {"plan": "paid"})
    await upgraded(made)
    await made.host.row_migrations.migrate("stores")
    await made.host.rows.put(ANN, {"level": 7})
    await made.host.rollback("stores")

    (done,) = await made.host.row_migrations.migrate("stores")
    assert done.failed == 1
    found = await made.host.rows.get(ANN)
    assert (found.data, found.schema_version) == ({"level": 7}, 2)
    assert "does not fit" in found.fault


async def test_what_cannot_be_brought_along_stays_with_the_reason(made: FakeHost) -> None:
    await made.host.rows.put(ANN, {})
    bob = RowPlace(plugin="stores", kind="users", row="bob")
    await made.host.rows.put(bob, {"plan": "free"})
    await upgraded(made)

    (done,) = await made.host.row_migrations.migrate("stores")
    assert (done.migrated, done.failed) == (1, 1)
    found = await made.host.rows.get(ANN)
    assert (found.data, found.schema_version) == ({}, 1)
    assert found.fault.isprintable()
    assert "no plan" in found.fault
    assert (await made.host.rows.kinds("stores"))[0].faults == 1
    (told,) = await made.host.events.recent(1, "plugin.row-data-migrated", tenant="default")
    assert json.loads(told.data)["failed"] == 1

    await made.host.rows.put(ANN, {"level": 3})
    assert (await made.host.rows.get(ANN)).fault == ""


@pytest.mark.parametrize("answered", ["[1]", "no json", '{"level": "x"}', "[" * 10_000, 7])
async def test_a_plugin_that_answers_nonsense_spoils_no_data(tmp_path: Path, answered: Any) -> None:
    async def nonsense(arguments: Mapping[str, Any], answer: Any) -> Any:
        return answered

    async with hosting(tmp_path, **{"upgrade-user": nonsense}) as made:
        await made.host.rows.put(ANN, {"plan": "paid"})
        await upgraded(made)
        (done,) = await made.host.row_migrations.migrate("stores")

        assert done.failed == 1
        assert (await made.host.rows.get(ANN)).data == {"plan": "paid"}


async def test_data_that_is_changed_while_it_is_migrated_is_not_lost(tmp_path: Path) -> None:
    async def slow(arguments: Mapping[str, Any], answer: Any) -> str:
        await made.host.rows.put(ANN, {"level": 9})
        return await upgrade_user(arguments, answer)

    async with hosting(tmp_path, **{"upgrade-user": slow}) as made:
        await made.host.rows.put(ANN, {"plan": "paid"})
        await upgraded(made)
        await made.host.row_migrations.migrate("stores")

        assert (await made.host.rows.get(ANN)).data == {"level": 9}


async def test_data_is_not_written_by_a_version_that_was_rolled_back_meanwhile(
    tmp_path: Path,
) -> None:
    async def slow(arguments: Mapping[str, Any], answer: Any) -> str:
        await made.host.rollback("stores")
        return await upgrade_user(arguments, answer)

    async with hosting(tmp_path, **{"upgrade-user": slow}) as made:
        await made.host.rows.put(ANN, {"plan": "paid"})
        await upgraded(made)
        assert await made.host.row_migrations.migrate("stores") == []

        found = await made.host.rows.get(ANN)
        assert (found.data, found.schema_version, found.fault) == ({"plan": "paid"}, 1, "")


async def test_a_migration_that_takes_for_ever_keeps_none_of_another_tenant_waiting(
    tmp_path: Path,
) -> None:
    begun, ends = asyncio.Event(), asyncio.Event()

    async def slow(arguments: Mapping[str, Any], answer: Any) -> str:
        if json.loads(arguments["data"])["plan"] == "paid":
            begun.set()
            await ends.wait()
        return await upgrade_user(arguments, answer)

    async with hosting(tmp_path, **{"upgrade-user": slow}) as made:
        await made.host.tenants.create("acme")
        await made.host.install(version("1.0.0", FIRST), tenant="acme")
        theirs = RowPlace(plugin="stores", kind="users", row="ann", tenant="acme")
        await made.host.rows.put(theirs, {"plan": "paid"})
        await made.host.rows.put(ANN, {"plan": "free"})
        async with made.parts.row_migrations.kept():
            await made.host.upgrade(version("2.0.0", SECOND), allow_breaking=True, tenant="acme")
            await begun.wait()
            await upgraded(made)
            while (await made.host.rows.get(ANN)).data != {"level": 0}:
                await asyncio.sleep(0.01)

            ends.set()
            while (await made.host.rows.get(theirs)).data != {"level": 1}:
                await asyncio.sleep(0.01)


async def test_it_happens_by_itself_after_an_upgrade_and_after_a_start(made: FakeHost) -> None:
    await made.host.rows.put(ANN, {"plan": "paid"})

    async def migrated(level: int) -> None:
        while (await made.host.rows.get(ANN)).data != {"level": level}:
            await asyncio.sleep(0.01)

    async with made.parts.row_migrations.kept():
        await upgraded(made)
        await migrated(1)

    await made.host.rollback("stores")
    await made.host.upgrade(version("2.0.1", SECOND), allow_breaking=True)
    async with made.parts.row_migrations.kept():
        await migrated(1)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("[[row_data]]\nkind = 'users'\ndata_schema = { type = 'nothing' }\n", r"row_data\[0\]"),
        ("[[row_data]]\nkind = 'users'\ndata_schema = { '$ref' = 'https://x.test/' }\n", "leads"),
        ("[[row_data]]\nkind = 'users'\ndata_schema = {}\nmigrate = 'none'\n", "no function"),
        ("[[row_data]]\nkind = 'users'\ndata_schema = {}\nversion = 0\n", "version"),
        (2 * "[[row_data]]\nkind = 'users'\ndata_schema = {}\n", "twice"),
    ],
)
async def test_a_manifest_that_cannot_hold_is_refused(made: FakeHost, more: str, said: str) -> None:
    with pytest.raises(InvalidManifest, match=said) as caught:
        await made.host.install(package("wrong", more=more))
    assert "config_schema" not in str(caught.value)
