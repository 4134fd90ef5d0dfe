"""The host's facade: install, grants, configuration, tenants, over a fake executor."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from hosts import WASM, fake_host, package
from wardian.errors import (
    Conflict,
    InvalidArguments,
    InvalidComponent,
    InvalidManifest,
    NotFound,
    WardianError,
)
from wardian.plugins import Manifest, Package
from wardian.plugins.archive import write_archive
from wardian.plugins.ceiling import LevelCeiling
from wardian.plugins.package import read_source
from wardian.policy.levels import LEVELS, Level
from wardian.runtime.calls import CallPolicy
from wardian.runtime.intake import PACKAGES_AT_ONCE, check_manifest

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("on_both_databases")]


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "packages").iterdir())


async def test_an_installed_plugin_is_shown_with_all_it_is(tmp_path: Path) -> None:
    async with fake_host(tmp_path) as made:
        view = await made.host.install(package(), grants=["kv:read"])

        assert (view.name, view.version, view.state) == ("stores", "1.0.0", "active")
        assert view.granted == ["kv:read"]
        assert [asked.permission for asked in view.asked] == [
            "kv:read",
            "kv:write",
            "events:publish:orders.*",
        ]
        assert view.functions == ["run"]
        assert view.size_bytes == len(WASM)
        assert {item.change for item in view.review} == {"new"}
        shown = await made.host.plugin("stores")
        assert {item.change for item in shown.review} == {"same"}
        assert structs.replace(shown, review=view.review) == view
        assert await made.host.plugins() == [shown]


async def test_everything_is_there_after_a_restart(tmp_path: Path) -> None:
    async with fake_host(tmp_path) as made:
        await made.host.install(package(), grants="all")
        view = await made.host.plugin("stores")
        await made.host.set_config("stores", {"step": 7})

    async with fake_host(tmp_path) as made:
        assert made.host.bootstrap_token is None
        assert await made.host.plugin("stores") == view
        assert await made.host.config("stores") == {"step": 7}
        await made.host.call("stores", "run", {})


async def test_an_installed_name_is_taken_until_it_is_uninstalled(tmp_path: Path) -> None:
    async with fake_host(tmp_path) as made:
        await made.host.install(package())
        with pytest.raises(Conflict, match=r"stores 1\.0\.0 is installed already; upgrade it"):
            await made.host.install(package())

        await made.host.uninstall("stores")
        await made.host.install(package())


async def test_of_installs_at_once_one_wins(tmp_path: Path) -> None:
    async with fake_host(tmp_path) as made:
        results = await asyncio.gather(
            *(made.host.install(package()) for _ in range(5)), return_exceptions=True
        )

        assert sum(isinstance(result, Conflict) for result in results) == 4
        assert len(await made.host.plugins()) == 1
        assert len(files(tmp_path)) == 1


@pytest.mark.parametrize(
    ("source", "grants", "error"),
    [
        (b"nonsense", (), InvalidManifest),
        (package(wasm=b"text"), (), InvalidComponent),
        (package(), ["kv:everything"], InvalidArguments),
        (package(), ["credentials:use:x"], InvalidArguments),
        (package(), "kv:read", InvalidArguments),
        (package(more="step2 = 4"), (), InvalidManifest),
        (package().replace(b"plugin.toml", b"plugin.tomb"), (), InvalidManifest),
        (Path("/nowhere/at/all"), (), NotFound),
    ],
)
async def test_an_install_that_fails_leaves_nothing(
    tmp_path: Path, source: Any, grants: Any, error: type[WardianError]
) -> None:
    async with fake_host(tmp_path) as made:
        with pytest.raises(error) as caught:
            await made.host.install(source, grants=grants)

        assert caught.value.message
        assert await made.host.plugins() == []
        assert files(tmp_path) == []
        assert await made.host.events.recent(10, "plugin.*", tenant="default") == []


async def test_an_install_that_is_cancelled_leaves_nothing(tmp_path: Path) -> None:
    async with fake_host(tmp_path) as made:
        for delay in range(60):
            task = asyncio.create_task(made.host.install(package(f"p{delay}")))
            for _ in range(delay):
                await asyncio.sleep(0.0005)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            installed = {view.name for view in await made.host.plugins()}
            assert bool(installed) == bool(files(tmp_path))
            for name in installed:
                await made.host.uninstall(name)
            assert files(tmp_path) == []


async def test_files_of_an_install_that_was_killed_are_swept_at_the_start(tmp_path: Path) -> None:
    async with fake_host(tmp_path) as made:
        await made.host.install(package())
        kept = files(tmp_path)
    (tmp_path / "packages" / f"{'0' * 64}.wasm").write_bytes(b"orphan")
    (tmp_path / "packages" / ".draft").write_bytes(b"half")

    async with fake_host(tmp_path):
        assert files(tmp_path) == kept


async def test_tenants_share_the_file_of_a_package(tmp_path: Path) -> None:
    async with fake_host(tmp_path) as made:
        await made.host.tenants.create("acme")
        await made.host.install(package())
        await made.host.install(package(), tenant="acme")
        assert len(files(tmp_path)) == 1

        await made.host.uninstall("stores")
        assert len(files(tmp_path)) == 1
        await made.host.uninstall("stores", tenant="acme")
        assert files(tmp_path) == []


async def test_two_plugins_may_be_made_of_one_component(tmp_path: Path) -> None:
    async with fake_host(tmp_path) as made:
        first = await made.host.install(package("first"))
        second = await made.host.install(package("second"))

        assert first.digest == second.digest
        assert first.package_digest != second.package_digest
        await made.host.uninstall("first")
        await made.host.call("second", "run", {})


async def test_a_newer_contract_is_refused_naming_both(tmp_path: Path) -> None:
    manifest = b'name = "a"\nversion = "1.0.0"\napi_version = "%s"\n'
    async with fake_host(tmp_path) as made:
        for version in (b"2.0", b"1.1", b"1.1.0"):
            source = write_archive({"plugin.toml": manifest % version, "a.wasm": WASM})
            with pytest.raises(InvalidManifest, match=version.decode()) as caught:
                await made.host.install(source)
            assert caught.value.path == "api_version"
            assert "this host offers 1.0.0" in caught.value.message
            assert "Upgrade Wardian" in caught.value.message
        source = write_archive({"plugin.toml": manifest % b"1.0.7", "a.wasm": WASM})
        await made.host.install(source)
        newer = write_archive(
            {
                "plugin.toml": b'name = "a"\nversion = "1.0.1"\napi_version = "1.3"\n',
                "a.wasm": WASM,
            }
        )
        with pytest.raises(InvalidManifest, match=r"needs version 1\.3 of the plugin API"):
            await made.host.upgrade(newer)


async def test_grants_are_replaced_as_a_whole(tmp_path: Path) -> None:
    async with fake_host(tmp_path) as made:
        await made.host.install(package())
        assert (await made.host.grants("stores")).granted == []

        view = await made.host.set_grants("stores", ["kv:write", "events:publish:orders.new"])

        assert view.granted == ["events:publish:orders.new", "kv:write"]
        assert {each.permission: each.granted for each in view.asked} == {
            "kv:read": False,
            "kv:write": True,
            "events:publish:orders.*": False,
        }
        assert await made.host.grants("stores") == view
        with pytest.raises(InvalidArguments) as caught:
            await made.host.set_grants("stores", ["kv:read", "events:publish:*"])
        assert caught.value.path == "granted[1]"
        assert (await made.host.grants("stores")).granted == view.granted


async def test_configuration_is_laid_over_the_defaults_and_checked(tmp_path: Path) -> None:
    async with fake_host(tmp_path) as made:
        await made.host.install(package())
        assert await made.host.config("stores") == {"step": 3}

        assert await made.host.set_config("stores", {"greeting": "hi"}) == {
            "step": 3,
            "greeting": "hi",
        }
        with pytest.raises(InvalidArguments) as caught:
            await made.host.set_config("stores", {"step": 0})
        assert caught.value.path == "step"
        assert await made.host.set_config("stores", {}) == {"step": 3}


async def test_uninstalling_takes_grants_configuration_and_entries_along(tmp_path: Path) -> None:
    async with fake_host(tmp_path) as made:
        await made.host.install(package(), grants="all")
        await made.host.set_config("stores", {"step": 9})
        await made.host.uninstall("stores")

        await made.host.install(package())

        assert (await made.host.grants("stores")).granted == []
        assert await made.host.config("stores") == {"step": 3}


Verb = Any

VERBS: list[Verb] = [
    lambda host, tenant: host.plugin("stores", tenant=tenant),
    lambda host, tenant: host.uninstall("stores", tenant=tenant),
    lambda host, tenant: host.enable("stores", tenant=tenant),
    lambda host, tenant: host.disable("stores", tenant=tenant),
    lambda host, tenant: host.grants("stores", tenant=tenant),
    lambda host, tenant: host.set_grants("stores", [], tenant=tenant),
    lambda host, tenant: host.config("stores", tenant=tenant),
    lambda host, tenant: host.set_config("stores", {}, tenant=tenant),
    lambda host, tenant: host.functions("stores", tenant=tenant),
    lambda host, tenant: host.call("stores", "run", {}, tenant=tenant),
]


@pytest.mark.parametrize("verb", VERBS)
async def test_another_tenants_plugin_is_not_found(tmp_path: Path, verb: Verb) -> None:
    async with fake_host(tmp_path) as made:
        await made.host.tenants.create("acme")
        await made.host.install(package())
        before = await made.host.plugin("stores")

        for tenant in ("acme", "nobody"):
            with pytest.raises(NotFound):
                await verb(made.host, tenant)

        assert await made.host.plugin("stores") == before
        assert await made.host.plugins(tenant="acme") == []


async def test_tenants_have_plugins_of_one_name_each_with_its_own(tmp_path: Path) -> None:
    async with fake_host(tmp_path) as made:
        await made.host.tenants.create("acme")
        await made.host.install(package(), grants="all")
        await made.host.install(package(), tenant="acme")
        await made.host.uninstall("stores")

        assert (await made.host.plugin("stores", tenant="acme")).granted == []
        assert set(await made.host.all_functions("acme")) == {"stores"}
        assert await made.host.all_functions("default") == {}


async def test_installing_for_nobody_is_not_found(tmp_path: Path) -> None:
    async with fake_host(tmp_path) as made:
        with pytest.raises(NotFound, match="no tenant named 'nobody'"):
            await made.host.install(package(), tenant="nobody")


async def test_only_plugins_that_take_calls_show_their_functions(tmp_path: Path) -> None:
    async with fake_host(tmp_path) as made:
        await made.host.install(package())
        assert set(await made.host.all_functions("default")) == {"stores"}

        await made.host.disable("stores")
        assert await made.host.all_functions("default") == {}
        assert set(await made.host.functions("stores")) == {"run"}


async def test_a_change_while_a_plugin_is_read_is_not_forgotten(tmp_path: Path) -> None:
    async with fake_host(tmp_path) as made:
        await made.host.install(package())
        for round_ in range(10):
            state = "disabled" if round_ % 2 == 0 else "active"
            await asyncio.gather(
                *(made.host.plugin("stores") for _ in range(5)),
                made.host.disable("stores") if state == "disabled" else made.host.enable("stores"),
                *(made.host.plugin("stores") for _ in range(5)),
            )
            assert (await made.host.plugin("stores")).state == state


async def test_a_host_that_works_says_it_is_ready(tmp_path: Path) -> None:
    async with fake_host(tmp_path) as made:
        ready = await made.host.ready()

    assert ready.ready
    assert ready.database
    assert ready.workers.idle == 1
    assert set(ready.versions) == {"wardian", "wasmtime", "python"}


async def test_the_first_start_has_an_admin_key_to_show(tmp_path: Path) -> None:
    async with fake_host(tmp_path) as made:
        token = made.host.bootstrap_token
        assert token is not None
        assert (await made.host.keys.authenticate(token)).tenant == "default"


async def test_a_manifest_gets_no_more_trust_than_the_operator_allows(tmp_path: Path) -> None:
    async with fake_host(tmp_path) as made:
        with pytest.raises(InvalidManifest, match="WARDIAN_LEVEL_MAX=trusted") as caught:
            await made.host.install(levelled("trusted"))

        assert caught.value.path == "sandbox_level"
        assert made.executor.admitted == []
        assert files(tmp_path) == []
        assert (await made.host.install(levelled("standard"))).level == "standard"


async def test_only_the_default_tenant_may_have_trusted_plugins(tmp_path: Path) -> None:
    async with fake_host(tmp_path, level_max="trusted") as made:
        await made.host.tenants.create("acme")

        with pytest.raises(InvalidManifest, match="only the tenant 'default'"):
            await made.host.install(levelled("trusted"), tenant="acme")
        assert (await made.host.install(levelled("trusted"))).level == "trusted"


async def test_a_level_that_is_no_longer_allowed_is_lowered_at_the_next_call(
    tmp_path: Path,
) -> None:
    async with fake_host(tmp_path, level_max="trusted") as made:
        await made.host.install(levelled("trusted"))

    for most in (Level.TRUSTED, Level.STANDARD, Level.ISOLATED):
        async with fake_host(
            tmp_path, policy=CallPolicy(ceiling=LevelCeiling(level_max=most))
        ) as made:
            await made.host.call("stores", "run", {})
            (job,) = made.executor.jobs

        assert job.level is most
        assert job.limits.wall_seconds == LEVELS[most].limits.wall_seconds


async def test_packages_are_unpacked_two_at_a_time_and_held_until_they_are_compiled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: set[int] = set()
    started: list[str] = []

    def reading(source: bytes | Path, *, max_bytes: int) -> Package:
        threads.add(threading.get_ident())
        found = read_source(source, max_bytes=max_bytes)
        started.append(found.manifest.name)
        return found

    monkeypatch.setattr("wardian.runtime.intake.read_source", reading)
    async with fake_host(tmp_path) as made:
        made.executor.admitting.clear()
        tasks = [asyncio.create_task(made.host.install(package(f"p{n}"))) for n in range(6)]
        while len(started) < PACKAGES_AT_ONCE:
            await asyncio.sleep(0)
        await asyncio.wait(tasks, timeout=0.1)
        assert len(started) == PACKAGES_AT_ONCE

        made.executor.admitting.set()
        await asyncio.gather(*tasks)

    assert len(started) == 6
    assert threading.get_ident() not in threads


async def test_a_manifest_is_checked_in_a_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: set[int] = set()

    def checking(manifest: Manifest) -> None:
        threads.add(threading.get_ident())
        check_manifest(manifest)

    monkeypatch.setattr("wardian.runtime.intake.check_manifest", checking)
    async with fake_host(tmp_path) as made:
        await made.host.install(package())

    assert len(threads) == 1
    assert threading.get_ident() not in threads


def levelled(level: str) -> bytes:
    manifest = f'name = "stores"\nversion = "1.0.0"\nsandbox_level = "{level}"\n'
    return write_archive({"plugin.toml": manifest.encode(), "plugin.wasm": WASM})
