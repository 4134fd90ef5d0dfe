"""Attacks on the vault: rows that are moved, keys that are worn or lost, values that leak."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import os
import subprocess
import sys
import traceback
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text as sql

from commands import announced, serve_process, stop
from credentials import CANARY, overwrite, put, root_key, rows, token
from hosts import FakeHost, fake_host, package
from wardian.errors import CredentialDamaged, InvalidArguments, NotFound, VaultSealed, WardianError
from wardian.policy.secret import Secret
from wardian.runtime.credentials import CredentialOrder
from wardian.storage import Database
from wardian.storage.tables import credentials, data_keys, metadata
from wardian.vault import Bound, Kind

pytestmark = pytest.mark.anyio

MOVED = ("sealed", "key_id", "version")


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[FakeHost]:
    async with fake_host(tmp_path / "data") as opened:
        await opened.host.install(package())
        yield opened


# D-9: what is sealed opens where it was put, and nowhere else.


@pytest.fixture
async def kept(host: FakeHost) -> dict[str, dict[str, Any]]:
    """Rows by name: two of the tenant's, one of a plugin, one of another tenant."""
    vault = host.parts.vault
    plugin = (await host.parts.registry.get("default", "stores")).id
    await host.host.tenants.create("acme")
    await put(vault, "one", "text of one")
    await put(vault, "two", "text of two")
    await put(vault, "own", "text of own", owner=plugin)
    await put(vault, "theirs", "text of theirs", tenant="acme")
    return {row["name"]: row for row in await rows(host.parts.database, credentials)}


@pytest.mark.parametrize("other", ["two", "own"])
async def test_d9_what_is_sealed_in_one_row_does_not_open_in_another(
    host: FakeHost, kept: dict[str, dict[str, Any]], other: str
) -> None:
    values = {name: kept[other][name] for name in MOVED}
    await overwrite(host.parts.database, credentials, kept["one"]["id"], **values)

    with pytest.raises(CredentialDamaged, match="'one' cannot be opened"):
        await token(host.parts.vault, "one")
    assert await token(host.parts.vault, "two") == "text of two"


async def test_d9_a_row_does_not_open_for_another_tenant(
    host: FakeHost, kept: dict[str, dict[str, Any]]
) -> None:
    theirs, ours = kept["theirs"], kept["one"]
    [key] = [key for key in await rows(host.parts.database, data_keys) if key["tenant"] == "acme"]
    async with host.parts.database.transaction() as connection:
        # The row, and the key that opens it, as an attacker would bring both to a tenant of theirs.
        await connection.execute(
            data_keys.insert().values(key | {"tenant": "default", "number": 9})
        )
        await connection.execute(
            credentials.update()
            .where(credentials.c.id == ours["id"])
            .values({name: theirs[name] for name in MOVED})
        )
    host.parts.vault._keyring._keys.clear()

    with pytest.raises(CredentialDamaged):
        await token(host.parts.vault, "one")
    assert await token(host.parts.vault, "theirs", tenant="acme") == "text of theirs"


async def test_d9_a_data_key_does_not_open_under_another_ones_id(
    host: FakeHost, kept: dict[str, dict[str, Any]]
) -> None:
    await host.parts.vault._keyring.prepare("default", anew=True)
    old, new = [
        key for key in await rows(host.parts.database, data_keys) if key["tenant"] == "default"
    ]
    await overwrite(host.parts.database, data_keys, old["id"], wrapped=new["wrapped"])
    host.parts.vault._keyring._keys.clear()

    with pytest.raises(CredentialDamaged):
        await token(host.parts.vault, "one")


@pytest.mark.parametrize(
    "change",
    [
        {"name": "another"},
        {"owner": "somebody", "plugin_id": None},
        {"version": 2},
        {"kind": "opaque"},
        {"public": {"username": "mallory"}},
        {"bound": {"origins": ["https://attacker.example/"], "placement": None}},
        {"bound": {"origins": ["https://api.example.org/repos"], "placement": {"in": "query"}}},
        {"expires_at": datetime.now(UTC) + timedelta(days=10_000)},
        {"sealed": b""},
        {"sealed": b"\x01" + bytes(28)},
    ],
    ids=lambda change: "-".join(change),
)
async def test_d9_nothing_that_its_use_goes_by_can_be_changed_in_a_row(
    host: FakeHost, kept: dict[str, dict[str, Any]], change: dict[str, Any]
) -> None:
    await overwrite(host.parts.database, credentials, kept["one"]["id"], **change)

    with pytest.raises((CredentialDamaged, NotFound)):
        await token(host.parts.vault, "one")
    with pytest.raises(WardianError):
        await token(host.parts.vault, "another", plugin="somebody")
    assert "text of one" not in [
        secret.reveal() for secret in await host.parts.vault.secrets("default")
    ]


async def test_d9_an_old_value_put_back_by_itself_does_not_open(
    host: FakeHost, kept: dict[str, dict[str, Any]]
) -> None:
    await put(host.parts.vault, "one", "newer text of one")
    await overwrite(
        host.parts.database, credentials, kept["one"]["id"], sealed=kept["one"]["sealed"]
    )

    with pytest.raises(CredentialDamaged):
        await token(host.parts.vault, "one")


async def test_d9_a_whole_old_row_put_back_opens_until_keys_are_rotated(
    host: FakeHost, kept: dict[str, dict[str, Any]]
) -> None:
    """What is not detected, and what ends it: SECURITY.md says so."""
    await put(host.parts.vault, "one", "newer text of one")
    await overwrite(host.parts.database, credentials, kept["one"]["id"], **kept["one"])
    assert await token(host.parts.vault, "one") == "text of one"

    await put(host.parts.vault, "one", "newer text of one")
    await host.host.vault.rotate()
    with pytest.raises(WardianError):
        await overwrite(host.parts.database, credentials, kept["one"]["id"], **kept["one"])


# D-12: without its root key a vault is sealed, and unharmed.


def lose(folder: Path) -> None:
    (folder / "root.key").unlink()


def replace_by_another(folder: Path) -> None:
    (folder / "root.key").write_text(base64.b64encode(os.urandom(32)).decode())


def cut(folder: Path) -> None:
    (folder / "root.key").write_bytes(root_key(folder)[:-9])


def empty(folder: Path) -> None:
    (folder / "root.key").write_bytes(b"")


def open_to_others(folder: Path) -> None:
    (folder / "root.key").chmod(0o640)


def make_a_directory(folder: Path) -> None:
    lose(folder)
    (folder / "root.key").mkdir()


LOSSES = {
    lose: "cannot be read: No such file",
    replace_by_another: "is not the one given",
    cut: "a line that is no key",
    empty: "no key in it",
    open_to_others: "can be read by others",
    make_a_directory: "cannot be read: Is a directory",
}


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.__name__)
async def test_d12_without_its_root_key_a_vault_is_sealed_and_nothing_is_harmed(
    tmp_path: Path, loss: Any
) -> None:
    folder = tmp_path / "data"
    async with fake_host(folder) as host:
        await put(host.parts.vault, "one", "text of one")
        before = [await rows(host.parts.database, table) for table in (credentials, data_keys)]
    key, mode = root_key(folder), (folder / "root.key").stat().st_mode
    loss(folder)

    async with fake_host(folder) as host:
        state = (await host.host.ready()).vault
        assert state.sealed
        assert LOSSES[loss] in state.reason
        assert (await host.host.ready()).ready
        await host.host.install(package())
        assert (await host.host.call("stores", "run", {})).result is None

        vault, order = (
            host.parts.vault,
            CredentialOrder(name="two", kind="bearer", fields={"token": CANARY}),
        )
        for use in (
            vault.find("default", "any", "one"),
            vault.exists("default", "any", "one"),
            host.host.credentials.set(order),
            host.host.vault.rotate(),
            host.host.vault.rekey(),
        ):
            with pytest.raises(VaultSealed) as caught:
                await use
            assert LOSSES[loss] in caught.value.message
        assert await vault.secrets("default") == ()
        assert [view.name for view in await host.host.credentials.list()] == ["one"]
        assert [
            await rows(host.parts.database, table) for table in (credentials, data_keys)
        ] == before
        assert loss is not lose or not (folder / "root.key").exists()

        restored(folder, key, mode)
        assert not (await host.host.vault.open()).sealed
        assert await token(vault, "one") == "text of one"


def restored(folder: Path, key: bytes, mode: int) -> None:
    path = folder / "root.key"
    if path.is_dir():
        path.rmdir()
    path.write_bytes(key)
    path.chmod(mode)


async def test_d12_a_root_key_is_made_while_the_vault_is_empty_and_for_its_owner_alone(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "data"
    async with fake_host(folder):
        first = root_key(folder)
        assert (folder / "root.key").stat().st_mode & 0o777 == 0o600
    async with fake_host(folder):
        assert root_key(folder) == first
    lose(folder)
    async with fake_host(folder) as host:
        assert root_key(folder) != first
        await put(host.parts.vault, "one", "text")
    assert {path.name for path in folder.iterdir() if path.name.startswith("root")} == {"root.key"}


async def test_d12_a_file_that_the_settings_name_is_never_made(tmp_path: Path) -> None:
    wanted = tmp_path / "mounted" / "root.key"
    async with fake_host(tmp_path / "data", root_key=f"file:{wanted}") as host:
        assert (await host.host.ready()).vault.sealed
    assert not wanted.exists()


async def test_d12_a_damaged_credential_takes_no_other_with_it(
    host: FakeHost, kept: dict[str, dict[str, Any]]
) -> None:
    await overwrite(host.parts.database, credentials, kept["one"]["id"], sealed=os.urandom(99))

    with pytest.raises(CredentialDamaged, match="'one' cannot be opened: its row was damaged"):
        await token(host.parts.vault, "one")
    assert await token(host.parts.vault, "two") == "text of two"
    await put(host.parts.vault, "one", "set anew")
    assert await token(host.parts.vault, "one") == "set anew"


async def test_d12_a_damaged_data_key_takes_no_other_tenant_with_it(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    async with fake_host(folder) as host:
        await host.host.tenants.create("acme")
        await put(host.parts.vault, "one", "text of one")
        await put(host.parts.vault, "theirs", "text of theirs", tenant="acme")
        key = (await rows(host.parts.database, data_keys))[0]
        await overwrite(host.parts.database, data_keys, key["id"], wrapped=os.urandom(61))

    async with fake_host(folder) as host:
        assert not (await host.host.ready()).vault.sealed
        with pytest.raises(CredentialDamaged):
            await token(host.parts.vault, "one")
        assert await token(host.parts.vault, "theirs", tenant="acme") == "text of theirs"


# D-13: values and keys are nowhere but in the vault.


def encoded(secret: str) -> set[str]:
    """A secret as it is, and in the forms it might leave in."""
    raw = secret.encode()
    return {secret, secret[::-1], raw.hex(), base64.b64encode(raw).decode().rstrip("=")}


def leaked(where: str) -> list[str]:
    return [form for form in encoded(CANARY) if form.lower() in where.lower()]


async def test_d13_a_value_is_in_no_row_file_event_or_audit_entry(
    host: FakeHost, tmp_path: Path
) -> None:
    heard: list[str] = []
    host.host.events.subscribe("*", lambda event: heard.append(repr(event)))
    order = CredentialOrder(
        name="one", kind="bearer", fields={"token": CANARY}, plugin="stores", description="For it."
    )
    await host.host.credentials.set(order)
    await host.host.vault.rotate()
    await host.host.vault.rekey()
    await host.host.credentials.remove("one", plugin="stores")

    assert {"credential.set", "credential.removed", "vault.rotated", "vault.rekeyed"} <= {
        row["action"] for row in await _all(host.parts.database, "audit")
    }
    assert len(heard) >= 4
    for table in metadata.tables:
        assert leaked(repr(await _all(host.parts.database, table))) == [], table
    assert leaked(" ".join(heard)) == []
    for path in (tmp_path / "data").rglob("*"):
        if path.is_file():
            assert CANARY.encode() not in path.read_bytes(), path


async def _all(database: Database, table: str) -> list[dict[str, Any]]:
    async with database.reading() as connection:
        found = await connection.execute(sql(f"SELECT * FROM {table}"))
        return [dict(row) for row in found.mappings()]


async def test_d13_nothing_prints_a_value(host: FakeHost, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    order = CredentialOrder(name="one", kind="bearer", fields={"token": CANARY})
    view = await host.host.credentials.set(order)
    held = await host.parts.vault.find("default", "any", "one")
    found = await host.parts.vault.secrets("default")

    printed = [order, view, held, found, host.parts.vault, host.parts.vault._keyring]
    for each in (*printed, vars(host.parts.vault), vars(host.parts.vault._keyring)):
        assert leaked(f"{each!r} {each!s}") == []
    assert leaked(caplog.text) == []
    with pytest.raises(TypeError):
        json.dumps(held.secrets)


BROKEN: dict[str, dict[str, Any]] = {
    "kind": {"kind": CANARY, "fields": {"token": "any"}},
    "name": {"name": CANARY},
    "unknown field": {"fields": {CANARY: "any"}},
    "value of another field": {"fields": {"token": "any", "username": CANARY}},
    "not visible": {"fields": {"token": f"{CANARY}\n"}},
    "too long": {"fields": {"token": CANARY * 1000}},
    "surrogate": {"fields": {"token": f"{CANARY}\ud800"}},
    "origin": {"origins": [f"https://user:{CANARY}@example.org/"]},
    "origin with a query": {"origins": [f"https://example.org/?key={CANARY}"]},
    "key": {"kind": "private-key", "fields": {"pem": f"-----BEGIN PRIVATE KEY-----\n{CANARY}"}},
    "encoding": {"kind": "hmac-key", "fields": {"key": "any", "encoding": CANARY}},
    "expiry": {"expires_at": datetime(2027, 1, 1)},  # noqa: DTZ001 -- that it has no zone is wrong
    "plugin": {"plugin": "none", "fields": {"token": CANARY}},
}


@pytest.mark.parametrize("case", BROKEN)
async def test_d13_what_is_refused_is_not_quoted_and_not_in_a_traceback(
    host: FakeHost, case: str
) -> None:
    order = CredentialOrder(
        **{"name": "one", "kind": "bearer", "fields": {"token": CANARY}} | BROKEN[case]
    )
    with pytest.raises((InvalidArguments, NotFound)) as caught:
        await host.host.credentials.set(order)

    error = caught.value
    whole = "".join(traceback.TracebackException.from_exception(error).format())
    assert leaked(f"{error} {error.details()} {error.args}") == []
    assert leaked(whole) == []
    assert await host.host.credentials.list() == []


async def test_d13_a_value_that_is_refused_within_is_not_in_the_frames_of_a_crash_report(
    host: FakeHost,
) -> None:
    """Tools that report crashes print local variables; what they hold is a `Secret` by then."""
    try:
        await host.parts.vault.put(
            "default",
            owner="no such plugin",
            name="one",
            kind=Kind.BEARER,
            public={},
            secrets={"token": Secret(CANARY)},
            bound=Bound(),
        )
    except WardianError as error:
        report = traceback.TracebackException.from_exception(error, capture_locals=True)
    assert leaked("".join(report.format())) == []


async def test_d13_a_credential_for_another_kind_is_refused_by_the_vault_itself(
    host: FakeHost,
) -> None:
    with pytest.raises(InvalidArguments, match="takes no such field"):
        await host.parts.vault.put(
            "default",
            owner=None,
            name="one",
            kind=Kind.BEARER,
            public={},
            secrets={"password": Secret(CANARY)},
            bound=Bound(),
        )


# The same over HTTP, with everything logged, in processes of their own.

ADMIN = "wdn_" + "c" * 43
ROOT_KEY = base64.b64encode(b"canary of a root key, 32 bytes!!").decode()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, str]]:
    folder = tmp_path_factory.mktemp("served")
    options = ("--json", "--log-level", "debug", "--port", 0, "--data-dir", folder / "state")
    environment = {
        "WARDIAN_BOOTSTRAP_KEY": ADMIN,
        "WARDIAN_ROOT_KEY": "env:MY_ROOT_KEY",
        "MY_ROOT_KEY": ROOT_KEY,
    }
    with serve_process(*options, **environment) as process:
        yield process, announced(process)["url"]


BODIES: list[str | bytes] = [
    json.dumps({"kind": "bearer", "fields": {"token": CANARY}}),
    json.dumps({"kind": "bearer", "fields": {"token": [CANARY]}}),
    json.dumps({"kind": "bearer", "fields": {"token": {"a": CANARY}}}),
    json.dumps({"kind": "bearer", "fields": CANARY}),
    json.dumps({"kind": CANARY, "fields": {}}),
    json.dumps({"kind": [CANARY], "fields": {}}),
    json.dumps({"kind": "bearer", "fields": {"token": "any"}, "expires_at": CANARY}),
    json.dumps({"kind": "bearer", "fields": {"token": "any"}, "rotate_days": CANARY}),
    json.dumps({"kind": "bearer", "fields": {"token": "any"}, "origins": CANARY}),
    json.dumps({"kind": "bearer", "fields": {"token": "any"}, "placement": CANARY}),
    json.dumps({"kind": "bearer", "token": CANARY}),
    json.dumps({"kind": "bearer", "fields": {"token": f"{CANARY}\ud800"}}),
    json.dumps(CANARY),
    json.dumps([CANARY]),
    f'{{"kind": "bearer", "fields": {{"token": "{CANARY}"}}, "fields": {{"token": "{CANARY}"}}}}',
    f'{{"kind": "bearer", "fields": {{"token": "{CANARY}',
    f'{{"kind": "bearer", "fields": {{"token": {CANARY}}}}}',
    CANARY,
    f'{{"kind": "bearer", "fields": {{"token": "{CANARY}'.encode() + b'\xff"}}',
]


def test_d13_over_http_nothing_is_answered_or_logged_of_a_value(
    served: tuple[subprocess.Popen[str], str],
) -> None:
    process, url = served
    answers: list[str] = []
    headers = {"Authorization": f"Bearer {ADMIN}", "Content-Type": "application/json"}
    with httpx.Client(base_url=f"{url}/api/v1", headers=headers, trust_env=False) as client:
        for body in BODIES:
            for method, path in (("PUT", "/credentials/one"), ("POST", "/credentials")):
                sent = body
                if method == "POST" and isinstance(body, str) and body.startswith('{"kind"'):
                    sent = '{"name": "two", ' + body[1:]
                answer = client.request(method, path, content=sent)
                assert answer.status_code < 500, answer.text
                answers.append(answer.text + repr(answer.headers))
        for path in ("/credentials", "/credentials/one", "/credentials/two", "/vault", "/keys"):
            answers.append(client.get(path).text)
        answers.append(client.post("/vault/rotate").text)
        answers.append(client.get("/../readyz").text)

    in_processes_of(process.pid)
    code, log = stop(process)

    assert code == 0
    assert leaked(" ".join(answers)) == []
    assert leaked(log) == []
    assert ROOT_KEY not in log + " ".join(answers)
    assert "vault-rotate: batch" in log  # it was indeed told everything


def in_processes_of(pid: int) -> None:
    """Look into the host and all that it started."""
    family = [pid]
    for each in family:
        children = Path(f"/proc/{each}/task").glob("*/children")
        family += [int(child) for path in children for child in path.read_text().split()]
    assert len(family) >= 2
    for each in family:
        environment = Path(f"/proc/{each}/environ").read_bytes()
        assert ROOT_KEY.encode() not in environment
        limits = Path(f"/proc/{each}/limits").read_text()
        [core] = [line.split() for line in limits.splitlines() if "core file" in line]
        assert core[4] == "0", each


REPORT = """
import asyncio, ctypes, os, resource, subprocess, sys
from pathlib import Path
from wardian import Settings, open_host

async def main():
    async with open_host(Settings(data_dir=Path(sys.argv[1]), root_key="env:MY_ROOT_KEY")) as host:
        assert not (await host.ready()).vault.sealed
        dumpable = ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)
        child = subprocess.run(["env"], capture_output=True).stdout
        print(dumpable, resource.getrlimit(resource.RLIMIT_CORE)[0],
              b"MY_ROOT_KEY" in child, "MY_ROOT_KEY" in os.environ)

asyncio.run(main())
"""


async def test_d13_a_host_leaves_no_core_dump_and_its_root_key_to_no_child(tmp_path: Path) -> None:
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", REPORT, str(tmp_path / "data")],
        env=os.environ | {"MY_ROOT_KEY": ROOT_KEY, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
    )

    assert done.stdout.split() == ["0", "0", "False", "False"], done.stderr
