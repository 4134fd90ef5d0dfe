"""Paths of plugins, over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from apis import Connect
from guests import guest
from packages import package
from wardian.errors import InvalidManifest
from wardian.runtime.host import PluginHost

pytestmark = pytest.mark.anyio

PLUGIN = "/api/v1/plugins/divider"

PATHS = """
[[api_endpoints]]
method = "GET"
path = "/quotients/{a}"
function = "divide"
description = "Divides."

[[api_endpoints]]
path = "/quotients"
function = "divide"

[[api_endpoints]]
method = "PUT"
path = "/quotients/{a}"
function = "divide"

[[api_endpoints]]
method = "DELETE"
path = "/sums/{a}/{b}"
function = "add"
"""


@pytest.fixture(scope="module")
async def divider(host: PluginHost, connect: Connect) -> AsyncIterator[httpx.AsyncClient]:
    await host.install(package("divider", guest("calculator"), PATHS))
    made = await host.keys.create("divides", ["call"], "default")
    async with connect(made.token) as client:
        yield client
    await host.uninstall("divider")


async def test_each_method_calls_the_function_that_its_path_names(
    divider: httpx.AsyncClient,
) -> None:
    got = await divider.get(f"{PLUGIN}/api/quotients/42", params={"b": "6"})
    assert (got.status_code, got.json()) == (200, 7)
    assert got.headers["wardian-call-id"]

    posted = await divider.post(f"{PLUGIN}/api/quotients", json={"a": 9, "b": 3})
    assert (posted.status_code, posted.json()) == (200, 3)
    put = await divider.put(f"{PLUGIN}/api/quotients/8", json={"b": 2})
    assert (put.status_code, put.json()) == (200, 4)
    deleted = await divider.delete(f"{PLUGIN}/api/sums/3/4")
    assert (deleted.status_code, deleted.json()) == (200, 7)


async def test_an_error_of_the_function_is_a_problem_with_the_calls_id(
    divider: httpx.AsyncClient,
) -> None:
    answer = await divider.get(f"{PLUGIN}/api/quotients/1", params={"b": "0"})

    assert answer.status_code == 422
    problem = answer.json()
    assert problem["type"] == "/problems/guest-error"
    assert problem["payload"] == 7
    assert problem["call_id"]


@pytest.mark.parametrize(
    ("method", "path", "sent", "status", "at"),
    [
        ("GET", "/quotients/x?b=1", None, 400, "path.a"),
        ("GET", "/quotients/1", None, 400, None),
        ("GET", "/quotients/1?b=", None, 400, "query.b"),
        ("GET", "/quotients/1?b=1&b=2", None, 400, "query.b"),
        ("GET", "/quotients/1?b=1&c=2", None, 400, "query.c"),
        ("GET", "/quotients/1?b=1&a=2", None, 400, "query.a"),
        ("GET", "/quotients/1?b=99999999999999999999", None, 400, None),
        ("GET", "/quotients/1?b=%D9%A1", None, 400, "query.b"),
        ("PUT", "/quotients/1?b=1", {"b": 1}, 400, "query.b"),
        ("PUT", "/quotients/1", {"a": 1, "b": 1}, 400, "a"),
        ("POST", "/quotients", {"a": 1}, 400, None),
        ("POST", "/quotients", {"a": 1, "b": "1"}, 400, None),
        ("POST", "/quotients", [1], 400, None),
        ("DELETE", "/sums/1/2", {"c": 1}, 400, None),
        ("GET", "/nothing", None, 404, None),
        ("GET", "/quotients/1/2", None, 404, None),
        ("GET", "/quotients/", None, 404, None),
        ("GET", "/", None, 404, None),
        ("POST", "/quotients/1", None, 405, None),
        ("PATCH", "/quotients", None, 405, None),
        ("HEAD", "/quotients/1", None, 405, None),
    ],
)
async def test_what_does_not_fit_is_refused_before_the_plugin_runs(
    divider: httpx.AsyncClient, method: str, path: str, sent: Any, status: int, at: str | None
) -> None:
    answer = await divider.request(method, f"{PLUGIN}/api{path}", json=sent)

    assert answer.status_code == status, answer.text
    if method != "HEAD":
        problem = answer.json()
        assert "call_id" not in problem or status == 400
        assert at is None or problem["path"] == at
    if status == 405:
        assert "GET" in answer.headers["allow"] or "POST" in answer.headers["allow"]


async def test_a_key_without_the_scope_and_nobody_at_all_are_refused(
    host: PluginHost, divider: httpx.AsyncClient, connect: Connect
) -> None:
    made = await host.keys.create("reads", ["read"], "default")
    async with connect(made.token) as reader, connect(None) as stranger:
        assert (await reader.get(f"{PLUGIN}/api/quotients/4?b=2")).status_code == 403
        assert (await stranger.get(f"{PLUGIN}/api/quotients/4?b=2")).status_code == 401


async def test_each_path_is_in_openapi_with_its_schema(
    divider: httpx.AsyncClient, connect: Connect
) -> None:
    document = (await divider.get("/openapi.json")).json()

    got = document["paths"][f"{PLUGIN}/api/quotients/{{a}}"]["get"]
    number = {"type": "integer", "minimum": 0, "maximum": 2**32 - 1}
    assert got["summary"] == "Divides."
    assert [(each["name"], each["in"], each["required"]) for each in got["parameters"]] == [
        ("a", "path", True),
        ("b", "query", True),
    ]
    assert got["parameters"][1]["schema"] == number
    assert got["responses"]["200"]["content"]["application/json"]["schema"] == number
    assert "422" in got["responses"]
    put = document["paths"][f"{PLUGIN}/api/quotients/{{a}}"]["put"]
    assert put["requestBody"]["content"]["application/json"]["schema"] == {
        "type": "object",
        "properties": {"b": number},
        "required": ["b"],
        "additionalProperties": False,
    }


@pytest.mark.parametrize(
    ("paths", "said"),
    [
        ("[[api_endpoints]]\npath = '/x'\nfunction = 'nothing'\n", "no function 'nothing'"),
        ("[[api_endpoints]]\npath = '/x'\nfunction = 'negate'\n", "ambiguous"),
        ("[[api_endpoints]]\npath = '/{c}'\nfunction = 'divide'\n", "takes no parameter 'c'"),
        ("[[api_endpoints]]\npath = '/{a'\nfunction = 'divide'\n", "segment"),
        (
            "[[api_endpoints]]\npath = '/{a}'\nfunction = 'divide'\n"
            "[[api_endpoints]]\npath = '/{b}'\nfunction = 'divide'\n",
            "answers the same",
        ),
    ],
)
async def test_a_path_that_nothing_can_answer_is_refused_at_install(
    host: PluginHost, paths: str, said: str
) -> None:
    with pytest.raises(InvalidManifest, match=said):
        await host.install(package("refused", guest("calculator"), paths))


async def test_a_path_goes_with_its_plugin(host: PluginHost, connect: Connect) -> None:
    await host.install(package("leaving", guest("calculator"), PATHS))
    made = await host.keys.create("calls", ["call"], "default")
    async with connect(made.token) as client:
        path = "/api/v1/plugins/leaving/api/quotients/4?b=2"
        assert (await client.get(path)).status_code == 200
        await host.disable("leaving")
        assert (await client.get(path)).status_code == 409
        document = (await client.get("/openapi.json")).json()
        assert not any("leaving/api" in each for each in document["paths"])
        await host.uninstall("leaving")
        assert (await client.get(path)).status_code == 404
