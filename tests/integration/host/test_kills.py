"""A host that is killed in the middle of a change: afterwards it is the old or the new."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import func, select

from guests.lives import version
from killed import changed
from wardian import Settings, open_host
from wardian.errors import NotFound
from wardian.runtime.host import PluginHost
from wardian.runtime.steps import STEPS
from wardian.storage.kv import KvRepository
from wardian.storage.plugins import PluginRepository, packages_in_use
from wardian.storage.tables import kv_snapshots, upgrades

pytestmark = pytest.mark.anyio

TESTS = Path(__file__).parents[2]

BEFORE = {"install": None, "upgrade": 1, "rollback": 2, "uninstall": 1}
"""The version that is there when the change begins."""

AFTER = {"install": 1, "upgrade": 2, "rollback": 1, "uninstall": None}

STORED = {
    ("install", 1): (None, None),
    ("upgrade", 1): (1, None),
    ("upgrade", 2): (1, 1),
    ("rollback", 2): (2, 1),
    ("rollback", 1): (1, None),
    ("uninstall", 1): (1, None),
}
"""What is stored under ``n``, and under ``migrated``, by the change and the version found."""


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A data directory for each change, as it is when the change begins."""
    folders = {change: tmp_path_factory.mktemp(change) for change in BEFORE}

    async def prepare_all() -> None:
        for change, folder in folders.items():
            await prepare(folder, change)

    asyncio.run(prepare_all())
    return folders


async def prepare(folder: Path, change: str) -> None:
    async with open_host(Settings(data_dir=folder, workers_max=1)) as host:
        if change == "install":
            return
        await host.install(version(1), grants="all")
        await host.call("lives", "count", {})
        if change == "rollback":
            await host.upgrade(version(2, migrate="ok", health="healthy"))
            await host.call("lives", "count", {})


def cases() -> list[tuple[str, str]]:
    return [(change, step) for change in BEFORE for step in STEPS[change]]


@pytest.mark.parametrize(("change", "step"), cases(), ids=map("-".join, cases()))
async def test_f2_c12_a_host_killed_at_any_step_is_whole_at_the_next_start(
    begun: dict[str, Path], tmp_path: Path, change: str, step: str
) -> None:
    folder = tmp_path / "data"
    shutil.copytree(begun[change], folder)
    await is_whole_after_a_kill(folder, change, step)


@pytest.mark.parametrize("change", BEFORE)
@pytest.mark.parametrize("which", [0, -1], ids=["first", "last"])
async def test_f2_c12_a_host_on_postgresql_killed_at_either_end_is_whole_at_the_next_start(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, change: str, which: int
) -> None:
    monkeypatch.setenv("WARDIAN_DATABASE_URL", postgres_url)
    await prepare(tmp_path / "data", change)
    await is_whole_after_a_kill(tmp_path / "data", change, STEPS[change][which])


async def is_whole_after_a_kill(folder: Path, change: str, step: str) -> None:
    assert await asyncio.to_thread(killed, folder, change, step) == -signal.SIGKILL

    async with open_host(Settings(data_dir=folder, workers_max=1)) as host:
        found = await version_of(host)
        assert found in (BEFORE[change], AFTER[change])
        assert await stored(host) == STORED.get((change, found or 0))
        await nothing_is_orphaned(host, folder)
        if found == BEFORE[change]:
            await changed(host, change)
            assert await version_of(host) == AFTER[change]
            await nothing_is_orphaned(host, folder)


def killed(folder: Path, change: str, step: str) -> int:
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(TESTS), *filter(None, sys.path)])
    }
    done = subprocess.run(
        [sys.executable, str(TESTS / "killed.py"), str(folder), change, step],
        env=environment,
        capture_output=True,
        check=False,
    )
    return done.returncode


async def version_of(host: PluginHost) -> int | None:
    """Which version is there, by its row, its code and its configuration alike."""
    try:
        view = await host.plugin("lives")
    except NotFound:
        return None
    assert view.state == "active"
    number, configured = (await host.call("lives", "both", {})).result
    assert (f"{number}.0.0", configured) == (view.version, str(number))
    return int(number)


async def stored(host: PluginHost) -> tuple[int | None, int | None] | None:
    """What is stored, and that it was counted right."""
    parts = host._parts
    try:
        plugin = await parts.registry.get("default", "lives")
    except NotFound:
        return None
    async with parts.database.reading() as connection:
        entries = KvRepository(connection, "default", plugin.id)
        found = {key: await entries.get(key) for key in (b"n", b"migrated")}
        present = [(key, entry) for key, entry in found.items() if entry is not None]
        size = sum(len(key) + len(entry.value) for key, entry in present)
        assert await entries.usage() == (size, len(present))
    n, migrated = (None if entry is None else int(entry.value) for entry in found.values())
    return (n, migrated)


async def nothing_is_orphaned(host: PluginHost, folder: Path) -> None:
    parts = host._parts
    async with parts.database.reading() as connection:
        kept = {f"{digest}.wardian" for digest in await packages_in_use(connection)}
        rows = connection.of("default")
        repository = PluginRepository(rows, "default")
        versions = [
            version.package_digest
            for plugin in await repository.all()
            for version in await repository.versions(plugin.id)
        ]
        open_ones = await rows.execute(
            select(func.count()).where(upgrades.c.outcome.in_(("running", "swapped")))
        )
        loose = await rows.execute(
            select(func.count()).where(
                kv_snapshots.c.upgrade_id.not_in(select(upgrades.c.id).where(upgrades.c.migrated))
            )
        )
        assert (open_ones.scalar_one(), loose.scalar_one()) == (0, 0)
    assert {path.name for path in (folder / "packages").iterdir()} == kept
    assert {f"{digest}.wardian" for digest in versions} == kept
