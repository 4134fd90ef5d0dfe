"""The audit trail, over HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable

import httpx
import pytest

from guests import guest
from packages import package
from wardian.crypto.chains import Verification
from wardian.runtime.host import PluginHost

pytestmark = pytest.mark.anyio

Connect = Callable[[str | None], httpx.AsyncClient]

TRAIL = "/api/v1/audit"


async def test_who_installed_what_and_from_where_is_written_down(
    host: PluginHost, admin: httpx.AsyncClient
) -> None:
    sent = await admin.post(
        "/api/v1/plugins",
        content=package("audited", guest("calculator")),
        headers={"Content-Type": "application/zip", "X-Request-ID": "install-7"},
    )
    assert sent.status_code == 201, sent.text

    page = (await admin.get(TRAIL, params={"action": "plugin.inst*", "subject": "audited"})).json()
    (entry,) = page["entries"]
    assert entry["actor"] == "bootstrap"
    assert entry["address"] == "127.0.0.1"
    assert entry["request_id"] == "install-7"
    assert (entry["decision"], entry["layer"]) == ("allowed", "scope:admin")
    keys = (await admin.get("/api/v1/keys")).json()
    assert entry["key_id"] == keys[0]["id"]
    await host.uninstall("audited")


async def test_what_a_key_may_not_do_is_written_down(
    host: PluginHost, admin: httpx.AsyncClient, connect: Connect
) -> None:
    made = await host.keys.create("only-reads", ["read"], "default")
    async with connect(made.token) as reader:
        for _ in range(3):
            assert (await reader.post("/api/v1/vault/rotate")).status_code == 403
    await host.audit.denials.write_all()

    page = (await admin.get(TRAIL, params={"decision": "denied", "actor": "only-reads"})).json()
    (entry,) = page["entries"]
    assert entry["action"] == "api.denied"
    assert entry["subject"] == "POST /api/v1/vault/rotate"
    assert entry["layer"] == "scope"
    assert entry["key_id"] == made.id
    assert entry["detail"] == {"name": "forbidden", "count": 3}


async def test_an_export_is_verified_by_whoever_has_it(admin: httpx.AsyncClient) -> None:
    head = (await admin.get(f"{TRAIL}/head")).json()
    answer = await admin.get(f"{TRAIL}/export")
    assert answer.headers["content-type"] == "application/x-ndjson"

    verification = Verification()
    for line in answer.text.splitlines():
        verification.add(json.loads(line))
    report = verification.report()
    assert report.sound, report.faults
    assert report.head is not None
    assert report.head.sequence == head["sequence"] + 1  # that it was exported

    known = f"{head['sequence']}:{head['hash']}"
    found = (await admin.get(f"{TRAIL}/verification", params={"head": known})).json()
    assert found["sound"]
    forged = f"{head['sequence']}:{'0' * 64}"
    found = (await admin.get(f"{TRAIL}/verification", params={"head": forged})).json()
    assert not found["sound"]
    refused = await admin.get(f"{TRAIL}/verification", params={"head": "nonsense"})
    assert refused.status_code == 400


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=501",
        "before=-1",
        "decision=maybe",
        "since=yesterday",
        "action=" + "x" * 201,
    ],
)
async def test_what_is_no_page_is_refused(admin: httpx.AsyncClient, query: str) -> None:
    assert (await admin.get(f"{TRAIL}?{query}")).status_code == 400


async def test_a_time_without_a_zone_is_taken_for_utc(admin: httpx.AsyncClient) -> None:
    page = (await admin.get(TRAIL, params={"since": "2020-01-01T00:00:00"})).json()
    assert page["entries"]
    page = (await admin.get(TRAIL, params={"until": "2020-01-01T00:00:00+02:00"})).json()
    assert page["entries"] == []
