"""Questions over HTTP and MCP to agents that are real components, in real workers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import pytest

from agents import agent, question
from apis import Connect
from mcps import MODES, mcp_client
from packages import KEY
from wardian.agents.host import Host
from wardian.tenants.terms import KeyTerms

pytestmark = pytest.mark.anyio

ASK, ASK_V2, ASKS = "/api/v1/agents/ask", "/api/v2/agents/ask", "/api/v1/asks"
STREAM = {"Accept": "text/event-stream"}


@pytest.fixture
async def agents(host: Host) -> AsyncIterator[None]:
    """Two that answer `sum-up`: the dearer one says pieces, and is asked first."""
    await host.install(agent("asked-cheap", "sum-up@1.0.0", per_unit=0.001, priority=10))
    dear = agent(
        "asked-dear", "sum-up@2.1.0", "say@1.0.0",
        per_call=0.5, per_unit=0.01, priority=90, emits=True, confidence=0.75,
        limits="units = 100",
    )  # fmt: skip
    await host.install(dear)
    yield
    for name in ("asked-cheap", "asked-dear"):
        await host.uninstall(name)


def body(does: str = "", *more: Any, capability: str = "sum-up", **criteria: Any) -> dict[str, Any]:
    asked = {"capability": capability, "input": question(does, *more)}
    return asked | {"criteria": criteria} if criteria else asked


def said(text: str) -> list[tuple[str, Any]]:
    blocks = [block.partition("\ndata: ") for block in text.split("\n\n")]
    return [(head.removeprefix("event: "), json.loads(data)) for head, _, data in blocks if data]


def kind(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].rpartition("/")[2]


@pytest.mark.usefixtures("agents")
async def test_the_best_agent_answers_and_the_question_is_written_down(
    admin: httpx.AsyncClient,
) -> None:
    answer = (await admin.post(ASK, json=body("x", 1))).json()
    found = (await admin.get(f"{ASKS}/{answer['id']}")).json()
    page = (await admin.get(ASKS, params={"agent": "asked-dear", "limit": 1})).json()

    assert (answer["output"], answer["agent"]) == (["x", 1], "asked-dear")
    assert (answer["cost"], answer["units"], answer["confidence"]) == (0.53, 3, 0.75)
    assert answer["usage"]["fuel"] > 0
    assert (found["ending"], found["cost"]) == ("answered", 0.53)
    assert found["attempts"] == answer["attempts"]
    assert page["asks"] == [found]


@pytest.mark.usefixtures("agents")
async def test_version_2_says_what_was_spent_of_which_limits(admin: httpx.AsyncClient) -> None:
    usage = (await admin.post(ASK_V2, json=body("x"))).json()["usage"]

    assert (usage["plugin"], usage["function"]) == (
        "asked-dear", "wardian:plugin/agent@1.0.0#ask",
    )  # fmt: skip
    assert usage["spent"]["fuel"] + usage["left"]["fuel"] == usage["limits"]["fuel"]
    assert len(usage["call_id"]) == 36


@pytest.mark.usefixtures("agents")
async def test_pieces_are_told_and_then_the_answer(admin: httpx.AsyncClient) -> None:
    answered = await admin.post(ASK_V2, json=body("p", "é"), headers=STREAM)
    messages = said(answered.text)
    text = json.dumps(question("p", "é"), separators=(",", ":"), ensure_ascii=False)

    assert [event for event, _ in messages][-1] == "answer"
    pieces = [told for event, told in messages if event == "piece"]
    assert "".join(each["text"] for each in pieces) == text * 2
    assert {each["agent"] for each in pieces} == {"asked-dear"}
    assert messages[-1][1]["output"] == ["p", "é"]


@pytest.mark.usefixtures("agents")
async def test_another_agent_answers_and_the_reason_is_told(admin: httpx.AsyncClient) -> None:
    await admin.patch("/api/v1/agents/asked-cheap", json={"priority": 95})
    failed = (await admin.post(ASK, json=body("t"))).json()
    none = await admin.post(ASK, json=body("t", fallback=0))

    assert failed["type"] == "/problems/agent-unavailable"
    assert [each["agent"] for each in failed["attempts"]] == ["asked-cheap", "asked-dear"]
    assert kind(none) == (503, "agent-unavailable")
    assert [each["ending"] for each in none.json()["attempts"]] == ["failed"]


@pytest.mark.usefixtures("agents")
@pytest.mark.parametrize("does", ["t", "e", "n"], ids=["trap", "refusal", "no-json"])
async def test_a_question_that_is_not_answered_says_what_it_spent_and_cost(
    admin: httpx.AsyncClient, does: str
) -> None:
    asked = body(does, agents=["asked-dear"])
    first = (await admin.post(ASK, json=asked)).json()
    second = (await admin.post(ASK_V2, json=asked)).json()
    streamed = said((await admin.post(ASK_V2, json=asked, headers=STREAM)).text)[-1][1]
    written = [(await admin.get(f"{ASKS}/{each['ask']}")).json() for each in (first, streamed)]

    assert first["usage"]["fuel"] > 0
    for told in (second, streamed):
        usage = told["usage"]
        assert (usage["plugin"], usage["call_id"]) == ("asked-dear", usage["call_id"])
        assert usage["spent"]["fuel"] + usage["left"]["fuel"] == usage["limits"]["fuel"]
    assert {first["cost"], second["cost"], streamed["cost"]} == {written[0]["cost"]}
    assert first["cost"] >= 0.5
    assert {each["ending"] for each in written} == {first["type"].rpartition("/")[2]}


@pytest.mark.usefixtures("agents")
async def test_criteria_choose_among_agents(admin: httpx.AsyncClient) -> None:
    cheap = await admin.post(ASK, json=body("x", agents=["asked-cheap"]))
    unknown = await admin.post(ASK, json=body("x", capability="paint"))

    assert cheap.json()["agent"] == "asked-cheap"
    assert kind(unknown) == (404, "not-found")


@pytest.mark.usefixtures("agents")
async def test_a_question_that_could_cost_more_than_is_left_is_refused(
    admin: httpx.AsyncClient,
) -> None:
    budget = "/api/v1/agent-budgets/say/day"
    assert (await admin.put(budget, json={"limit": 1.6})).status_code == 200
    try:
        first = await admin.post(ASK, json=body("x", capability="say"))
        refused = await admin.post(ASK, json=body("x", capability="say"))
        streamed = await admin.post(ASK_V2, json=body("x", capability="say"), headers=STREAM)
        (spent,) = (await admin.get("/api/v1/agent-budgets")).json()
    finally:
        assert (await admin.delete(budget)).status_code == 204

    # 100 units at 0.01 and 0.5 for the call are held; 0.53 of it is charged.
    assert first.json()["cost"] == 0.53
    assert kind(refused) == (402, "budget-exceeded")
    assert said(streamed.text)[-1][1]["type"] == "/problems/budget-exceeded"
    assert (spent["spent"], spent["held"]) == (0.53, 0)


@pytest.mark.usefixtures("agents")
async def test_a_question_goes_only_to_agents_that_the_key_may_call(
    host: Host, connect: Connect
) -> None:
    key = await host.keys.create(
        "some", ["call", "read"], "default", KeyTerms(plugins=["asked-cheap"])
    )
    async with connect(key.token) as client:
        assert (await client.post(ASK, json=body("x"))).json()["agent"] == "asked-cheap"
        assert [each["name"] for each in (await client.get("/api/v1/agents")).json()] == [
            "asked-cheap"
        ]
        for capability in ("say", "paint"):
            refused = await client.post(ASK, json=body("x", capability=capability))
            assert kind(refused) == (404, "not-found")


@pytest.mark.usefixtures("agents")
async def test_agents_are_shown_and_paused_and_explained(admin: httpx.AsyncClient) -> None:
    shown = (await admin.get("/api/v1/agents/asked-dear")).json()
    explained = (await admin.post("/api/v1/agents/explain", json=body("x"))).json()
    await admin.patch("/api/v1/agents/asked-dear", json={"paused": True})
    other = (await admin.post(ASK, json=body("x"))).json()
    await admin.patch("/api/v1/agents/asked-dear", json={"paused": False})

    assert [each["capability"] for each in shown["measured"]] == ["sum-up", "say"]
    assert (explained["chosen"], len(explained["candidates"])) == ("asked-dear", 2)
    assert explained["candidates"][0]["lost"] == ""
    assert other["agent"] == "asked-cheap"


@pytest.mark.usefixtures("agents")
async def test_what_people_think_of_an_answer_is_learned(admin: httpx.AsyncClient) -> None:
    async def quality() -> float:
        shown = (await admin.get("/api/v1/agents/asked-dear")).json()
        return float(shown["measured"][0]["quality"])

    asked = (await admin.post(ASK, json=body("x"))).json()
    before = await quality()
    bad = {"score": 0.0, "comment": "It is wrong."}
    given = (await admin.post(f"{ASKS}/{asked['id']}/feedback", json=bad)).json()
    shown = (await admin.get(f"{ASKS}/{asked['id']}")).json()

    assert shown["feedback"] == [given]
    assert await quality() < before


async def test_a_kept_version_is_tried_beside_the_active_one(
    admin: httpx.AsyncClient, host: Host
) -> None:
    await host.install(agent("asked-tried", "try@1.0.0"))
    await host.upgrade(agent("asked-tried", "try@1.0.0", version="1.1.0", id_=1))
    trial = "/api/v1/agents/asked-tried/trial"
    try:
        begun = (await admin.put(trial, json={"version": "1.0.0", "share": 0.5})).json()
        answered = set()
        while len(answered) < 2:
            asked = (await admin.post(ASK, json=body("x", capability="try"))).json()
            answered.add(asked["version"])
        ended = (await admin.delete(trial)).json()
        missing = await admin.put(trial, json={"version": "0.9.0"})
    finally:
        await host.uninstall("asked-tried")

    assert (begun["active"]["version"], begun["other"]["version"]) == ("1.1.0", "1.0.0")
    assert answered == {"1.0.0", "1.1.0"}
    assert ended["ended_at"] is not None
    assert kind(missing) == (404, "not-found")


@pytest.mark.parametrize("headers", [{}, STREAM])
async def test_a_client_that_hangs_up_ends_the_agent_s_call(
    served: tuple[str, int], host: Host, headers: dict[str, str]
) -> None:
    await host.install(agent("asked-spins", "spin@1.0.0", always="s"))
    text = json.dumps(body(capability="spin"))
    lines = [f"POST {ASK_V2} HTTP/1.1", "Host: h", f"Authorization: Bearer {KEY}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines += [f"Content-Length: {len(text)}", "", text]
    _, writer = await asyncio.open_connection(*served)
    writer.write("\r\n".join(lines).encode())
    try:
        await asyncio.wait_for(busy_workers(host, 1), 4)
        writer.close()
        await asyncio.wait_for(busy_workers(host, 0), 3)
    finally:
        await host.uninstall("asked-spins")


async def busy_workers(host: Host, wanted: int) -> None:
    while (await host.ready()).workers.busy != wanted:
        await asyncio.sleep(0.005)


@pytest.mark.usefixtures("agents")
@pytest.mark.parametrize("mode", MODES)
async def test_a_model_asks_by_a_tool(served: tuple[str, int], host: Host, mode: str) -> None:
    told: list[str | None] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        told.append(message)

    async with mcp_client(served, KEY, mode) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        answer = await client.call_tool("ask_agent", body("p"), progress_callback=hear)
        refused = await client.call_tool("ask_agent", {"capability": "sum-up"})

    choices = tools["ask_agent"].input_schema["properties"]["capability"]["enum"]
    assert {"say", "sum-up"} <= set(choices)
    assert answer.structured_content is not None
    assert (answer.structured_content["output"], answer.structured_content["agent"]) == (
        ["p"], "asked-dear",
    )  # fmt: skip
    assert "".join(filter(None, told)) == '["p"]' * 2
    assert refused.is_error
    assert refused.meta is not None
    assert refused.meta["problem"]["type"] == "invalid-arguments"


async def test_there_is_no_tool_for_who_may_ask_nobody(
    served: tuple[str, int], host: Host, agents: None
) -> None:
    key = await host.keys.create("tools", ["call"], "default", KeyTerms(plugins=["calculator"]))
    async with mcp_client(served, key.token) as client:
        tools = {tool.name for tool in (await client.list_tools()).tools}
        for name in ("ask_agent", "explain_agent"):
            assert name not in tools
            with pytest.raises(Exception, match=f"There is no tool '{name}'"):
                await client.call_tool(name, body("x"))


@pytest.mark.usefixtures("agents")
@pytest.mark.parametrize("mode", MODES)
async def test_a_tool_tells_a_model_who_would_be_asked_as_the_api_does(
    served: tuple[str, int], host: Host, mode: str
) -> None:
    asked = {"capability": "say", "criteria": {"strategy": "cheapest"}}
    key = await host.keys.create("one", ["call"], "default", KeyTerms(plugins=["asked-dear"]))
    before = await host.agents.asks()
    async with mcp_client(served, KEY, mode) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        told = await client.call_tool("explain_agent", asked)
        refused = await client.call_tool("explain_agent", asked | {"stream": True})
    async with mcp_client(served, key.token, mode) as client:
        hers = await client.call_tool("explain_agent", asked)

    annotations = tools["explain_agent"].annotations
    assert annotations is not None
    assert annotations.read_only_hint
    assert told.structured_content == msgspec.to_builtins(
        await host.agents.explain("say", None, criteria=asked["criteria"])
    )
    assert told.structured_content["strategy"] == "cheapest"
    assert json.loads(told.content[0].text) == told.structured_content
    assert refused.is_error
    assert hers.structured_content is not None
    assert {each["agent"] for each in hers.structured_content["candidates"]} <= {"asked-dear"}
    assert await host.agents.asks() == before
