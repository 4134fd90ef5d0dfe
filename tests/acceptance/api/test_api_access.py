from collections.abc import Callable

import httpx
import pytest

from guests import guest
from packages import package
from wardian.api.app import app_over
from wardian.api.mcp.route import METHODS
from wardian.api.openapi import static_document
from wardian.runtime.host import PluginHost
from wardian.settings import Settings

pytestmark = pytest.mark.anyio

PLUGINS = "/api/v1/plugins"

Connect = Callable[[str | None], httpx.AsyncClient]


async def key(admin: httpx.AsyncClient, *scopes: str, tenant: str | None = None) -> str:
    body = {"name": "k", "scopes": list(scopes), "tenant": tenant}
    made = await admin.post("/api/v1/keys", json=body)
    assert made.status_code == 201, made.text
    token: str = made.json()["token"]
    return token


ROUTES = [
    ("POST", PLUGINS, "admin"),
    ("GET", PLUGINS, "read"),
    ("GET", f"{PLUGINS}/calculator", "read"),
    ("DELETE", f"{PLUGINS}/nothing", "admin"),
    ("POST", f"{PLUGINS}/nothing/enable", "admin"),
    ("POST", f"{PLUGINS}/nothing/disable", "admin"),
    ("POST", f"{PLUGINS}/nothing/health", "admin"),
    ("GET", f"{PLUGINS}/calculator/dependencies", "read"),
    ("POST", "/api/v1/installs", "admin"),
    ("POST", f"{PLUGINS}/nothing/upgrade", "admin"),
    ("POST", f"{PLUGINS}/nothing/rollback", "admin"),
    ("GET", f"{PLUGINS}/calculator/versions", "read"),
    ("GET", f"{PLUGINS}/calculator/upgrades", "read"),
    ("GET", f"{PLUGINS}/calculator/grants", "read"),
    ("PUT", f"{PLUGINS}/nothing/grants", "admin"),
    ("PUT", f"{PLUGINS}/nothing/monitoring", "admin"),
    ("GET", f"{PLUGINS}/calculator/permissions/uses", "read"),
    ("DELETE", f"{PLUGINS}/nothing/permissions/uses", "admin"),
    ("GET", f"{PLUGINS}/calculator/permissions/suggestion", "read"),
    ("PUT", f"{PLUGINS}/nothing/recording", "admin"),
    ("GET", f"{PLUGINS}/calculator/recordings", "read"),
    ("DELETE", f"{PLUGINS}/nothing/recordings", "admin"),
    ("GET", f"{PLUGINS}/calculator/kv", "read"),
    ("GET", f"{PLUGINS}/calculator/kv/keys", "admin"),
    ("GET", f"{PLUGINS}/calculator/kv/entry?key=k", "admin"),
    ("GET", f"{PLUGINS}/calculator/kv/export", "admin"),
    ("POST", f"{PLUGINS}/nothing/kv/clear", "admin"),
    ("GET", "/api/v1/recordings/nothing", "admin"),
    ("GET", "/api/v1/recordings/nothing/export", "admin"),
    ("POST", "/api/v1/recordings/nothing/replay", "admin"),
    ("GET", "/api/v1/events", "read"),
    ("POST", "/api/v1/events", "call"),
    ("GET", "/api/v1/events/stream?after=nothing", "read"),
    ("GET", "/api/v1/events/subscribers", "read"),
    ("POST", "/api/v1/events/subscribers/nothing/pause", "admin"),
    ("POST", "/api/v1/events/subscribers/nothing/resume", "admin"),
    ("GET", "/api/v1/events/dead", "admin"),
    ("POST", "/api/v1/events/dead/requeue", "admin"),
    ("POST", "/api/v1/events/dead/discard", "admin"),
    ("GET", "/api/v1/logs?after=nothing", "read"),
    ("GET", "/api/v1/logs/stream?after=nothing", "read"),
    ("GET", "/api/v1/hooks", "read"),
    ("GET", "/api/v1/schedules", "read"),
    ("GET", "/api/v1/schedules/nothing/daily", "read"),
    ("GET", "/api/v1/schedules/nothing/daily/runs", "read"),
    ("POST", "/api/v1/schedules/nothing/daily/pause", "admin"),
    ("POST", "/api/v1/schedules/nothing/daily/resume", "admin"),
    ("POST", "/api/v1/schedules/nothing/daily/run", "admin"),
    ("GET", "/api/v1/plugins/nothing/enhancements", "read"),
    ("POST", "/api/v1/plugins/nothing/enhancements/empty-cache", "admin"),
    ("GET", "/api/v1/webhooks", "webhooks"),
    ("POST", "/api/v1/webhooks", "webhooks"),
    ("GET", "/api/v1/webhooks/nothing", "webhooks"),
    ("PATCH", "/api/v1/webhooks/nothing", "webhooks"),
    ("DELETE", "/api/v1/webhooks/nothing", "webhooks"),
    ("POST", "/api/v1/webhooks/nothing/enable", "webhooks"),
    ("POST", "/api/v1/webhooks/nothing/disable", "webhooks"),
    ("POST", "/api/v1/webhooks/nothing/ping", "webhooks"),
    ("POST", "/api/v1/webhooks/nothing/secret", "webhooks"),
    ("GET", "/api/v1/webhooks/nothing/attempts", "webhooks"),
    ("GET", "/api/v1/webhooks/nothing/dead", "webhooks"),
    ("POST", "/api/v1/webhooks/nothing/dead/requeue", "webhooks"),
    ("POST", "/api/v1/webhooks/nothing/dead/discard", "webhooks"),
    ("GET", f"{PLUGINS}/calculator/config", "read"),
    ("PUT", f"{PLUGINS}/nothing/config", "admin"),
    ("PATCH", f"{PLUGINS}/nothing/config", "admin"),
    ("POST", f"{PLUGINS}/nothing/config/validate", "read"),
    ("GET", f"{PLUGINS}/calculator/config/explain", "read"),
    ("GET", f"{PLUGINS}/calculator/config/history", "read"),
    ("POST", f"{PLUGINS}/nothing/config/revert", "admin"),
    ("GET", "/api/v1/config", "read"),
    ("PUT", "/api/v1/config", "admin"),
    ("PATCH", "/api/v1/config", "admin"),
    ("POST", "/api/v1/config/validate", "read"),
    ("GET", "/api/v1/config/explain", "read"),
    ("GET", "/api/v1/config/history", "read"),
    ("POST", "/api/v1/config/revert", "admin"),
    ("POST", "/api/v1/config/reload", "admin"),
    ("GET", f"{PLUGINS}/calculator/oauth", "read"),
    ("POST", f"{PLUGINS}/nothing/oauth/nothing/start", "admin"),
    ("DELETE", f"{PLUGINS}/nothing/oauth/nothing", "admin"),
    ("GET", f"{PLUGINS}/calculator/api/nothing", "call"),
    ("POST", f"{PLUGINS}/calculator/api/nothing", "call"),
    ("PUT", f"{PLUGINS}/calculator/api/nothing", "call"),
    ("PATCH", f"{PLUGINS}/calculator/api/nothing", "call"),
    ("DELETE", f"{PLUGINS}/calculator/api/nothing", "call"),
    ("GET", f"{PLUGINS}/calculator/rows", "read"),
    ("POST", f"{PLUGINS}/nothing/rows/migrate", "admin"),
    ("GET", f"{PLUGINS}/calculator/rows/users", "read"),
    ("GET", f"{PLUGINS}/calculator/rows/users/ann", "read"),
    ("PUT", f"{PLUGINS}/calculator/rows/users/ann", "call"),
    ("DELETE", f"{PLUGINS}/calculator/rows/users/ann", "call"),
    ("GET", "/api/v1/rows/users/ann", "read"),
    ("DELETE", "/api/v1/rows/users/ann", "call"),
    ("GET", f"{PLUGINS}/calculator/functions", "read"),
    ("POST", f"{PLUGINS}/calculator/functions/divide", "call"),
    ("GET", "/api/v1/credentials", "admin"),
    ("POST", "/api/v1/credentials", "admin"),
    ("GET", "/api/v1/credentials/nothing", "admin"),
    ("PUT", "/api/v1/credentials/nothing", "admin"),
    ("DELETE", "/api/v1/credentials/nothing", "admin"),
    ("GET", "/api/v1/vault", "admin"),
    ("POST", "/api/v1/vault/open", "admin"),
    ("POST", "/api/v1/vault/rotate", "admin"),
    ("POST", "/api/v1/vault/rekey", "admin"),
    ("GET", "/api/v1/trust/policy", "read"),
    ("PUT", "/api/v1/trust/policy", "admin"),
    ("GET", "/api/v1/audit", "admin"),
    ("GET", "/api/v1/audit/head", "admin"),
    ("GET", "/api/v1/audit/verification", "admin"),
    ("GET", "/api/v1/audit/export", "admin"),
    ("GET", "/api/v1/publishers", "read"),
    ("POST", "/api/v1/publishers", "admin"),
    ("GET", "/api/v1/publishers/nothing", "read"),
    ("DELETE", "/api/v1/publishers/nothing", "admin"),
    ("POST", "/api/v1/publishers/nothing/keys", "admin"),
    ("POST", "/api/v1/publishers/nothing/keys/nothing/retire", "admin"),
    ("POST", "/api/v1/publishers/nothing/keys/nothing/revoke", "admin"),
    ("POST", "/api/v1/publishers/nothing/rotate", "admin"),
    ("PUT", "/api/v1/publishers/nothing/revocations", "admin"),
    ("GET", "/api/v1/revocations", "read"),
    ("POST", "/api/v1/revocations", "admin"),
    ("DELETE", "/api/v1/revocations/nothing", "admin"),
    ("GET", "/api/v1/keys", "admin"),
    ("POST", "/api/v1/keys", "admin"),
    ("PATCH", "/api/v1/keys/nothing", "admin"),
    ("DELETE", "/api/v1/keys/nothing", "admin"),
    ("POST", "/api/v2/plugins/calculator/functions/divide", "call"),
    ("POST", "/api/v2/batch", "call"),
    ("GET", "/api/v2/jobs", "call"),
    ("GET", "/api/v2/jobs/nothing", "call"),
    ("GET", "/api/v2/jobs/nothing/result", "call"),
    ("GET", "/api/v2/jobs/nothing/stream", "call"),
    ("DELETE", "/api/v2/jobs/nothing", "call"),
    ("GET", "/api/v1/tenants", "admin"),
    ("POST", "/api/v1/tenants", "admin"),
    ("GET", "/api/v1/tenants/nothing/quotas", "admin"),
    ("PUT", "/api/v1/tenants/nothing/quotas", "admin"),
    ("GET", "/api/v1/quotas", "read"),
    ("GET", "/api/v1/analytics", "read"),
    ("GET", "/api/v1/analytics/top", "read"),
    ("POST", "/api/v1/keys/nothing/rotate", "admin"),
    ("GET", "/api/v1/tenants/nothing/limits", "admin"),
    ("PUT", "/api/v1/tenants/nothing/limits", "admin"),
    ("GET", "/api/v1/agents", "read"),
    ("POST", "/api/v1/agents/ask", "call"),
    ("POST", "/api/v1/agents/explain", "call"),
    ("GET", "/api/v1/agents/nothing", "read"),
    ("PATCH", "/api/v1/agents/nothing", "admin"),
    ("GET", "/api/v1/agents/nothing/trial", "read"),
    ("PUT", "/api/v1/agents/nothing/trial", "admin"),
    ("DELETE", "/api/v1/agents/nothing/trial", "admin"),
    ("GET", "/api/v1/asks", "read or call"),
    ("GET", "/api/v1/asks/nothing", "read or call"),
    ("POST", "/api/v1/asks/nothing/feedback", "call"),
    ("GET", "/api/v1/agent-rules", "read"),
    ("PUT", "/api/v1/agent-rules", "admin"),
    ("GET", "/api/v1/agent-budgets", "read"),
    ("PUT", "/api/v1/agent-budgets/nothing/day", "admin"),
    ("DELETE", "/api/v1/agent-budgets/nothing/day", "admin"),
    ("POST", "/api/v2/agents/ask", "call"),
]

MCP_ROUTES = [(method, "/mcp", "call") for method in METHODS]

KEYLESS = {("GET", "/api/versions")}
"""Whoever is about to speak with a host may ask how."""


@pytest.mark.parametrize(("method", "path", "scope"), [*ROUTES, *MCP_ROUTES])
async def test_every_route_takes_a_key_with_its_scope(
    connect: Connect, admin: httpx.AsyncClient, calculator: str, method: str, path: str, scope: str
) -> None:
    async with connect(None) as stranger:
        refused = await stranger.request(method, path)
    assert (refused.status_code, refused.json()["type"]) == (401, "/problems/unauthenticated")
    assert refused.headers["www-authenticate"].startswith("Bearer")
    scopes = scope.split(" or ")
    others = [each for each in ("read", "call", "webhooks") if each not in scopes]
    async with connect(await key(admin, *others)) as client:
        refused = await client.request(method, path)
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/forbidden")
    for each in scopes:
        # Whoever takes JSON only is sent no stream that would not end here.
        headers = {"Host": "localhost", "Accept": "application/json"}
        async with connect(await key(admin, each)) as client:
            answered = await client.request(method, path, headers=headers)
        assert answered.status_code not in (401, 403)


def test_every_route_of_the_api_is_in_the_table_above(host: PluginHost, settings: Settings) -> None:
    document = static_document(app_over(host, settings))
    routes = {
        (method.upper(), path)
        for path, item in document["paths"].items()
        for method in item
        if path.startswith("/api/")
    }
    assert routes >= KEYLESS
    assert len(routes - KEYLESS) == len(ROUTES)


@pytest.mark.parametrize(
    "header", ["Basic eDp5", "Bearer", "Bearer ", "Bearer nonsense", f"Bearer wdn_{'x' * 43}", ""]
)
async def test_a_wrong_key_is_refused(stranger: httpx.AsyncClient, header: str) -> None:
    refused = await stranger.get(PLUGINS, headers={"Authorization": header})
    assert (refused.status_code, refused.json()["type"]) == (401, "/problems/unauthenticated")


async def test_a_revoked_key_is_refused_at_once(connect: Connect, admin: httpx.AsyncClient) -> None:
    made = (await admin.post("/api/v1/keys", json={"name": "gone", "scopes": ["read"]})).json()
    async with connect(made["token"]) as client:
        assert (await client.get(PLUGINS)).status_code == 200
        assert (await admin.delete(f"/api/v1/keys/{made['id']}")).status_code == 204
        assert (await client.get(PLUGINS)).status_code == 401


async def test_tokens_are_shown_once_and_never_listed(admin: httpx.AsyncClient) -> None:
    token = await key(admin, "read")
    assert token not in (await admin.get("/api/v1/keys")).text


@pytest.mark.parametrize("scopes", [[], ["root"], ["admin", 3]])
async def test_a_key_needs_known_scopes(admin: httpx.AsyncClient, scopes: list[object]) -> None:
    refused = await admin.post("/api/v1/keys", json={"name": "k", "scopes": scopes})
    assert (refused.status_code, refused.json()["type"]) == (400, "/problems/invalid-arguments")


async def test_a_tenant_sees_nothing_of_another_one(
    connect: Connect, admin: httpx.AsyncClient, calculator: str
) -> None:
    assert (await admin.post("/api/v1/tenants", json={"name": "other"})).status_code == 201
    token = await key(admin, "admin", tenant="other")
    async with connect(token) as other:
        assert (await other.get(PLUGINS)).json() == []
        for method, path in (
            ("GET", ""), ("GET", "/grants"), ("PUT", "/grants"), ("GET", "/config"),
            ("GET", "/functions"), ("POST", "/functions/divide"), ("POST", "/enable"),
            ("POST", "/disable"), ("DELETE", ""), ("PUT", "/monitoring"),
            ("GET", "/permissions/uses"), ("DELETE", "/permissions/uses"),
            ("GET", "/permissions/suggestion"),
        ):  # fmt: skip
            body = {"PUT/grants": {"granted": []}, "PUT/monitoring": {"enabled": True}}.get(
                method + path, {}
            )
            theirs = await other.request(method, f"{PLUGINS}/{calculator}{path}", json=body)
            nobody_s = await other.request(method, f"{PLUGINS}/no-such-one{path}", json=body)
            assert theirs.status_code == nobody_s.status_code == 404, (method, path)
            assert without_names(theirs) == without_names(nobody_s)
        upload = {"Content-Type": "application/zip"}
        content = package(calculator, guest("memory"))
        made = await other.post(PLUGINS, content=content, headers=upload)
        assert made.status_code == 201
        await other.delete(f"{PLUGINS}/{calculator}")
    assert (await admin.get(f"{PLUGINS}/{calculator}")).status_code == 200


def without_names(answer: httpx.Response) -> dict[str, object]:
    found = dict(answer.json())
    for name in ("request_id", "call_id", "instance"):
        found.pop(name, None)
    found["detail"] = found["detail"].replace("no-such-one", "calculator")
    return found


async def test_only_the_default_tenant_s_administrators_run_tenants(
    connect: Connect, admin: httpx.AsyncClient
) -> None:
    await admin.post("/api/v1/tenants", json={"name": "guest-house"})
    token = await key(admin, "admin", tenant="guest-house")
    async with connect(token) as other:
        assert (await other.get("/api/v1/tenants")).status_code == 403
        assert (await other.post("/api/v1/tenants", json={"name": "x"})).status_code == 403
        body = {"name": "k", "scopes": ["admin"], "tenant": "default"}
        assert (await other.post("/api/v1/keys", json=body)).status_code == 403
        assert (await other.post("/api/v1/keys", json={**body, "tenant": None})).status_code == 201


async def test_a_key_of_a_tenant_that_is_not_there_is_not_made(admin: httpx.AsyncClient) -> None:
    body = {"name": "k", "scopes": ["read"], "tenant": "nobody"}
    assert (await admin.post("/api/v1/keys", json=body)).status_code == 404
