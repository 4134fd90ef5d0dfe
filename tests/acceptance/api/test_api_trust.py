"""Trust over HTTP: publishers, signatures with packages, policy, revocations."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator

import httpx
import pytest

from guests import guest
from signing import KEY, NEXT_KEY, STRANGER, list_of, package_of, rotation_of, signature_of

pytestmark = pytest.mark.anyio

PLUGINS = "/api/v1/plugins"
PUBLISHERS = "/api/v1/publishers"
ZIP = {"Content-Type": "application/zip"}


def signed_package(name: str, version: str = "1.0.0") -> bytes:
    return package_of(name, version, guest("memory"))


def signed_by(*keys: object, package: bytes) -> dict[str, str]:
    signature = signature_of(package, *keys)  # type: ignore[arg-type]
    return {**ZIP, "Wardian-Signature": base64.b64encode(signature).decode()}


@pytest.fixture
async def trusting(admin: httpx.AsyncClient) -> AsyncIterator[httpx.AsyncClient]:
    """A client whose tenant trusts `acme` for plugins named `acme-…`."""
    body = {"name": "acme", "plugins": ["acme-*"], "keys": [str(KEY.public)]}
    made = await admin.post(PUBLISHERS, json=body)
    assert made.status_code == 201, made.text
    yield admin
    for item in (await admin.get("/api/v1/revocations")).json():
        await admin.delete(f"/api/v1/revocations/{item['id']}")
    await admin.delete(f"{PUBLISHERS}/acme")


async def test_from_a_key_to_a_revocation(trusting: httpx.AsyncClient) -> None:
    name = "acme-whole"
    first, second = signed_package(name), signed_package(name, "1.1.0")
    made = await trusting.post(PLUGINS, content=first, headers=signed_by(package=first))
    assert made.status_code == 201, made.text
    assert (made.json()["signed"], made.json()["publisher"]) == (True, "acme")
    assert (made.json()["key_id"], made.json()["warnings"]) == (KEY.public.id, [])
    assert (await trusting.get(f"{PLUGINS}/{name}")).json() == made.json()

    path = f"{PLUGINS}/{name}/upgrade"
    unsigned = await trusting.post(path, content=second, headers=ZIP)
    assert (unsigned.status_code, unsigned.json()["type"]) == (422, "/problems/signature-invalid")
    assert unsigned.json()["step"] == "verify"
    assert "was signed by 'acme'" in unsigned.json()["detail"]
    done = await trusting.post(path, content=second, headers=signed_by(package=second))
    assert done.status_code == 200, done.text

    listed = list_of(1, {"name": name, "versions": "1.1.0"}).signed(KEY)
    taken = await trusting.put(f"{PUBLISHERS}/acme/revocations", content=listed)
    assert taken.json()["quarantined"] == [name]
    assert (await trusting.get(f"{PLUGINS}/{name}")).json()["state"] == "quarantined"
    refused = await trusting.post(f"{PLUGINS}/{name}/functions/recall", json={})
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/revoked")
    assert "it leaks" in refused.json()["detail"]
    await trusting.delete(f"{PLUGINS}/{name}")


async def test_a_signature_may_come_as_a_file_of_the_form(trusting: httpx.AsyncClient) -> None:
    package = signed_package("acme-formed")
    files = {"signature": ("a.sig", signature_of(package)), "package": ("a.wardian", package)}
    made = await trusting.post(PLUGINS, files=files)
    assert made.status_code == 201, made.text
    assert made.json()["publisher"] == "acme"
    await trusting.delete(f"{PLUGINS}/acme-formed")


async def test_a_signature_that_is_none_is_refused_wherever_it_comes(
    trusting: httpx.AsyncClient,
) -> None:
    package = signed_package("acme-broken")
    refused = [
        await trusting.post(PLUGINS, content=package, headers=signed_by(STRANGER, package=package))
    ]
    for header in ("", "nonsense!", base64.b64encode(b"{}").decode()):
        headers = {**ZIP, "Wardian-Signature": header}
        refused.append(await trusting.post(PLUGINS, content=package, headers=headers))
    for content in (b"", b"{}"):
        files = {"package": ("a.wardian", package), "signature": ("a.sig", content)}
        refused.append(await trusting.post(PLUGINS, files=files))
    files = {"package": ("a.wardian", package)}
    refused.append(await trusting.post(PLUGINS, files=files, data={"signature": "x"}))

    for answer in refused:
        assert (answer.status_code, answer.json()["type"]) == (422, "/problems/signature-invalid")


async def test_two_signatures_are_one_too_many(trusting: httpx.AsyncClient) -> None:
    package = signed_package("acme-twice")
    headers = signed_by(package=package)
    del headers["Content-Type"]
    files = {"package": ("a.wardian", package), "signature": ("a.sig", signature_of(package))}
    refused = await trusting.post(PLUGINS, files=files, headers=headers)
    assert (refused.status_code, refused.json()["type"]) == (400, "/problems/invalid-arguments")


async def test_a_publishers_keys_are_added_rotated_retired_and_revoked(
    trusting: httpx.AsyncClient,
) -> None:
    acme = f"{PUBLISHERS}/acme"
    rotated = await trusting.post(f"{acme}/rotate", content=rotation_of().signed(KEY, NEXT_KEY))
    assert [key["state"] for key in rotated.json()["keys"]] == ["retired", "active"]
    added = await trusting.post(f"{acme}/keys", json={"public_key": str(STRANGER.public)})
    assert added.status_code == 201
    path = f"{acme}/keys/{STRANGER.public.id}"
    retired = await trusting.post(f"{path}/retire", json={})
    assert retired.json()["keys"][2]["state"] == "retired"
    assert (await trusting.post(f"{path}/revoke", json={})).status_code == 400
    revoked = await trusting.post(f"{path}/revoke", json={"reason": "lost"})
    assert revoked.json()["keys"][2]["reason"] == "lost"
    assert (await trusting.get(PUBLISHERS)).json() == [
        {**revoked.json(), "quarantined": []},
    ]
    missing = await trusting.post(f"{acme}/keys/nothing/retire", json={})
    assert (missing.status_code, missing.json()["type"]) == (404, "/problems/not-found")


async def test_the_policy_is_shown_and_changed(admin: httpx.AsyncClient) -> None:
    path = "/api/v1/trust/policy"
    assert (await admin.get(path)).json()["unsigned"] == "warn"
    changed = await admin.put(path, json={"stale": "refuse"})
    assert (changed.json()["unsigned"], changed.json()["stale"]) == ("warn", "refuse")
    assert (await admin.put(path, json={"unsigned": "sometimes"})).status_code == 400
    assert (await admin.put(path, json={"unsinged": "allow"})).status_code == 400
    await admin.put(path, json={"stale": "warn"})


async def test_the_operator_revokes_and_takes_it_back(trusting: httpx.AsyncClient) -> None:
    path = "/api/v1/revocations"
    body = {"name": "acme-gone", "versions": "<2", "reason": "it spies"}
    made = await trusting.post(path, json=body)
    assert (made.status_code, made.json()["quarantined"]) == (201, [])
    assert [item["id"] for item in (await trusting.get(path)).json()] == [made.json()["id"]]
    package = signed_package("acme-gone")
    refused = await trusting.post(PLUGINS, content=package, headers=signed_by(package=package))
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/revoked")

    assert (await trusting.delete(f"{path}/{made.json()['id']}")).status_code == 204
    assert (await trusting.delete(f"{path}/{made.json()['id']}")).status_code == 404
    for wrong in ({"reason": "x"}, {"name": "a", "versions": "1.0.0", "sha256": "b" * 64}):
        assert (await trusting.post(path, json={"reason": "x", **wrong})).status_code == 400


async def test_an_older_version_is_allowed_by_name(trusting: httpx.AsyncClient) -> None:
    name = "acme-older"
    new, old = signed_package(name, "2.0.0"), signed_package(name, "1.0.0")
    await trusting.post(PLUGINS, content=new, headers=signed_by(package=new))
    await trusting.delete(f"{PLUGINS}/{name}")

    headers = signed_by(package=old)
    refused = await trusting.post(PLUGINS, content=old, headers=headers)
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/conflict")
    allowed = await trusting.post(
        PLUGINS, content=old, headers=headers, params={"allow_older": "true"}
    )
    assert allowed.status_code == 201
    await trusting.delete(f"{PLUGINS}/{name}")
