"""Credentials and the vault over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from apis import Connect
from wardian.runtime.host import PluginHost

pytestmark = pytest.mark.anyio

CREDENTIALS = "/api/v1/credentials"
VAULT = "/api/v1/vault"
CANARY = "ghp_CanaryOfAnApi"
VALUE: dict[str, Any] = {
    "kind": "bearer",
    "fields": {"token": CANARY},
    "origins": ["https://api.example.org/repos/"],
}


@pytest.fixture
async def clean(admin: httpx.AsyncClient) -> AsyncIterator[httpx.AsyncClient]:
    yield admin
    for view in (await admin.get(CREDENTIALS)).json():
        query = {} if view["plugin"] is None else {"plugin": view["plugin"]}
        await admin.delete(f"{CREDENTIALS}/{view['name']}", params=query)


async def test_from_adding_to_removing(clean: httpx.AsyncClient, calculator: str) -> None:
    made = await clean.post(CREDENTIALS, json={"name": "github", **VALUE})
    assert made.status_code == 201, made.text
    view = made.json()
    assert (view["name"], view["plugin"], view["kind"], view["version"]) == (
        "github",
        None,
        "bearer",
        1,
    )
    assert (view["origins"], view["standing"], view["warnings"]) == (VALUE["origins"], "ok", [])

    again = await clean.post(CREDENTIALS, json={"name": "github", **VALUE})
    assert (again.status_code, again.json()["type"]) == (409, "/problems/conflict")

    replaced = await clean.put(
        f"{CREDENTIALS}/github",
        json={**VALUE, "expires_at": "2020-01-01T00:00:00Z", "rotate_days": 30},
    )
    assert replaced.status_code == 200, replaced.text
    assert (replaced.json()["version"], replaced.json()["standing"]) == (2, "expired")
    assert replaced.json()["warnings"] == ["It expired on 2020-01-01."]

    own = await clean.put(f"{CREDENTIALS}/github", params={"plugin": calculator}, json=VALUE)
    assert own.json()["plugin"] == calculator
    listed = await clean.get(CREDENTIALS)
    assert [(item["name"], item["plugin"]) for item in listed.json()] == [
        ("github", None),
        ("github", calculator),
    ]
    only = await clean.get(CREDENTIALS, params={"plugin": calculator})
    assert only.json() == [own.json()]
    assert (await clean.get(f"{CREDENTIALS}/github")).json() == replaced.json()

    for query in ({"plugin": calculator}, {}):
        assert (await clean.delete(f"{CREDENTIALS}/github", params=query)).status_code == 204
        gone = await clean.get(f"{CREDENTIALS}/github", params=query)
        assert (gone.status_code, gone.json()["type"]) == (404, "/problems/not-found")
    for answer in (made, replaced, own, listed, only):
        assert CANARY not in answer.text


REFUSED: dict[str, tuple[dict[str, Any], str | None]] = {
    "no kind": ({"fields": {"token": CANARY}}, None),
    "another kind": ({**VALUE, "kind": "token"}, "kind"),
    "no field": ({**VALUE, "fields": {}}, "fields.token"),
    "another field": ({**VALUE, "fields": {"token": "a", "user": "b"}}, "fields"),
    "no text": ({**VALUE, "fields": {"token": [CANARY]}}, "fields.token"),
    "another member": ({**VALUE, "scopes": []}, "scopes"),
    "no origin": ({**VALUE, "origins": ["example.org"]}, "origins[0]"),
    "an origin with a user": (
        {**VALUE, "origins": [f"https://u:{CANARY}@a.example"]},
        "origins[0]",
    ),
    "no moment": ({**VALUE, "expires_at": "tomorrow"}, "expires_at"),
    "no zone": ({**VALUE, "expires_at": "2027-01-01T00:00:00"}, "expires_at"),
    "no days": ({**VALUE, "rotate_days": 0}, "rotate_days"),
    "too long a description": ({**VALUE, "description": "x" * 1001}, "description"),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_what_does_not_fit_is_refused_with_its_path_and_no_value(
    clean: httpx.AsyncClient, case: str
) -> None:
    body, path = REFUSED[case]
    answer = await clean.put(f"{CREDENTIALS}/github", json=body)

    assert answer.status_code == 400, answer.text
    assert answer.json().get("path") == path
    assert CANARY not in answer.text
    assert (await clean.get(CREDENTIALS)).json() == []


async def test_another_tenant_has_its_own_and_no_say_over_the_root_key(
    host: PluginHost, connect: Connect, clean: httpx.AsyncClient
) -> None:
    await host.tenants.create("vault-tenant")
    theirs = await host.keys.create("theirs", ["admin"], tenant="vault-tenant")
    await clean.post(CREDENTIALS, json={"name": "github", **VALUE})

    async with connect(theirs.token) as client:
        assert (await client.get(CREDENTIALS)).json() == []
        assert (await client.get(f"{CREDENTIALS}/github")).status_code == 404
        assert (await client.delete(f"{CREDENTIALS}/github")).status_code == 404
        assert (await client.get(VAULT)).json()["keys"] == []
        assert (await client.post(f"{VAULT}/rotate")).status_code == 200
        assert (await client.get(VAULT)).json()["credentials"] == 0
        for verb in ("open", "rekey"):
            assert (await client.post(f"{VAULT}/{verb}")).status_code == 403
    assert (await clean.get(f"{CREDENTIALS}/github")).json()["version"] == 1


async def test_keys_are_rotated_and_the_root_key_is_changed(clean: httpx.AsyncClient) -> None:
    await clean.post(CREDENTIALS, json={"name": "github", **VALUE})
    before = (await clean.get(VAULT)).json()

    rotated = (await clean.post(f"{VAULT}/rotate")).json()
    rekeyed = (await clean.post(f"{VAULT}/rekey")).json()
    after = (await clean.get(VAULT)).json()

    assert (rotated["resealed"], rotated["damaged"]) == (1, [])
    assert rotated["key"] == before["keys"][-1]["number"] + 1
    assert rekeyed["root_key"] == after["root_key"] != before["root_key"]
    assert [key["state"] for key in after["keys"]] == ["active"]
    assert (after["sealed"], after["credentials"], after["to_reseal"], after["to_rewrap"]) == (
        False,
        1,
        0,
        0,
    )
    assert (await clean.get("/readyz")).json()["vault"] == {
        "sealed": False,
        "root_key": after["root_key"],
        "reason": "",
    }


async def test_a_sealed_vault_is_told_and_answers_503(
    host: PluginHost, clean: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await clean.post(CREDENTIALS, json={"name": "github", **VALUE})
    keyring = host._parts.vault._keyring
    path = keyring._source.current.path  # type: ignore[attr-defined]
    hidden = path.rename(path.with_name("hidden"))
    await host._parts.vault.open()
    try:
        answer = await clean.put(f"{CREDENTIALS}/github", json=VALUE)
        assert (answer.status_code, answer.json()["type"]) == (503, "/problems/vault-sealed")
        assert "cannot be read" in answer.json()["detail"]
        assert CANARY not in answer.text
        ready = await clean.get("/readyz")
        assert (ready.status_code, ready.json()["vault"]["sealed"]) == (200, True)
        assert len((await clean.get(CREDENTIALS)).json()) == 1
        assert (await clean.post(f"{VAULT}/open")).json()["sealed"] is True
    finally:
        hidden.rename(path)
    opened = await clean.post(f"{VAULT}/open")
    assert opened.json()["sealed"] is False
    assert (await clean.put(f"{CREDENTIALS}/github", json=VALUE)).json()["version"] == 2
