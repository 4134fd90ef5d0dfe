"""Plugins whose stored manifest an older version of the host took, and this one does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from hosts import WASM, FakeHost, fake_host
from packages import ASKING, package
from wardian.errors import Conflict, InvalidManifest, NotFound
from wardian.storage.tables import grants, plugins, versions

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("on_both_databases")]


async def two_of_which_one_is_of_old(made: FakeHost, **manifest: Any) -> None:
    """Install `old` and `stores`; then have the row of `old` be one that is refused now."""
    for name in ("old", "stores"):
        await made.host.install(package(name, WASM, ASKING), grants="all")
    plugin = await made.host._parts.registry.get("default", "old")
    document = plugin.manifest.document() | manifest
    async with made.host._parts.database.transaction() as connection:
        for table, condition in (
            (plugins, plugins.c.name == "old"),
            (versions, versions.c.plugin_id == plugin.id),
        ):
            await connection.of("default").execute(
                update(table).where(condition).values(manifest=document)
            )
    made.host._parts.registry.forget("default")


@pytest.mark.parametrize(
    "manifest",
    [
        {"author": "a\u202eb"},
        {"dependencies": {"other": "no range"}},
        {"gone": "a field"},
        {"api_version": "1.9"},
        {"api_version": "2.0"},
    ],
)
async def test_a_manifest_that_is_refused_now_sets_its_own_plugin_aside_only(
    tmp_path: Path, manifest: dict[str, Any]
) -> None:
    async with fake_host(tmp_path) as made:
        await two_of_which_one_is_of_old(made, **manifest)
        host = made.host

        await host.call("stores", "run", {})
        listed = {view.name: view for view in await host.plugins()}
        assert {name: view.state for name, view in listed.items()} == {
            "old": "quarantined",
            "stores": "active",
        }
        assert "not taken by this version of Wardian" in listed["old"].state_reason
        assert next(iter(manifest)) in listed["old"].state_reason
        assert await host.plugin("old") == listed["old"]
        with pytest.raises(Conflict, match="not taken by this version"):
            await host.call("old", "run", {})
        await host.disable("stores")
        await host.enable("stores")


async def test_a_plugin_of_old_is_mended_by_an_upgrade_and_active_again(tmp_path: Path) -> None:
    async with fake_host(tmp_path) as made:
        await two_of_which_one_is_of_old(made, author="a\u202eb")
        await made.host.upgrade(package("old", WASM, ASKING, version="1.0.1"), approve="all")

        await made.host.call("old", "run", {})
        assert (await made.host.plugin("old")).state == "active"
        made.host._parts.registry.forget("default")
        assert (await made.host.plugin("old")).state == "active"
        with pytest.raises(InvalidManifest, match="author"):
            await made.host.rollback("old")


async def test_a_version_for_another_plugin_api_is_not_rolled_back_to(tmp_path: Path) -> None:
    async with fake_host(tmp_path) as made:
        await two_of_which_one_is_of_old(made, api_version="1.9")
        await made.host.upgrade(package("old", WASM, ASKING, version="1.0.1"), approve="all")

        with pytest.raises(InvalidManifest, match=r"needs version 1\.9.*offers 1\.0\.0") as caught:
            await made.host.rollback("old")
        assert caught.value.step == "verify"
        await made.host.call("old", "run", {})


async def test_a_plugin_of_old_can_be_removed(tmp_path: Path) -> None:
    async with fake_host(tmp_path) as made:
        await two_of_which_one_is_of_old(made, author="a\u202eb")
        await made.host.uninstall("old")

        with pytest.raises(NotFound):
            await made.host.plugin("old")
        await made.host.call("stores", "run", {})


async def test_a_stored_grant_that_is_no_permission_any_more_grants_nothing(
    tmp_path: Path,
) -> None:
    async with fake_host(tmp_path) as made:
        await made.host.install(package("stores", WASM, ASKING), grants="all")
        async with made.host._parts.database.transaction() as connection:
            changed = await connection.of("default").execute(
                update(grants)
                .where(grants.c.permission == "kv:read")
                .values(permission="kv:read-as-before")
            )
            assert changed.rowcount == 1
        made.host._parts.registry.forget("default")

        plugin = await made.host._parts.registry.get("default", "stores")
        assert plugin.is_callable
        assert "kv:read-as-before" not in map(str, plugin.granted)
