"""Connections over the API: who may see them, start and end them; and scopes of callers' keys."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from guests import guest
from packages import package
from wardian.policy.secret import Secret
from wardian.runtime.host import PluginHost
from wardian.vault import Bound, Kind

pytestmark = pytest.mark.anyio

EXTRA = """required_scopes = ["orders:write"]

[[oauth]]
provider = "github"
scopes = ["repo"]
"""


@pytest.fixture
async def plugin(host: PluginHost) -> AsyncIterator[str]:
    await host.install(package("triage", guest("calculator"), EXTRA))
    yield "triage"
    await host.uninstall("triage")


@pytest.fixture
async def client(host: PluginHost) -> AsyncIterator[str]:
    vault = host._parts.vault
    await vault.put(
        "default",
        owner=None,
        name="github-client",
        kind=Kind.OAUTH2_CLIENT,
        public={"provider": "github", "client_id": "an-id"},
        secrets={"client_secret": Secret("canary-secret")},
        bound=Bound(),
    )
    yield "github-client"
    await vault.remove("default", owner=None, name="github-client")


async def test_a_flow_is_started_shown_and_ended(
    admin: httpx.AsyncClient, plugin: str, client: str
) -> None:
    path = f"/api/v1/plugins/{plugin}/oauth"

    started = await admin.post(f"{path}/github/start", json={})

    assert started.status_code == 200, started.text
    body = started.json()
    assert body["authorize_url"].startswith("http://127.0.0.1:8420/oauth/connect?ticket=")
    assert body["redirect_uri"] == "http://127.0.0.1:8420/oauth/callback/default/github-client"
    (shown,) = (await admin.get(path)).json()
    assert shown["state"] == "not-connected"
    assert shown["waiting_until"] == body["expires_at"]
    assert shown["origins"] == []
    assert shown["authorization_url"] == "https://github.com/login/oauth/authorize"
    ended = await admin.delete(f"{path}/github")
    assert ended.json() == {
        "provider": "github",
        "revoked": False,
        "detail": "There was no connection yet.",
    }
    assert (await admin.delete(f"{path}/github")).status_code == 404


async def test_without_a_client_the_problem_says_what_to_do(
    admin: httpx.AsyncClient, plugin: str
) -> None:
    answer = await admin.post(f"/api/v1/plugins/{plugin}/oauth/github/start")

    assert answer.status_code == 404
    assert "provider=github" in answer.json()["detail"]
    (shown,) = (await admin.get(f"/api/v1/plugins/{plugin}/oauth")).json()
    assert (shown["client"], shown["client_exists"]) == ("github-client", False)


@pytest.mark.parametrize(
    "body", [{"return_to": "https://evil.example"}, {"origins": "x"}, {"origins": ["x"]}]
)
async def test_a_start_takes_what_it_knows(
    admin: httpx.AsyncClient, plugin: str, client: str, body: dict[str, object]
) -> None:
    answer = await admin.post(f"/api/v1/plugins/{plugin}/oauth/github/start", json=body)

    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("method", "path", "needs"),
    [("GET", "", "read"), ("POST", "/github/start", "admin"), ("DELETE", "/github", "admin")],
)
async def test_connections_are_for_those_who_may(
    host: PluginHost,
    connect,
    stranger: httpx.AsyncClient,
    plugin: str,
    method: str,
    path: str,
    needs: str,
) -> None:
    where = f"/api/v1/plugins/{plugin}/oauth{path}"
    key = await host.keys.create("some", ["call" if needs == "read" else "read"], "default")

    assert (await stranger.request(method, where)).status_code == 401
    async with connect(key.token) as other:
        answer = await other.request(method, where)
    assert answer.status_code == 403
    assert f"the scope '{needs}'" in answer.json()["detail"]


async def test_a_key_without_the_plugin_s_scopes_may_not_call_it(
    host: PluginHost, connect, plugin: str
) -> None:
    where = f"/api/v1/plugins/{plugin}/functions/divide"
    arguments = {"arguments": {"a": 6, "b": 2}}
    plain = await host.keys.create("plain", ["call"], "default")
    scoped = await host.keys.create("scoped", ["call", "orders:write"], "default")
    master = await host.keys.create("master", ["admin"], "default")

    async with connect(plain.token) as caller:
        refused = await caller.post(where, json=arguments)
    assert refused.status_code == 403
    assert refused.json()["type"] == "/problems/forbidden"
    assert "lacks orders:write" in refused.json()["detail"]
    for key in (scoped, master):
        async with connect(key.token) as caller:
            answer = await caller.post(where, json=arguments)
        assert answer.json()["result"] == 3, answer.text


async def test_a_scope_beside_call_is_no_call(host: PluginHost, connect, plugin: str) -> None:
    key = await host.keys.create("odd", ["orders:write"], "default")

    async with connect(key.token) as caller:
        answer = await caller.post(f"/api/v1/plugins/{plugin}/functions/divide", json={})

    assert answer.status_code == 403


async def test_a_key_has_scopes_that_somebody_asks_for(
    admin: httpx.AsyncClient, plugin: str
) -> None:
    made = await admin.post(
        "/api/v1/keys", json={"name": "orders", "scopes": ["call", "orders:write"]}
    )
    slip = await admin.post("/api/v1/keys", json={"name": "slip", "scopes": ["orders:wirte"]})

    assert made.status_code == 201
    assert made.json()["scopes"] == ["call", "orders:write"]
    assert slip.status_code == 400
    assert "admin, call, read, webhooks, orders:write" in slip.json()["detail"]
