"""A host that is killed while its keys change: every credential is there, and the change ends."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from credentials import put, root_key, rows, token
from wardian import Settings, open_host
from wardian.runtime.host import PluginHost
from wardian.runtime.steps import STEPS
from wardian.storage.tables import credentials, data_keys
from wardian.vault import rotation

pytestmark = pytest.mark.anyio

TESTS = Path(__file__).parents[2]
TENANTS = ("default", "acme", "zeta")
NAMES = [f"name-{number}" for number in range(rotation.BATCH + 5)]

CASES = [
    *((change, step, 1) for change in ("vault-rotate", "vault-rekey") for step in STEPS[change]),
    ("vault-rotate", "batch", 3),
    ("vault-rekey", "wrap", 2),
]
"""A change, and a step at whose nth time the host is killed."""


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with a vault of three tenants."""
    folder = tmp_path_factory.mktemp("vault")
    asyncio.run(prepare(folder))
    return folder


async def prepare(folder: Path) -> None:
    async with open_host(Settings(data_dir=folder, workers_max=1)) as host:
        for tenant in TENANTS[1:]:
            await host.tenants.create(tenant)
            await put(host._parts.vault, "theirs", f"of {tenant}", tenant=tenant)
        for name in NAMES:
            await put(host._parts.vault, name, f"secret of {name}")


@pytest.mark.parametrize(("change", "step", "time"), CASES)
async def test_d11_a_vault_killed_at_any_step_of_a_change_of_keys_ends_it_at_the_next_start(
    begun: Path, tmp_path: Path, change: str, step: str, time: int
) -> None:
    folder = tmp_path / "data"
    shutil.copytree(begun, folder)
    await ends_after_a_kill(folder, change, step, time)


@pytest.mark.parametrize(("change", "step", "time"), CASES[-2:])
async def test_d11_a_vault_on_postgresql_killed_in_the_middle_ends_it_at_the_next_start(
    postgres_url: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    change: str,
    step: str,
    time: int,
) -> None:
    monkeypatch.setenv("WARDIAN_DATABASE_URL", postgres_url)
    await prepare(tmp_path / "data")
    await ends_after_a_kill(tmp_path / "data", change, step, time)


async def ends_after_a_kill(folder: Path, change: str, step: str, time: int) -> None:
    assert await asyncio.to_thread(killed, folder, change, step, time) == -signal.SIGKILL

    async with open_host(Settings(data_dir=folder, workers_max=1)) as host:
        await everything_opens(host)
        view = await host.vault.show()
        assert (view.sealed, view.to_reseal, view.to_rewrap) == (False, 0, 0)
        keys = await rows(host._parts.database, data_keys)
        assert [key["state"] for key in keys] == ["active"] * len(TENANTS)
        assert {key["root_key"] for key in keys} == {view.root_key}
        assert len(root_key(folder).splitlines()) == 2  # what it is, and the one key

        # What was cut short is over: the next is a change of its own.
        if change == "vault-rotate":
            done = await host.vault.rotate()
            assert (done.resumed, done.resealed) == (False, len(NAMES))
        else:
            rekeyed = await host.vault.rekey()
            assert (rekeyed.resumed, rekeyed.rewrapped) == (False, len(TENANTS))
        await everything_opens(host)


async def test_d11_a_vault_killed_again_and_again_loses_nothing(
    begun: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "data"
    shutil.copytree(begun, folder)

    for change, step, time in [CASES[-2], CASES[-1], CASES[2], CASES[5]]:
        assert await asyncio.to_thread(killed, folder, change, step, time) == -signal.SIGKILL

    async with open_host(Settings(data_dir=folder, workers_max=1)) as host:
        await everything_opens(host)
        assert len(await rows(host._parts.database, credentials)) == len(NAMES) + 2


async def everything_opens(host: PluginHost) -> None:
    vault = host._parts.vault
    assert [await token(vault, name) for name in NAMES] == [f"secret of {name}" for name in NAMES]
    for tenant in TENANTS[1:]:
        assert await token(vault, "theirs", tenant=tenant) == f"of {tenant}"


def killed(folder: Path, change: str, step: str, time: int) -> int:
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(TESTS), *filter(None, sys.path)])
    }
    done = subprocess.run(
        [sys.executable, str(TESTS / "killed.py"), str(folder), change, step, str(time)],
        env=environment,
        capture_output=True,
        check=False,
    )
    return done.returncode
