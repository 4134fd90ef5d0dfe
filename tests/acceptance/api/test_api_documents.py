from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from guests import guest
from packages import KEY, package
from wardian.api.app import app_over, create_app
from wardian.api.problems import known_problems
from wardian.runtime.host import PluginHost
from wardian.settings import Settings

pytestmark = pytest.mark.anyio

Connect = Callable[[str | None], httpx.AsyncClient]

DIVIDE = "/api/v1/plugins/calculator/functions/divide"
ADD = "/api/v1/plugins/calculator/functions/acme%3Acalc%2Fops%401.0.0%23add"


def over(opened: PluginHost, settings: Settings, **changes: Any) -> httpx.AsyncClient:
    app = app_over(opened, settings.model_copy(update=changes))
    transport = httpx.ASGITransport(app=app)
    return httpx.AsyncClient(transport=transport, base_url="http://host")


async def test_each_installed_function_has_a_path_with_its_schemas(
    admin: httpx.AsyncClient, calculator: str
) -> None:
    document = (await admin.get("/openapi.json")).json()
    operation = document["paths"][DIVIDE]["post"]
    asked = operation["requestBody"]["content"]["application/json"]["schema"]
    assert asked["properties"]["arguments"]["required"] == ["a", "b"]
    assert asked["properties"]["arguments"]["properties"]["a"]["maximum"] == 2**32 - 1
    answered = operation["responses"]["200"]["content"]["application/json"]["schema"]
    assert answered["properties"]["result"]["type"] == "integer"
    assert operation["security"] == [{"bearer": []}]
    assert "422" in operation["responses"]
    cannot_fail = document["paths"][ADD]["post"]["responses"]
    assert cannot_fail["422"] == {"$ref": "#/components/responses/Problem"}


async def test_the_path_in_the_document_is_the_one_to_call(
    admin: httpx.AsyncClient, calculator: str
) -> None:
    answer = await admin.post(ADD, json={"arguments": {"a": 20, "b": 22}})
    assert answer.json()["result"] == 42


async def test_every_reference_in_the_document_leads_somewhere(
    admin: httpx.AsyncClient, calculator: str
) -> None:
    document = (await admin.get("/openapi.json")).json()
    assert document["openapi"].startswith("3.1")
    identities = []
    for reference in references(document):
        found: Any = document
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]
        assert found
    for item in document["paths"].values():
        for operation in item.values():
            identities.append(operation["operationId"])
            assert {"400", "429", "503"} <= set(operation["responses"])
    assert len(identities) == len(set(identities))


def references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [found for item in value.values() for found in references(item)]
    if isinstance(value, list):
        return [found for item in value for found in references(item)]
    return []


async def test_a_tenant_s_key_shows_that_tenant_s_functions_only(
    connect: Connect, admin: httpx.AsyncClient, calculator: str
) -> None:
    await admin.post("/api/v1/tenants", json={"name": "painters"})
    body = {"name": "k", "scopes": ["admin"], "tenant": "painters"}
    token = (await admin.post("/api/v1/keys", json=body)).json()["token"]
    async with connect(token) as other:
        zipped = {"Content-Type": "application/zip"}
        content = package("brush", guest("memory"))
        await other.post("/api/v1/plugins", content=content, headers=zipped)
        document = (await other.get("/openapi.json")).json()
    assert "/api/v1/plugins/brush/functions/recall" in document["paths"]
    assert DIVIDE not in document["paths"]


async def test_a_plugin_that_takes_no_calls_is_not_described(admin: httpx.AsyncClient) -> None:
    zipped = {"Content-Type": "application/zip"}
    content = package("silent", guest("memory"))
    path = "/api/v1/plugins/silent/functions/recall"
    await admin.post("/api/v1/plugins", content=content, headers=zipped)
    assert path in (await admin.get("/openapi.json")).json()["paths"]
    await admin.post("/api/v1/plugins/silent/disable")
    assert path not in (await admin.get("/openapi.json")).json()["paths"]
    await admin.delete("/api/v1/plugins/silent")


@pytest.mark.parametrize(
    ("listens", "says", "shown"),
    [
        ("127.0.0.1", None, True),
        ("0.0.0.0", None, False),
        ("0.0.0.0", True, True),
        ("127.0.0.1", False, False),
    ],
)
async def test_without_a_key_functions_are_shown_on_loopback_or_when_the_operator_says_so(
    host: PluginHost,
    settings: Settings,
    calculator: str,
    listens: str,
    says: bool | None,
    shown: bool,
) -> None:
    changes = {"host": listens, "describe_functions_publicly": says}
    async with over(host, settings, **changes) as client:
        document = (await client.get("/openapi.json")).json()
        assert (DIVIDE in document["paths"]) is shown
        assert "/api/v1/plugins" in document["paths"]
        assert ("versions" in (await client.get("/readyz")).json()) is shown
        assert (await client.get("/metrics")).status_code == (200 if shown else 401)
        client.headers["Authorization"] = f"Bearer {KEY}"
        assert DIVIDE in (await client.get("/openapi.json")).json()["paths"]
        assert (await client.get("/metrics")).status_code == 200


async def test_an_application_opens_and_closes_a_host_of_its_own(tmp_path: Path) -> None:
    app = create_app(Settings(data_dir=tmp_path / "state"))
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://host") as client:
            assert (await client.get("/readyz")).json()["ready"] is True


async def test_a_wrong_key_gets_no_document(stranger: httpx.AsyncClient) -> None:
    headers = {"Authorization": "Bearer wdn_wrong"}
    assert (await stranger.get("/openapi.json", headers=headers)).status_code == 401


async def test_the_documentation_needs_nothing_from_elsewhere(stranger: httpx.AsyncClient) -> None:
    page = await stranger.get("/docs")
    assert page.status_code == 200
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "://" not in page.text
    for asset in ("swagger-ui.css", "swagger-ui-bundle.js", "start.js", "page.css"):
        assert f"docs/{asset}" in page.text
        found = await stranger.get(f"/docs/{asset}")
        assert found.status_code == 200
        assert found.headers["content-type"].startswith(("text/css", "text/javascript"))


async def test_the_host_s_address_leads_to_the_documentation(stranger: httpx.AsyncClient) -> None:
    assert (await stranger.get("/")).headers["location"] == "docs"


@pytest.mark.parametrize("kind", list(known_problems()))
async def test_each_problem_type_is_explained_at_its_address(
    stranger: httpx.AsyncClient, kind: str
) -> None:
    page = await stranger.get(f"/problems/{kind}")
    title, status = known_problems()[kind]
    assert page.status_code == 200
    assert title in page.text
    assert str(status) in page.text


async def test_the_host_tells_that_it_lives_and_is_ready(stranger: httpx.AsyncClient) -> None:
    assert (await stranger.get("/healthz")).json() == {"status": "alive"}
    ready = await stranger.get("/readyz")
    assert ready.status_code == 200
    assert ready.json()["ready"] is True


async def test_calls_are_counted_for_prometheus(admin: httpx.AsyncClient, calculator: str) -> None:
    await admin.post(DIVIDE, json={"arguments": {"a": 1, "b": 1}})
    page = await admin.get("/metrics")
    assert page.headers["content-type"].startswith("text/plain; version=")
    line = 'function="divide",level="restricted",outcome="ok",plugin="calculator",tenant="default"}'
    assert f"wardian_calls_total{{{line}" in page.text
