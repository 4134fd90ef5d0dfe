"""New data keys and new root keys, while credentials are in use."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from credentials import overwrite, put, root_key, rows, token, tokens
from hosts import FakeHost, fake_host
from transit import TOKEN, engine
from wardian.errors import Conflict, CredentialDamaged, VaultSealed
from wardian.storage.tables import audit, credentials, data_keys
from wardian.vault import keyring, rotation

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("on_both_databases")]

NAMES = [f"name-{number}" for number in range(7)]
TEXTS = [f"secret of {name}" for name in NAMES]


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rotation, "BATCH", 2)


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[FakeHost]:
    async with fake_host(tmp_path / "data") as opened:
        for name, text in zip(NAMES, TEXTS, strict=True):
            await put(opened.parts.vault, name, text)
        yield opened


async def keys_of(host: FakeHost) -> list[tuple[int, str]]:
    return [(row["number"], row["state"]) for row in await rows(host.parts.database, data_keys)]


async def test_a_rotation_seals_everything_anew_and_drops_the_old_key(host: FakeHost) -> None:
    before = await rows(host.parts.database, credentials)

    done = await host.host.vault.rotate(actor="anna")

    assert (done.key, done.resealed, done.dropped, done.resumed) == (2, len(NAMES), 1, False)
    assert await keys_of(host) == [(2, "active")]
    after = await rows(host.parts.database, credentials)
    assert not {row["sealed"] for row in before} & {row["sealed"] for row in after}
    assert [row["version"] for row in after] == [1] * len(NAMES)
    assert await tokens(host.parts, NAMES) == TEXTS
    assert (await host.host.vault.show()).to_reseal == 0


async def test_credentials_are_used_and_set_while_a_rotation_runs(host: FakeHost) -> None:
    seen: list[str] = []

    async def in_use() -> None:
        for round_number in range(6):
            seen.extend(await tokens(host.parts, NAMES))
            await put(host.parts.vault, f"more-{round_number}", f"more {round_number}")
            await put(host.parts.vault, "changing", f"value {round_number}")

    await asyncio.gather(
        in_use(), *(host.host.vault.rotate() for _ in range(3)), host.host.vault.rekey()
    )

    assert seen == TEXTS * 6
    assert await tokens(host.parts, NAMES) == TEXTS
    assert await tokens(host.parts, ["more-0", "more-5", "changing"]) == [
        "more 0",
        "more 5",
        "value 5",
    ]
    await host.host.vault.rotate()
    assert len(await keys_of(host)) == 1


async def test_a_value_set_in_the_middle_is_not_overwritten(host: FakeHost) -> None:
    setting: list[asyncio.Task[object]] = []

    def between(change: str, step: str) -> None:
        if step == "batch":
            name = f"{NAMES[-1]}"
            setting.append(asyncio.ensure_future(put(host.parts.vault, name, "the newest")))

    host.parts.steps.watch(between)
    await host.host.vault.rotate()
    await asyncio.gather(*setting)

    assert await token(host.parts.vault, NAMES[-1]) == "the newest"


async def test_a_damaged_credential_is_named_and_keeps_its_key(host: FakeHost) -> None:
    damaged = (await rows(host.parts.database, credentials))[3]
    await overwrite(host.parts.database, credentials, damaged["id"], sealed=b"\x01" + bytes(60))

    done = await host.host.vault.rotate()

    assert (done.resealed, done.damaged, done.dropped) == (len(NAMES) - 1, [damaged["name"]], 0)
    assert await keys_of(host) == [(1, "retired"), (2, "active")]
    with pytest.raises(CredentialDamaged, match=damaged["name"]):
        await token(host.parts.vault, damaged["name"])

    await put(host.parts.vault, damaged["name"], "set anew")
    done = await host.host.vault.rotate()
    assert (done.key, done.damaged) == (3, [])
    assert await keys_of(host) == [(3, "active")]


async def test_a_damaged_data_key_is_replaced_by_a_rotation(host: FakeHost) -> None:
    [key] = await rows(host.parts.database, data_keys)
    await overwrite(host.parts.database, data_keys, key["id"], wrapped=b"\x01" + bytes(60))
    host.parts.vault._keyring._keys.clear()

    with pytest.raises(CredentialDamaged, match="rotate"):
        await put(host.parts.vault, "another")
    done = await host.host.vault.rotate()

    assert len(done.damaged) == len(NAMES)
    await put(host.parts.vault, "another", "works")
    assert await token(host.parts.vault, "another") == "works"


async def test_a_host_starts_and_rekeys_whatever_is_damaged(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    async with fake_host(folder) as host:
        await put(host.parts.vault, "name", "text")
        await host.parts.vault._keyring.prepare("default", anew=True)
        await host.host.tenants.create("acme")
        await put(host.parts.vault, "theirs", "of acme", tenant="acme")
        active = (await rows(host.parts.database, data_keys))[1]
        await overwrite(host.parts.database, data_keys, active["id"], wrapped=b"\x01" + bytes(60))

    async with fake_host(folder) as host:
        first = await host.host.vault.rekey()
        assert (first.rewrapped, first.damaged, first.resumed) == (2, ["default"], False)
        assert len(root_key(folder).splitlines()) == 3  # the damaged one might yet be mended
        second = await host.host.vault.rekey()
        assert (second.rewrapped, second.damaged) == (2, ["default"])
        assert second.root_key != first.root_key
        assert await token(host.parts.vault, "name") == "text"
        assert (await host.host.vault.rotate()).resealed == 1
        assert (await host.host.vault.rekey()).damaged == []
        assert len(root_key(folder).splitlines()) == 2
    async with fake_host(folder) as host:
        assert await token(host.parts.vault, "name") == "text"
        assert await token(host.parts.vault, "theirs", tenant="acme") == "of acme"


async def test_a_worn_key_is_replaced_before_its_nonces_may_repeat(
    host: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    [key] = await rows(host.parts.database, data_keys)
    assert key["sealings"] == len(NAMES)
    assert keyring.SEALINGS_MAX <= 2**31

    await overwrite(host.parts.database, data_keys, key["id"], sealings=keyring.SEALINGS_MAX - 1)
    await put(host.parts.vault, "last", "one")
    assert await keys_of(host) == [(1, "active")]
    await put(host.parts.vault, "next", "two")

    assert await keys_of(host) == [(1, "retired"), (2, "active")]
    assert (await rows(host.parts.database, data_keys))[1]["sealings"] == 1
    assert await tokens(host.parts, [*NAMES, "last", "next"]) == [*TEXTS, "one", "two"]


async def test_a_rekey_makes_a_new_root_key_and_keeps_the_old_one_aside(
    host: FakeHost, tmp_path: Path
) -> None:
    await host.host.tenants.create("acme")
    await put(host.parts.vault, "theirs", "of acme", tenant="acme")
    sealed = await rows(host.parts.database, credentials)
    before = root_key(tmp_path / "data").splitlines()[1:]

    done = await host.host.vault.rekey(actor="anna")

    assert (done.rewrapped, done.damaged, done.resumed) == (2, [], False)
    after = root_key(tmp_path / "data").splitlines()[1:]
    assert len(after) == 1
    assert after != before
    retired = tmp_path / "data" / "root.key.retired"
    assert retired.read_bytes().splitlines()[1:] == before
    assert {path.stat().st_mode & 0o777 for path in (retired, tmp_path / "data/root.key")} == {
        0o600
    }
    assert await rows(host.parts.database, credentials) == sealed
    assert {row["root_key"] for row in await rows(host.parts.database, data_keys)} == {
        done.root_key
    }
    assert await tokens(host.parts, NAMES) == TEXTS

    await host.host.vault.rekey()
    assert len(retired.read_bytes().splitlines()[1:]) == 2
    await host.parts.vault.open()
    assert await tokens(host.parts, NAMES) == TEXTS
    assert await token(host.parts.vault, "theirs", tenant="acme") == "of acme"


async def test_from_one_variable_to_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = os.urandom(32).hex(), os.urandom(32).hex()
    folder = tmp_path / "data"
    monkeypatch.setenv("OLD_KEY", old)
    async with fake_host(folder, root_key="env:OLD_KEY") as host:
        await put(host.parts.vault, "name", "text")
        with pytest.raises(Conflict, match="WARDIAN_ROOT_KEY_PREVIOUS"):
            await host.host.vault.rekey()
    assert not (folder / "root.key").exists()

    monkeypatch.setenv("OLD_KEY", old)
    monkeypatch.setenv("NEW_KEY", new)
    async with fake_host(folder, root_key="env:NEW_KEY", root_key_previous="env:OLD_KEY") as host:
        assert await token(host.parts.vault, "name") == "text"
        assert (await host.host.vault.show()).to_rewrap == 0

    monkeypatch.setenv("NEW_KEY", new)
    async with fake_host(folder, root_key="env:NEW_KEY") as host:
        assert await token(host.parts.vault, "name") == "text"


async def test_from_a_file_to_a_transit_engine_and_to_its_next_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "data"
    (tmp_path / "token").write_text(TOKEN + "\n")
    async with fake_host(folder) as host:
        await put(host.parts.vault, "name", "text")
    with engine("stand-in", tmp_path) as running:
        settings = {
            "root_key": "transit:transit/wardian",
            "transit_url": running.url,
            "transit_token": f"file:{tmp_path / 'token'}",
        }
        async with fake_host(
            folder, root_key_previous=f"file:{folder / 'root.key'}", **settings
        ) as host:
            assert await token(host.parts.vault, "name") == "text"
        async with fake_host(folder, **settings) as host:
            assert (await host.host.vault.show()).root_key == "transit:transit/wardian:v1"
            with pytest.raises(Conflict, match="Rotate that one"):
                await host.host.vault.rekey()
            running.rotate()
            done = await host.host.vault.rekey()
            assert (done.root_key, done.rewrapped) == ("transit:transit/wardian:v2", 1)
            assert await token(host.parts.vault, "name") == "text"
            running.stop()
            assert await token(host.parts.vault, "name") == "text"  # its data key is in memory
            await host.host.tenants.create("acme")
            with pytest.raises(VaultSealed, match="no connection"):
                await put(host.parts.vault, "theirs", tenant="acme")
        async with fake_host(folder, **settings) as host:
            assert (await host.host.vault.show()).sealed
            with pytest.raises(VaultSealed, match="no connection"):
                await token(host.parts.vault, "name")


async def test_what_keys_did_is_in_the_audit_trail_by_number(host: FakeHost) -> None:
    await host.host.vault.rotate(actor="anna")
    await host.host.vault.rekey(actor="bert")

    async with host.parts.database.reading() as connection:
        rows = connection.of("default")
        found = (await rows.execute(audit.select().order_by(audit.c.time))).mappings().all()

    noted = [(row["action"], row["actor"], row["subject"]) for row in found]
    assert noted[-2:] == [
        ("vault.rotated", "anna", "data key 2"),
        ("vault.rekeyed", "bert", "data key 2"),
    ]


async def test_a_vault_whose_root_key_comes_back_is_opened_by_itself(
    host: FakeHost, tmp_path: Path
) -> None:
    key = tmp_path / "data" / "root.key"
    away = key.rename(tmp_path / "away")
    await host.parts.vault.open()
    await host.parts.upkeep.tend()
    assert (await host.host.vault.show()).sealed

    away.rename(key)
    await host.parts.upkeep.tend()

    assert not (await host.host.vault.show()).sealed
    assert await tokens(host.parts, NAMES) == TEXTS
