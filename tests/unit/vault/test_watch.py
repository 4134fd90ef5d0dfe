"""What is looked for follows the vault, and is made ready once for all who ask."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from credentials import put
from hosts import FakeHost, fake_host
from wardian.vault import Vault
from wardian.vault.watch import Watch

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("on_both_databases")]


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[FakeHost]:
    async with fake_host(tmp_path / "data") as opened:
        yield opened


@pytest.fixture
def vault(host: FakeHost) -> Vault:
    return host.parts.vault


async def test_what_is_looked_for_is_what_the_vault_has_now(vault: Vault) -> None:
    watch = Watch(vault)
    assert not await watch.leaks("default")

    await put(vault, "github", "ghp_canary")
    leaks = await watch.leaks("default")
    assert leaks.found("ghp_canary")
    assert await watch.leaks("default") is leaks
    assert not await watch.leaks("acme")

    await vault.remove("default", owner=None, name="github")
    assert not await watch.leaks("default")


async def test_all_who_ask_after_a_change_are_given_the_same(vault: Vault) -> None:
    watch = Watch(vault)
    for number in range(60):
        await put(vault, f"name-{number}", f"canary-{number:03}")

    found = await asyncio.gather(*(watch.leaks("default") for _ in range(20)))

    assert len({id(leaks) for leaks in found}) == 1
    assert found[0].found("canary-059")
