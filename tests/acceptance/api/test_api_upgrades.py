"""Upgrade, rollback and versions over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import httpx
import pytest

from guests.lives import version

pytestmark = pytest.mark.anyio

PLUGIN = "/api/v1/plugins/lives"
ASKS = '[[permissions]]\npermission = "plugins:call:markdown"\nreason = "Renders."\n'
ZIP = {"Content-Type": "application/zip"}


@pytest.fixture
async def installed(admin: httpx.AsyncClient) -> AsyncIterator[httpx.AsyncClient]:
    made = await admin.post(
        "/api/v1/plugins", content=version(1), headers=ZIP, params={"grant": "all"}
    )
    assert made.status_code == 201, made.text
    yield admin
    await admin.delete(PLUGIN)


async def upgrade(client: httpx.AsyncClient, content: bytes, **query: object) -> httpx.Response:
    return await client.post(f"{PLUGIN}/upgrade", content=content, headers=ZIP, params=query)


async def test_a_plugin_is_upgraded_and_rolled_back(installed: httpx.AsyncClient) -> None:
    done = await upgrade(installed, version(2))
    assert done.status_code == 200, done.text
    assert done.json()["plugin"]["version"] == "2.0.0"
    assert done.json()["report"]["changes"] == []

    called = await installed.post(f"{PLUGIN}/functions/version", json={})
    assert called.json()["result"] == 2
    kept = (await installed.get(f"{PLUGIN}/versions")).json()
    assert [(row["version"], row["in_use"]) for row in kept] == [("2.0.0", True), ("1.0.0", False)]

    back = await installed.post(f"{PLUGIN}/rollback")
    assert (back.status_code, back.json()["version"]) == (200, "1.0.0")
    history = (await installed.get(f"{PLUGIN}/upgrades")).json()
    assert [(row["kind"], row["outcome"]) for row in history] == [
        ("rollback", "committed"),
        ("upgrade", "committed"),
    ]


async def test_a_dry_run_changes_nothing(installed: httpx.AsyncClient) -> None:
    found = await upgrade(installed, version(2, more=ASKS), dry_run="true")

    assert found.status_code == 200
    assert found.json()["needs_approval"] == ["plugins:call:markdown"]
    assert [each["step"] for each in found.json()["obstacles"]] == ["approve"]
    assert (await installed.get(PLUGIN)).json()["version"] == "1.0.0"


async def test_what_needs_approval_is_named_and_approved(installed: httpx.AsyncClient) -> None:
    refused = await upgrade(installed, version(2, more=ASKS))
    problem = refused.json()
    assert (refused.status_code, problem["type"]) == (409, "/problems/conflict")
    assert (problem["step"], problem["needs_approval"]) == ("approve", ["plugins:call:markdown"])

    done = await upgrade(installed, version(2, more=ASKS), approve="plugins:call:markdown")
    assert "plugins:call:markdown" in done.json()["plugin"]["granted"]


async def test_a_failed_migration_says_at_which_step(installed: httpx.AsyncClient) -> None:
    refused = await upgrade(installed, version(2, migrate="err"))

    assert (refused.status_code, refused.json()["step"]) == (409, "migrate")
    assert "no good" in refused.json()["detail"]
    assert (await installed.get(PLUGIN)).json()["version"] == "1.0.0"


async def test_data_that_was_migrated_is_asked_about(installed: httpx.AsyncClient) -> None:
    await upgrade(installed, version(2, migrate="ok"))

    refused = await installed.post(f"{PLUGIN}/rollback", json={})
    assert refused.status_code == 409
    done = await installed.post(f"{PLUGIN}/rollback", json={"stored": "restore"})
    assert done.json()["version"] == "1.0.0"
    wrong = await installed.post(f"{PLUGIN}/rollback", json={"stored": "burn"})
    assert (wrong.status_code, wrong.json()["path"]) == (400, "stored")


async def test_what_is_not_there_is_not_found(admin: httpx.AsyncClient) -> None:
    assert (await upgrade(admin, version(2))).status_code == 404
    assert (await admin.post(f"{PLUGIN}/rollback")).status_code == 404
    assert (await admin.get(f"{PLUGIN}/versions")).status_code == 404


async def test_a_misspelt_parameter_stops_a_change(installed: httpx.AsyncClient) -> None:
    refused = await installed.post(
        f"{PLUGIN}/upgrade", content=version(2), headers=ZIP, params={"dry-run": "true"}
    )

    assert (refused.status_code, refused.json()["path"]) == (400, "query.dry-run")
    assert "dry_run" in refused.json()["detail"]
    assert (await installed.delete(PLUGIN, params={"cascading": "true"})).status_code == 400
    assert (await installed.get(PLUGIN, params={"_": "1"})).json()["version"] == "1.0.0"


async def test_a_reader_upgrades_nothing(
    installed: httpx.AsyncClient, connect: Callable[[str], httpx.AsyncClient]
) -> None:
    made = await installed.post("/api/v1/keys", json={"name": "looks", "scopes": ["read"]})
    reader = connect(made.json()["token"])
    assert (await upgrade(reader, version(2))).status_code == 403
    assert (await reader.post(f"{PLUGIN}/rollback")).status_code == 403
    assert (await reader.get(f"{PLUGIN}/versions")).status_code == 200
