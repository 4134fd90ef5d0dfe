from urllib.parse import quote

import httpx
import pytest

pytestmark = pytest.mark.anyio


def path(plugin: str, function: str) -> str:
    return f"/api/v1/plugins/{plugin}/functions/{quote(function, safe='')}"


async def test_a_function_is_called(admin: httpx.AsyncClient, calculator: str) -> None:
    answer = await admin.post(path(calculator, "divide"), json={"arguments": {"a": 12, "b": 4}})
    assert answer.status_code == 200
    assert set(answer.json()) == {"result", "usage", "call_id"}
    assert answer.json()["result"] == 3
    assert answer.json()["usage"]["wall_seconds"] > 0


@pytest.mark.parametrize("name", ["acme:calc/ops@1.0.0#add", "add"])
async def test_a_nested_function_is_called_by_its_full_and_by_its_bare_name(
    admin: httpx.AsyncClient, calculator: str, name: str
) -> None:
    answer = await admin.post(path(calculator, name), json={"arguments": {"a": 2, "b": 3}})
    assert answer.json()["result"] == 5, answer.text


async def test_an_unescaped_slash_in_a_function_s_name_is_taken_as_meant(
    admin: httpx.AsyncClient, calculator: str
) -> None:
    url = f"/api/v1/plugins/{calculator}/functions/acme:calc/ops@1.0.0%23add"
    answer = await admin.post(url, json={"arguments": {"a": 2, "b": 3}})
    assert answer.json()["result"] == 5


async def test_an_ambiguous_name_is_refused_with_the_candidates(
    admin: httpx.AsyncClient, calculator: str
) -> None:
    refused = await admin.post(path(calculator, "negate"), json={"arguments": {"a": 1}})
    assert refused.status_code == 404
    assert "acme:calc/more@1.0.0#negate" in refused.json()["detail"]


async def test_functions_are_listed_with_their_schemas(
    admin: httpx.AsyncClient, calculator: str
) -> None:
    found = (await admin.get(f"/api/v1/plugins/{calculator}/functions")).json()
    assert set(found) == {
        "divide",
        "acme:calc/ops@1.0.0#add",
        "acme:calc/ops@1.0.0#negate",
        "acme:calc/more@1.0.0#negate",
    }
    assert found["divide"]["parameters"]["required"] == ["a", "b"]
    assert found["divide"]["error"]["type"] == "integer"


async def test_an_error_of_the_function_s_own_carries_its_payload_usage_and_ids(
    admin: httpx.AsyncClient, calculator: str
) -> None:
    refused = await admin.post(path(calculator, "divide"), json={"arguments": {"a": 1, "b": 0}})
    problem = refused.json()
    assert (refused.status_code, problem["type"]) == (422, "/problems/guest-error")
    assert problem["payload"] == 7
    assert problem["usage"]["wall_seconds"] > 0
    assert problem["call_id"]
    assert problem["request_id"] == refused.headers["x-request-id"]


@pytest.mark.parametrize(
    ("function", "kind", "status"),
    [
        ("spin", "deadline-exceeded", 504),
        ("trap", "trap", 502),
        ("recurse", "stack-overflow", 502),
        ("grow-slowly", "memory-exceeded", 502),
    ],
)
async def test_a_misbehaving_call_gets_its_error_and_the_next_one_works(
    admin: httpx.AsyncClient, misbehaving: str, function: str, kind: str, status: int
) -> None:
    body = {"limits": {"wall_seconds": 0.5}}
    refused = await admin.post(path(misbehaving, function), json=body)
    assert (refused.status_code, refused.json()["type"]) == (status, f"/problems/{kind}")
    assert "usage" in refused.json()
    assert (await admin.post(path(misbehaving, "fine"), json={})).json()["result"] == 42


async def test_the_limits_of_one_call_can_be_lowered(
    admin: httpx.AsyncClient, misbehaving: str
) -> None:
    refused = await admin.post(path(misbehaving, "spin"), json={"limits": {"fuel": 1000}})
    assert refused.json()["type"] == "/problems/out-of-fuel"


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"arguments": {"a": -1, "b": 1}}, "a"),
        ({"arguments": {"a": 1}}, "b"),
        ({"arguments": {"a": 1, "b": 1, "c": 1}}, "c"),
        ({"arguments": {"a": "one", "b": 1}}, "a"),
        ({"arguments": {"a": 1, "b": 1}, "limits": {"speed": 1}}, "limits.speed"),
        ({"arguments": {"a": 1, "b": 1}, "limits": {"fuel": -1}}, "limits.fuel"),
        ({"argumentz": {}}, "argumentz"),
    ],
)
async def test_wrong_arguments_are_refused_with_the_path_of_the_fault(
    admin: httpx.AsyncClient, calculator: str, body: object, where: str
) -> None:
    refused = await admin.post(path(calculator, "divide"), json=body)
    assert (refused.status_code, refused.json()["type"]) == (400, "/problems/invalid-arguments")
    assert refused.json()["path"] == where


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"arguments":{"a":NaN}}', b"[" * 60_000])
async def test_a_body_that_is_no_call_is_refused(
    admin: httpx.AsyncClient, calculator: str, body: bytes
) -> None:
    refused = await admin.post(path(calculator, "divide"), content=body)
    assert (refused.status_code, refused.json()["type"]) == (400, "/problems/invalid-arguments")


@pytest.mark.parametrize("function", ["nope", "", "a/b/c", "%00", "x" * 5000, "négate\u202e"])
async def test_an_unknown_function_is_not_found(
    admin: httpx.AsyncClient, calculator: str, function: str
) -> None:
    refused = await admin.post(path(calculator, function), json={})
    assert (refused.status_code, refused.json()["type"]) == (404, "/problems/not-found")
