"""Endpoints over HTTP: registered, looked at, changed, and nobody else's."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from packages import KEY

pytestmark = pytest.mark.anyio

Connect = Callable[[str | None], httpx.AsyncClient]

WEBHOOKS = "/api/v1/webhooks"
URL = "https://127.0.0.1:1/in"
"""Where the host is not to post anything."""


@pytest.fixture
async def admin(connect: Connect) -> AsyncIterator[httpx.AsyncClient]:
    async with connect(KEY) as client:
        yield client


async def key(admin: httpx.AsyncClient, *scopes: str, tenant: str = "default") -> dict[str, Any]:
    body = {"name": "shop", "scopes": scopes, "tenant": tenant}
    answer = await admin.post("/api/v1/keys", json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def registered(client: httpx.AsyncClient, **body: Any) -> Any:
    answer = await client.post(WEBHOOKS, json={"url": URL, "topics": ["*"]} | body)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_an_app_registers_an_endpoint_and_its_secret_is_shown_once(
    admin: httpx.AsyncClient, connect: Connect
) -> None:
    token = (await key(admin, "read", "webhooks"))["token"]
    async with connect(token) as app:
        made = await registered(app, topics=["orders.*"], description="the shop")
        path = f"{WEBHOOKS}/{made['id']}"

        secret = made.pop("secret")
        made.pop("old_secret_until")
        assert secret.startswith("whsec_")
        assert (await app.get(path)).json() == made
        assert (await app.get(WEBHOOKS)).json() == [made]
        changed = await app.patch(path, json={"topics": ["stock.*"]})
        assert changed.json()["topics"] == ["stock.*"]
        rotated = (await app.post(f"{path}/secret", json={"overlap_seconds": 60})).json()
        assert rotated["secret"] not in (None, secret)
        assert rotated["old_secret_until"]
        for verb, state in (("disable", "disabled"), ("enable", "enabled")):
            assert (await app.post(f"{path}/{verb}")).json()["state"] == state
        ping = (await app.post(f"{path}/ping")).json()
        assert "refused by the operator" in ping["reason"]
        attempts = (await app.get(f"{path}/attempts", params={"limit": 1})).json()
        assert attempts == {"attempts": [ping], "next": None}
        assert (await app.get(f"{path}/dead")).json() == {"dead_letters": [], "next": None}
        for verb in ("requeue", "discard"):
            answer = await app.post(f"{path}/dead/{verb}", json={"ids": ["x"]})
            assert answer.status_code == 404
        assert (await app.delete(path)).status_code == 204
        assert (await app.get(path)).status_code == 404


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"url": "http://shop.example/", "topics": ["*"]}, "url"),
        ({"url": URL, "topics": ["A"]}, "topics"),
        ({"url": URL, "topics": ["*"], "secret": "mine"}, None),
        ({"topics": ["*"]}, None),
    ],
)
async def test_an_endpoint_that_cannot_be_is_refused(
    admin: httpx.AsyncClient, body: dict[str, Any], path: str | None
) -> None:
    answer = await admin.post(WEBHOOKS, json=body)

    assert answer.status_code == 400
    assert answer.json()["type"].endswith("/invalid-arguments")
    assert path in (None, answer.json().get("path"))


@pytest.mark.parametrize("scopes", [("read",), ("call", "read"), ("call",)])
async def test_it_takes_a_scope_of_its_own(
    admin: httpx.AsyncClient, connect: Connect, scopes: tuple[str, ...]
) -> None:
    async with connect((await key(admin, *scopes))["token"]) as app:
        assert (await app.get(WEBHOOKS)).status_code == 403
        assert (await app.post(WEBHOOKS, json={"url": URL, "topics": ["*"]})).status_code == 403


async def test_a_key_that_may_not_read_gets_nothing_posted(
    admin: httpx.AsyncClient, connect: Connect
) -> None:
    async with connect((await key(admin, "webhooks"))["token"]) as app:
        answer = await app.post(WEBHOOKS, json={"url": URL, "topics": ["*"]})

        assert answer.status_code == 403
        assert "lacks read" in answer.json()["detail"]


async def test_endpoints_of_others_are_not_there(
    admin: httpx.AsyncClient, connect: Connect
) -> None:
    made = await registered(admin)
    path = f"{WEBHOOKS}/{made['id']}"
    await admin.post("/api/v1/tenants", json={"name": "webhooks-acme"})
    tokens = [
        (await key(admin, "read", "webhooks"))["token"],
        (await key(admin, "admin", tenant="webhooks-acme"))["token"],
    ]

    for token in tokens:
        async with connect(token) as other:
            asked = [
                await other.get(path),
                await other.patch(path, json={"url": URL}),
                await other.delete(path),
                await other.post(f"{path}/enable"),
                await other.post(f"{path}/disable"),
                await other.post(f"{path}/ping"),
                await other.post(f"{path}/secret", json={}),
                await other.get(f"{path}/attempts"),
                await other.get(f"{path}/dead"),
                await other.post(f"{path}/dead/requeue", json={"ids": ["x"]}),
            ]
            assert {each.status_code for each in asked} == {404}
            assert (await other.get(WEBHOOKS)).json() == []
    assert (await admin.get(path)).status_code == 200


async def test_what_the_host_says_of_endpoints_nobody_else_publishes(
    admin: httpx.AsyncClient,
) -> None:
    answer = await admin.post("/api/v1/events", json={"topic": "endpoint.disabled"})

    assert answer.status_code == 403
