"""Version 2 over real workers: what a call spent of its limits, batches, and what hangs up."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from packages import KEY
from wardian.policy.levels import LEVELS, Level
from wardian.runtime.host import PluginHost
from wardian.settings import Settings

pytestmark = pytest.mark.anyio

BATCH = "/api/v2/batch"
LIMITS = LEVELS[Level.RESTRICTED].limits


def path(plugin: str, function: str) -> str:
    return f"/api/v2/plugins/{plugin}/functions/{function}"


async def batch(client: httpx.AsyncClient, *calls: Any, **more: Any) -> Any:
    answer = await client.post(BATCH, json={"calls": calls, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_call_says_what_it_spent_of_which_limits(
    admin: httpx.AsyncClient, calculator: str
) -> None:
    body = {"arguments": {"a": 12, "b": 4}, "limits": {"wall_seconds": 2}}
    answer = (await admin.post(path(calculator, "divide"), json=body)).json()

    usage = answer["usage"]
    assert (set(answer), answer["result"]) == ({"result", "usage"}, 3)
    assert (usage["plugin"], usage["version"], usage["function"]) == (calculator, "1.0.0", "divide")
    assert (usage["cached"], usage["limits"]["wall_seconds"]) == (False, 2)
    assert usage["limits"]["fuel"] == LIMITS.fuel
    assert usage["spent"]["fuel"] + usage["left"]["fuel"] == LIMITS.fuel
    assert usage["spent"]["wall_seconds"] <= usage["duration_seconds"]
    assert usage["left"]["host_calls"] == LIMITS.host_calls
    assert len(usage["call_id"]) == 36


async def test_a_nested_function_is_told_by_its_full_name(
    admin: httpx.AsyncClient, calculator: str
) -> None:
    answer = (
        await admin.post(path(calculator, "add"), json={"arguments": {"a": 1, "b": 2}})
    ).json()
    assert answer["usage"]["function"] == "acme:calc/ops@1.0.0#add"


async def test_a_problem_of_a_call_has_the_same_envelope(
    admin: httpx.AsyncClient, misbehaving: str
) -> None:
    refused = await admin.post(path(misbehaving, "spin"), json={"limits": {"wall_seconds": 0.2}})
    problem = refused.json()
    assert (refused.status_code, problem["type"]) == (504, "/problems/deadline-exceeded")
    assert problem["usage"]["limits"]["wall_seconds"] == 0.2
    assert problem["usage"]["left"]["wall_seconds"] == 0
    assert problem["call_id"] == problem["usage"]["call_id"]

    unknown = (await admin.post(path(misbehaving, "nothing"), json={})).json()
    assert "usage" not in unknown


@pytest.mark.parametrize("name", ["retry", "notify"])
async def test_what_is_for_jobs_is_refused_of_a_call_that_is_waited_for(
    admin: httpx.AsyncClient, calculator: str, name: str
) -> None:
    body = {"arguments": {"a": 1, "b": 1}, name: {"retry": 1, "notify": "x"}[name]}
    refused = await admin.post(path(calculator, "divide"), json=body)
    assert (refused.status_code, refused.json()["path"]) == (400, name)


async def test_version_1_stays_as_it_is_beside_it(
    admin: httpx.AsyncClient, calculator: str
) -> None:
    url = f"/api/v1/plugins/{calculator}/functions/divide"
    answer = await admin.post(url, json={"arguments": {"a": 12, "b": 4}})
    assert set(answer.json()) == {"result", "usage", "call_id"}
    refused = await admin.post(url, json={"retry": 1})
    assert refused.status_code == 400


async def test_a_batch_has_an_outcome_for_each_call_in_order(
    admin: httpx.AsyncClient, calculator: str, misbehaving: str
) -> None:
    answered = await batch(
        admin,
        {"plugin": calculator, "function": "divide", "arguments": {"a": 8, "b": 2}},
        {"plugin": calculator, "function": "divide", "arguments": {"a": 8, "b": 0}},
        {"plugin": misbehaving, "function": "trap"},
        {"plugin": "nothing", "function": "at-all"},
        {"plugin": misbehaving, "function": "fine"},
    )

    outcomes = answered["outcomes"]
    assert [each.get("result") for each in outcomes] == [4, None, None, None, 42]
    assert [each.get("problem", {}).get("type") for each in outcomes] == [
        None, "/problems/guest-error", "/problems/trap", "/problems/not-found", None,
    ]  # fmt: skip
    assert outcomes[1]["problem"]["payload"] == 7
    assert [each.get("usage", {}).get("plugin") for each in outcomes] == [
        calculator, calculator, misbehaving, None, misbehaving,
    ]  # fmt: skip
    ids = [each["usage"]["call_id"] for each in outcomes if "usage" in each]
    assert len(set(ids)) == 4
    usage = answered["usage"]
    assert (usage["calls"], usage["succeeded"], usage["failed"]) == (5, 2, 3)
    spent = [each["usage"]["spent"]["fuel"] for each in outcomes if "usage" in each]
    assert usage["spent"]["fuel"] == sum(spent)


async def test_a_hundred_calls_are_one_request(admin: httpx.AsyncClient, calculator: str) -> None:
    calls = [
        {"plugin": calculator, "function": "divide", "arguments": {"a": number, "b": 1}}
        for number in range(100)
    ]
    answered = await batch(admin, *calls)
    assert [each["result"] for each in answered["outcomes"]] == list(range(100))

    refused = await admin.post(BATCH, json={"calls": [*calls, calls[0]]})
    assert (refused.status_code, refused.json()["path"]) == (400, "calls")


async def test_an_endless_call_of_a_batch_leaves_a_worker_to_others(
    admin: httpx.AsyncClient, misbehaving: str
) -> None:
    endless = {"plugin": misbehaving, "function": "spin", "limits": {"wall_seconds": 3}}
    running = asyncio.create_task(batch(admin, *[endless] * 3, deadline_seconds=3))
    answer = await admin.post(path(misbehaving, "fine"), json={})
    assert answer.json()["result"] == 42
    assert not running.done()
    answered = await running
    types = [each["problem"]["type"] for each in answered["outcomes"]]
    assert types == ["/problems/deadline-exceeded"] * 3


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({}, None),
        ({"calls": []}, "calls"),
        ({"calls": [1]}, "calls[0]"),
        ({"calls": [{"plugin": "a"}]}, "calls[0]"),
        ({"calls": [{"plugin": "a", "function": "b", "argument": {}}]}, "calls[0].argument"),
        ({"calls": [{"plugin": "a", "function": "b", "arguments": []}]}, "calls[0].arguments"),
        ({"calls": [{"plugin": "a", "function": "b"}], "deadline": 1}, "deadline"),
        ({"calls": [{"plugin": "a", "function": "b"}], "deadline_seconds": -1}, "deadline_seconds"),
    ],
)
async def test_a_batch_that_is_not_valid_is_refused_with_the_path_of_the_fault(
    admin: httpx.AsyncClient, body: Any, where: str | None
) -> None:
    refused = await admin.post(BATCH, json=body)
    assert (refused.status_code, refused.json()["type"]) == (400, "/problems/invalid-arguments")
    assert refused.json().get("path") == where


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (b'{"calls":[],"calls":[{"plugin":"a","function":"b"}]}', "calls"),
        (b'{"calls":[{"plugin":"a","plugin":"b","function":"c"}]}', "calls[0].plugin"),
        (
            b'{"calls":[{"plugin":"a","function":"b","arguments":{"x":1,"\\u0078":2}}]}',
            "calls[0].arguments.x",
        ),
        (b'{"calls":[{"plugin":"a","function":"b"}]} trailing', None),
        (b'{"calls":[{"plugin":"a","function":NaN}]}', None),
        (b'{"calls":[{"plugin":"\xff","function":"b"}]}', None),
        (b'{"calls":[{"plugin":"\\ud800","function":"b"}]}', None),
        (b'{"calls":' + b"[" * 20_000 + b"]" * 20_000 + b"}", None),
    ],
    ids=["twice", "twice-in-a-call", "twice-escaped", "trailing", "nan", "utf-8", "lone", "deep"],
)
async def test_a_batch_takes_no_json_that_parsers_read_differently(
    admin: httpx.AsyncClient, body: bytes, where: str | None
) -> None:
    refused = await admin.post(BATCH, content=body)
    assert (refused.status_code, refused.json()["type"]) == (400, "/problems/invalid-arguments")
    if where is not None:
        assert refused.json()["path"] == where


@pytest.mark.parametrize("url", [BATCH, path("calculator", "divide")])
@pytest.mark.parametrize("prefer", [{}, {"Prefer": "respond-async"}])
async def test_a_body_that_is_too_large_is_refused_before_it_is_parsed(
    admin: httpx.AsyncClient, settings: Settings, url: str, prefer: dict[str, str]
) -> None:
    content = b"[" * (settings.body_bytes_max + 1)
    refused = await admin.post(url, content=content, headers=prefer)
    assert (refused.status_code, refused.json()["type"]) == (413, "/problems/payload-too-large")


async def busy_workers(host: PluginHost, wanted: int) -> None:
    while (await host.ready()).workers.busy != wanted:
        await asyncio.sleep(0.005)


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
async def test_a_client_that_hangs_up_ends_its_call(
    served: tuple[str, int], host: PluginHost, misbehaving: str, accept: str
) -> None:
    head = (
        f"POST {path(misbehaving, 'spin')} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {KEY}\r\n"
        f"Accept: {accept}\r\nContent-Length: 2\r\n\r\n{{}}"
    )
    _, writer = await asyncio.open_connection(*served)
    writer.write(head.encode())
    await asyncio.wait_for(busy_workers(host, 1), 4)
    writer.close()
    await asyncio.wait_for(busy_workers(host, 0), 3)
    assert (await host.call(misbehaving, "fine", {})).result == 42


async def test_a_client_that_hangs_up_ends_its_batch(
    served: tuple[str, int], host: PluginHost, misbehaving: str
) -> None:
    call = f'{{"plugin":"{misbehaving}","function":"spin"}}'
    body = f'{{"calls":[{",".join([call] * 9)}]}}'
    head = (
        f"POST {BATCH} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {KEY}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    )
    _, writer = await asyncio.open_connection(*served)
    writer.write(head.encode())
    await asyncio.wait_for(busy_workers(host, 1), 4)
    writer.close()
    await asyncio.wait_for(busy_workers(host, 0), 3)
