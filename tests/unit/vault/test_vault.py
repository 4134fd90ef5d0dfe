"""Credentials: set, found, listed, replaced, removed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import anyio
import pytest

from credentials import ORIGIN, put, token
from hosts import FakeHost, fake_host, package
from wardian.crypto.aead import SymmetricKey
from wardian.errors import Conflict, InvalidArguments, NotFound
from wardian.events.topics import is_reserved
from wardian.policy.secret import Secret
from wardian.storage.rows import now
from wardian.storage.vault import DataKeyRow, VaultRepository
from wardian.vault import Kind, Vault
from wardian.vault.keyring import Keyring
from wardian.vault.views import credential_view

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("on_both_databases")]


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[FakeHost]:
    async with fake_host(tmp_path / "data") as opened:
        await opened.host.install(package())
        yield opened


@pytest.fixture
def vault(host: FakeHost) -> Vault:
    return host.parts.vault


@pytest.fixture
async def plugin(host: FakeHost) -> str:
    return (await host.parts.registry.get("default", "stores")).id


async def test_a_credential_comes_back_as_it_was_set(vault: Vault, plugin: str) -> None:
    await put(vault, "github", "ghp_canary", description="For triage.")

    held = await vault.find("default", plugin, "github")

    assert (held.name, held.kind, held.owner, held.version) == ("github", Kind.BEARER, None, 1)
    assert held.secrets["token"].reveal() == "ghp_canary"
    assert [str(origin) for origin in held.bound.origins] == [ORIGIN]


async def test_a_plugins_own_comes_before_the_tenants(vault: Vault, plugin: str) -> None:
    await put(vault, "github", "of the tenant")
    await put(vault, "github", "of the plugin", owner=plugin)

    assert await token(vault, "github", plugin) == "of the plugin"
    assert await token(vault, "github", "another") == "of the tenant"

    await vault.remove("default", owner=plugin, name="github")

    assert await token(vault, "github", plugin) == "of the tenant"


async def test_another_plugins_and_another_tenants_are_not_found(
    host: FakeHost, vault: Vault, plugin: str
) -> None:
    await host.host.tenants.create("acme")
    await put(vault, "github", "ghp_canary", owner=plugin)

    for tenant, asker in (("default", "another"), ("acme", plugin)):
        assert not await vault.exists(tenant, asker, "github")
        with pytest.raises(NotFound):
            await vault.find(tenant, asker, "github")


async def test_a_new_value_counts_the_version_up(vault: Vault, plugin: str) -> None:
    await put(vault, "github", "first")
    view = await put(vault, "github", "second", actor="anna")

    assert (view.version, view.created_by, view.updated_by) == (2, "host", "anna")
    assert await token(vault, "github", plugin) == "second"
    with pytest.raises(Conflict):
        await put(vault, "github", "third", is_new=True)


async def test_lists_show_everything_but_the_secret(vault: Vault, plugin: str) -> None:
    await put(
        vault,
        "registry",
        "unused",
        owner=plugin,
        kind=Kind.BASIC,
        public={"username": "anna"},
        secrets={"password": Secret("canary")},
    )

    [view] = await vault.list("default")

    assert (view.name, view.plugin, view.public) == ("registry", "stores", {"username": "anna"})
    assert "canary" not in repr(view)
    assert await vault.show("default", owner=plugin, name="registry") == view


async def test_secrets_are_those_that_there_are_now(
    host: FakeHost, vault: Vault, plugin: str
) -> None:
    async def texts() -> set[str]:
        return {secret.reveal() for secret in await vault.secrets("default")}

    assert await texts() == set()
    await put(vault, "github", "one", owner=plugin)
    await put(vault, "gitlab", "two")
    assert await texts() == {"one", "two"}
    assert await vault.secrets("default") is await vault.secrets("default")

    await vault.remove("default", owner=None, name="gitlab")
    assert await texts() == {"one"}

    await host.host.uninstall("stores")
    assert await texts() == set()


async def test_other_tenants_keep_nobody_from_its_secrets_by_changing_theirs(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put(vault, "github", "one")
    opening = Keyring.opening

    async def busy(self: Keyring, tenant: str, row: DataKeyRow) -> SymmetricKey:
        vault.forget("acme")
        return await opening(self, tenant, row)

    monkeypatch.setattr(Keyring, "opening", busy)
    vault.forget("default")
    with anyio.fail_after(10):
        assert await vault.secrets("default") == (Secret("one"),)


async def test_uninstalling_removes_what_is_the_plugins_own(
    host: FakeHost, vault: Vault, plugin: str
) -> None:
    await put(vault, "own", "one", owner=plugin)
    await put(vault, "shared", "two")

    await host.host.uninstall("stores")

    assert [view.name for view in await vault.list("default")] == ["shared"]


async def test_documents_of_others_open_for_their_purpose_only(
    host: FakeHost, vault: Vault
) -> None:
    await put(vault, "client", "any")
    async with host.parts.database.transaction() as connection:
        sealed = await vault.seal_bytes(connection, "default", "oauth", "flow-1", b"verifier")

    assert await vault.open_bytes("default", "oauth", "flow-1", sealed) == b"verifier"
    for purpose, document_id in (("oauth", "flow-2"), ("other", "flow-1")):
        with pytest.raises(Exception, match="was changed"):
            await vault.open_bytes("default", purpose, document_id, sealed)


@pytest.mark.parametrize("name", ["", "A", "a b", "-a", "a" * 65, "ghp_Canary!"])
async def test_a_name_that_is_none_is_refused_and_not_quoted(vault: Vault, name: str) -> None:
    with pytest.raises(InvalidArguments) as caught:
        await put(vault, name, "any")

    assert caught.value.path == "name"
    assert not name or "Canary" not in str(caught.value)


async def test_when_it_was_used_last_is_written_down_now_and_then(
    host: FakeHost, vault: Vault, plugin: str
) -> None:
    await put(vault, "github", "any")
    await put(vault, "unused", "any")
    before = now()
    await vault.find("default", plugin, "github")
    await vault.flush()

    github, unused = await vault.list("default")
    assert github.last_used_at is not None
    assert github.last_used_at >= before
    assert unused.last_used_at is None
    assert (await put(vault, "github", "new")).last_used_at == github.last_used_at


DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("expires", "rotate_days", "age", "standing", "warnings"),
    [
        (None, None, 5000 * DAY, "ok", 0),
        (20 * DAY, None, DAY, "ok", 0),
        (20 * DAY, None, 7 * DAY, "expires-soon", 1),
        (20 * DAY, None, 20 * DAY, "expired", 1),
        (None, 30, 29 * DAY, "ok", 0),
        (None, 30, 30 * DAY, "rotation-due", 1),
        (90 * DAY, 30, 80 * DAY, "expires-soon", 2),
    ],
)
async def test_what_is_due_is_told(
    host: FakeHost,
    vault: Vault,
    expires: timedelta | None,
    rotate_days: int | None,
    age: timedelta,
    standing: str,
    warnings: int,
) -> None:
    ends = None if expires is None else now() + expires
    await put(vault, "github", "any", expires_at=ends, rotate_days=rotate_days)
    async with host.parts.database.reading() as connection:
        [kept] = await VaultRepository(connection, "default").all()

    view = credential_view(kept, now() + age)

    assert (view.standing, len(view.warnings)) == (standing, warnings)


async def test_a_tenant_keeps_a_bounded_number(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wardian.vault.vault.CREDENTIALS_MAX", 2)
    await put(vault, "one", "any")
    await put(vault, "two", "any")

    with pytest.raises(Conflict, match="at most 2"):
        await put(vault, "three", "any")
    await put(vault, "two", "another")


async def test_only_the_host_publishes_that_a_credential_changed() -> None:
    assert is_reserved("credential.set")
    assert is_reserved("vault.rotated")
