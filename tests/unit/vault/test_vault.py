"""Credentials: set, found, listed, replaced, removed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hosts import FakeHost, fake_host, package
from wardian.errors import Conflict, InvalidArguments, NotFound
from wardian.policy.bindings import parse_binding
from wardian.policy.secret import Secret
from wardian.vault import Bound, CredentialView, Kind, Vault

pytestmark = pytest.mark.anyio

ORIGIN = "https://api.example.org/repos"


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


async def put(vault: Vault, name: str, text: str, **more: Any) -> CredentialView:
    settings: dict[str, Any] = {
        "owner": None,
        "kind": Kind.BEARER,
        "public": {},
        "secrets": {"token": Secret(text)},
        "bound": Bound(origins=(parse_binding(ORIGIN),)),
    } | more
    return await vault.put("default", name=name, **settings)


async def token(vault: Vault, plugin: str, name: str) -> str:
    return (await vault.find("default", plugin, name)).secrets["token"].reveal()


async def test_a_credential_comes_back_as_it_was_set(vault: Vault, plugin: str) -> None:
    await put(vault, "github", "ghp_canary", description="For triage.")

    held = await vault.find("default", plugin, "github")

    assert (held.name, held.kind, held.owner, held.version) == ("github", Kind.BEARER, None, 1)
    assert held.secrets["token"].reveal() == "ghp_canary"
    assert [str(origin) for origin in held.bound.origins] == [ORIGIN]


async def test_a_plugins_own_comes_before_the_tenants(vault: Vault, plugin: str) -> None:
    await put(vault, "github", "of the tenant")
    await put(vault, "github", "of the plugin", owner=plugin)

    assert await token(vault, plugin, "github") == "of the plugin"
    assert await token(vault, "another", "github") == "of the tenant"

    await vault.remove("default", owner=plugin, name="github")

    assert await token(vault, plugin, "github") == "of the tenant"


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
    assert await token(vault, plugin, "github") == "second"
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
    before = vault.changes
    await put(vault, "github", "one", owner=plugin)
    await put(vault, "gitlab", "two")
    assert await texts() == {"one", "two"}
    assert vault.changes > before
    assert await vault.secrets("default") is await vault.secrets("default")

    await vault.remove("default", owner=None, name="gitlab")
    assert await texts() == {"one"}

    await host.host.uninstall("stores")
    assert await texts() == set()


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
