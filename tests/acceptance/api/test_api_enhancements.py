"""What the host does around functions, over HTTP and real workers."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from guests import guest
from packages import package
from wardian.runtime.host import PluginHost

pytestmark = pytest.mark.anyio

LINES = """
[[enhancements]]
function = "add"
monitor = true
cache = { ttl = 300 }

[[enhancements]]
function = "divide"
rate_limit = { requests_per_minute = 2 }

[[enhancements]]
function = "*"
timeout = { seconds = 1.5 }
"""

PLUGIN = "/api/v1/plugins/enhanced"
ADD = f"{PLUGIN}/functions/add"


@pytest.fixture
async def enhanced(host: PluginHost) -> AsyncIterator[None]:
    await host.install(package("enhanced", guest("calculator"), LINES))
    yield
    await host.uninstall("enhanced")


@pytest.mark.usefixtures("enhanced")
async def test_an_answer_that_is_kept_says_so_and_how_old_it_is(admin: httpx.AsyncClient) -> None:
    first = await admin.post(ADD, json={"arguments": {"a": 2, "b": 3}})
    second = await admin.post(ADD, json={"arguments": {"b": 3, "a": 2}})

    assert "age" not in first.headers
    assert first.json()["usage"]["fuel"] > 0
    assert second.headers["age"] == "0"
    assert second.json()["result"] == first.json()["result"] == 5
    assert second.json()["usage"]["cached"] is True
    assert second.json()["usage"]["fuel"] == 0
    assert second.json()["call_id"] != first.json()["call_id"]


@pytest.mark.usefixtures("enhanced")
async def test_a_call_too_many_is_answered_with_when_to_come_again(
    admin: httpx.AsyncClient,
) -> None:
    path = f"{PLUGIN}/functions/divide"
    for _ in range(2):
        assert (await admin.post(path, json={"arguments": {"a": 4, "b": 2}})).status_code == 200
    refused = await admin.post(path, json={"arguments": {"a": 4, "b": 2}})

    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) >= 1
    assert refused.json()["type"] == "/problems/rate-limited"
    assert "manifest" in refused.json()["detail"]


@pytest.mark.usefixtures("enhanced")
async def test_the_chains_are_shown_everywhere_that_a_plugin_is_judged(
    admin: httpx.AsyncClient,
) -> None:
    await admin.post(ADD, json={"arguments": {"a": 1, "b": 1}})
    await admin.post(ADD, json={"arguments": {"a": 1, "b": 1}})
    shown = (await admin.get(f"{PLUGIN}/enhancements")).json()
    add = next(each for each in shown["functions"] if each["function"].endswith("add"))

    assert [layer["kind"] for layer in add["layers"]] == ["monitor", "cache", "timeout"]
    assert add["figures"]["cached"] == shown["cache"]["hits"] == 1
    assert shown["cache"]["answers"] == 1
    asked = [
        {"function": "add", "does": ["watched, slow beyond 1 s", "answers kept for 300 s"]},
        {"function": "divide", "does": ["at most 2 calls a minute"]},
        {"function": "*", "does": ["stopped after 1.5 s"]},
    ]
    assert (await admin.get(PLUGIN)).json()["enhancements"] == asked
    assert (await admin.get(f"{PLUGIN}/grants")).json()["enhancements"] == asked
    functions = (await admin.get(f"{PLUGIN}/functions")).json()
    around = functions["divide"]["enhancements"]
    assert around == ["at most 2 calls a minute", "stopped after 1.5 s"]
    paths = (await admin.get("/openapi.json")).json()["paths"]
    (described,) = (
        paths[path]["post"]["description"]
        for path in paths
        if path.startswith(f"{PLUGIN}/") and path.endswith("add")
    )
    assert "answers kept for 300 s" in described


@pytest.mark.usefixtures("enhanced")
async def test_an_operator_empties_what_is_kept(admin: httpx.AsyncClient) -> None:
    await admin.post(ADD, json={"arguments": {"a": 1, "b": 1}})
    emptied = await admin.post(f"{PLUGIN}/enhancements/empty-cache")
    after = await admin.post(ADD, json={"arguments": {"a": 1, "b": 1}})

    assert emptied.json() == {"removed": 1}
    assert after.json()["usage"]["cached"] is False


@pytest.mark.usefixtures("enhanced")
async def test_another_version_says_what_it_has_done_otherwise(admin: httpx.AsyncClient) -> None:
    other = LINES.replace("300", "60").replace('function = "*"', 'function = "d*"')
    answer = await admin.post(
        f"{PLUGIN}/upgrade?dry_run=true",
        content=package("enhanced", guest("calculator"), other, version="1.0.1"),
    )
    report = answer.json()
    changes = (report.get("report") or report)["enhancements"]

    assert [each["function"] for each in changes] == ["*", "add", "d*"]
    assert changes[1]["before"] == ["watched, slow beyond 1 s", "answers kept for 300 s"]
    assert changes[1]["after"] == ["watched, slow beyond 1 s", "answers kept for 60 s"]
