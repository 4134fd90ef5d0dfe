"""Agents over HTTP: listed, changed, asked and judged; and who may."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from apis import Connect, clients, serving
from hosts import FakeHost, fake_host
from oracles import Oracles, breaks, echoes, waits
from wardian.agents.questions import OnPiece, Piece
from wardian.api.v2.pieces import WAITING_BYTES_MAX
from wardian.settings import Settings
from wardian.tenants.terms import KeyTerms

pytestmark = pytest.mark.anyio

AGENTS, ASKS = "/api/v1/agents", "/api/v1/asks"
ASK, ASK_V2 = f"{AGENTS}/ask", "/api/v2/agents/ask"
STREAM = {"Accept": "text/event-stream"}


@dataclass
class Scene:
    """A host with agents, and clients of it."""

    made: FakeHost
    oracles: Oracles
    connect: Connect

    @asynccontextmanager
    async def client(self, name: str, *scopes: str, **terms: Any) -> AsyncIterator[Any]:
        """A client with a new key."""
        key = await self.made.host.keys.create(name, scopes, "default", KeyTerms(**terms))
        async with self.connect(key.token) as client:
            yield client


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with fake_host(tmp_path) as made:
        oracles = made.host.agents = Oracles()  # type: ignore[assignment]
        oracles.add("lead", echoes, "summarize", "translate")
        oracles.add("rank", echoes, "summarize")
        yield Scene(made, oracles, clients(made.host, Settings(data_dir=tmp_path)))


@pytest.fixture
async def admin(scene: Scene) -> AsyncIterator[httpx.AsyncClient]:
    async with scene.client("admin", "admin") as client:
        yield client


def said(text: str) -> list[tuple[str, Any]]:
    """The messages of a stream, without its comments."""
    found = []
    for block in text.split("\n\n"):
        event, _, data = block.partition("\ndata: ")
        if data:
            found.append((event.removeprefix("event: "), json.loads(data)))
    return found


def kind(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].rpartition("/")[2]


async def test_agents_are_listed_by_capability_and_tag_and_shown(
    admin: httpx.AsyncClient,
) -> None:
    every = (await admin.get(AGENTS)).json()
    some = (await admin.get(AGENTS, params={"capability": "translate"})).json()
    page = await admin.get(AGENTS, params={"limit": 1})
    none = (await admin.get(AGENTS, params={"tag": "slow"})).json()
    shown = (await admin.get(f"{AGENTS}/lead")).json()

    assert [each["name"] for each in every] == ["lead", "rank"]
    assert [each["name"] for each in some] == ["lead"]
    assert ([each["name"] for each in page.json()], "next" in page.links) == (["lead"], True)
    assert none == []
    assert shown == every[0]
    assert kind(await admin.get(f"{AGENTS}/nothing")) == (404, "not-found")


async def test_a_change_says_only_what_it_names(admin: httpx.AsyncClient) -> None:
    changed = (await admin.patch(f"{AGENTS}/lead", json={"priority": 90, "paused": True})).json()
    again = (await admin.patch(f"{AGENTS}/lead", json={"tags": None})).json()

    assert (changed["priority"], changed["paused"], changed["tags"]) == (90, True, ["quick"])
    assert again["overridden"] == ["tags"]


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"priority": 101}, "priority"),
        ({"priority": "high"}, "priority"),
        ({"paused": None}, "paused"),
        ({"limits": {"units": 0}}, "limits.units"),
        ({"limits": {"cpu": 1}}, "limits.cpu"),
        ({"cost": {"per_call": -1}}, "cost.per_call"),
        ({"name": "other"}, "name"),
    ],
)
async def test_a_change_that_cannot_be_is_refused_with_its_path(
    admin: httpx.AsyncClient, body: Any, path: str
) -> None:
    refused = await admin.patch(f"{AGENTS}/lead", json=body)
    assert (*kind(refused), refused.json()["path"]) == (400, "invalid-arguments", path)


@pytest.mark.parametrize("given", [{"text": "…"}, "text", 3, None, [1, {"a": None}], True])
async def test_a_question_is_any_json_value_and_is_answered(
    admin: httpx.AsyncClient, scene: Scene, given: Any
) -> None:
    body = {"capability": "summarize", "input": given, "criteria": {"ceilings": {"cost": 1}}}
    answer = (await admin.post(ASK, json=body)).json()

    assert (answer["output"], answer["agent"], answer["cost"]) == (given, "lead", 0.5)
    assert answer["usage"]["fuel"] == 10
    (put,) = scene.oracles.put
    assert put["criteria"].ceilings.cost == 1


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"capability": "summarize"}, None),
        ({"input": 1}, None),
        ({"capability": "", "input": 1}, "capability"),
        ({"capability": "s", "input": 1, "agent": "a"}, "agent"),
        ({"capability": "s", "input": 1, "criteria": {"fallback": 9}}, "criteria.fallback"),
        ({"capability": "s", "input": 1, "criteria": {"ceiling": {}}}, "criteria.ceiling"),
        ({"capability": "s", "input": 1, "criteria": {"ceilings": {"quality_min": 2}}},
         "criteria.ceilings.quality_min"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("url", [ASK, f"{AGENTS}/explain", ASK_V2])
async def test_a_question_that_is_none_is_refused_with_its_path(
    admin: httpx.AsyncClient, scene: Scene, url: str, body: Any, path: str | None
) -> None:
    refused = await admin.post(url, json=body, headers=STREAM if url == ASK_V2 else {})
    assert (*kind(refused), refused.json().get("path")) == (400, "invalid-arguments", path)
    assert scene.oracles.put == []


async def test_why_one_agent_would_be_asked_and_another_not_is_explained(
    admin: httpx.AsyncClient, scene: Scene
) -> None:
    found = (
        await admin.post(f"{AGENTS}/explain", json={"capability": "summarize", "input": 1})
    ).json()

    assert found["chosen"] == "lead"
    assert [each["lost"] for each in found["candidates"]] == ["", "It scores less."]
    assert scene.oracles.put == []


@pytest.mark.parametrize("url", [ASK, ASK_V2])
async def test_a_question_that_nobody_answers_is_a_problem(
    admin: httpx.AsyncClient, scene: Scene, url: str
) -> None:
    scene.oracles.add("broken", breaks, "count")
    unknown = await admin.post(url, json={"capability": "paint", "input": 1})
    failed = await admin.post(url, json={"capability": "count", "input": 1})

    assert kind(unknown) == (404, "not-found")
    assert kind(failed) == (503, "agent-unavailable")


async def test_version_2_answers_with_an_envelope_of_usage(admin: httpx.AsyncClient) -> None:
    body = {"capability": "summarize", "input": "x"}
    answer = (await admin.post(ASK_V2, json=body)).json()
    usage = answer.pop("usage")

    assert (usage["plugin"], usage["version"]) == ("lead", "1.0.0")
    assert usage["function"] == "wardian:plugin/agent@1.0.0#ask"
    assert usage["left"]["fuel"] == usage["limits"]["fuel"] - usage["spent"]["fuel"]
    first = (await admin.post(ASK, json=body)).json()
    assert set(first) - {"usage", "limits", "call_id"} == set(answer)


async def test_an_answer_is_streamed_while_it_is_made(
    admin: httpx.AsyncClient, scene: Scene
) -> None:
    async def speaks(question: Any, on_piece: OnPiece | None) -> Any:
        assert on_piece is not None
        await on_piece(Piece(text="Half.", agent="first"))
        await on_piece(Piece(text="", agent="second", restarted=True))
        await on_piece(Piece(text="One\n\ndata: two", agent="second"))
        return "whole"

    scene.oracles.add("speaker", speaks, "speak")
    body = {"capability": "speak", "input": 1}
    answered = await admin.post(ASK_V2, json=body, headers=STREAM)
    messages = said(answered.text)

    assert answered.headers["content-type"].startswith("text/event-stream")
    # Nobody had read what the first said when the second began, so it is not told any more.
    assert messages[0] == ("restarted", {"agent": "second"})
    assert messages[1] == ("piece", {"text": "One\n\ndata: two", "agent": "second"})
    assert (messages[2][0], messages[2][1]["output"]) == ("answer", "whole")
    assert len(messages) == 3


async def test_pieces_reach_a_client_before_the_answer_is_whole(
    admin: httpx.AsyncClient, scene: Scene, tmp_path: Path
) -> None:
    heard = asyncio.Event()

    async def speaks(question: Any, on_piece: OnPiece | None) -> Any:
        assert on_piece is not None
        await on_piece(Piece(text="Half.", agent="speaker"))
        await asyncio.wait_for(heard.wait(), 20)
        return "whole"

    scene.oracles.add("speaker", speaks, "speak")
    key = await scene.made.host.keys.create("asks", ["call"], "default")
    body = {"capability": "speak", "input": 1}
    text = ""
    async with (
        serving(scene.made.host, Settings(data_dir=tmp_path)) as address,
        httpx.AsyncClient(trust_env=False) as client,
        client.stream(
            "POST",
            "http://{}:{}".format(*address) + ASK_V2,
            json=body,
            headers={**STREAM, "Authorization": f"Bearer {key.token}"},
        ) as answer,
    ):
        async for chunk in answer.aiter_text():
            text += chunk
            if "Half." in text:
                heard.set()

    assert [event for event, _ in said(text)] == ["piece", "answer"]


async def test_a_stream_that_nobody_answers_ends_with_the_problem(
    admin: httpx.AsyncClient,
) -> None:
    body = {"capability": "paint", "input": 1}
    answered = await admin.post(ASK_V2, json=body, headers=STREAM)
    ((event, problem),) = said(answered.text)

    assert (answered.status_code, event) == (200, "problem")
    assert (problem["type"], problem["status"]) == ("/problems/not-found", 404)


async def test_pieces_without_end_are_dropped_and_the_answer_is_whole(
    admin: httpx.AsyncClient, scene: Scene
) -> None:
    async def floods(question: Any, on_piece: OnPiece | None) -> Any:
        assert on_piece is not None
        for _ in range(40):
            await on_piece(Piece(text="x" * (WAITING_BYTES_MAX // 16), agent="flood"))
        return "whole"

    scene.oracles.add("flood", floods, "speak")
    body = {"capability": "speak", "input": 1}
    messages = said((await admin.post(ASK_V2, json=body, headers=STREAM)).text)

    kept = [each for each in messages if each[0] == "piece"]
    assert len(kept) <= 16
    assert messages[-2] == ("dropped", {"dropped": 40 - len(kept)})
    assert messages[-1][1]["output"] == "whole"


@pytest.mark.parametrize(("url", "headers"), [(ASK, {}), (ASK_V2, {}), (ASK_V2, STREAM)])
async def test_a_client_that_hangs_up_ends_its_question(
    scene: Scene, tmp_path: Path, url: str, headers: dict[str, str]
) -> None:
    began, ended = asyncio.Event(), asyncio.Event()

    async def hangs(question: Any, on_piece: OnPiece | None) -> Any:
        began.set()
        try:
            await waits(question, on_piece)
        finally:
            ended.set()

    scene.oracles.add("hangs", hangs, "wait")
    key = await scene.made.host.keys.create("asks", ["call"], "default")
    body = b'{"capability":"wait","input":1}'
    lines = [f"POST {url} HTTP/1.1", "Host: h", f"Authorization: Bearer {key.token}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines += [f"Content-Length: {len(body)}", "", ""]
    async with serving(scene.made.host, Settings(data_dir=tmp_path)) as address:
        _, writer = await asyncio.open_connection(*address)
        writer.write("\r\n".join(lines).encode() + body)
        await asyncio.wait_for(began.wait(), 20)
        writer.close()
        await asyncio.wait_for(ended.wait(), 20)


async def test_what_was_asked_is_listed_shown_and_judged(admin: httpx.AsyncClient) -> None:
    for capability in ("summarize", "translate", "summarize"):
        await admin.post(ASK, json={"capability": capability, "input": 1})

    first = (await admin.get(ASKS, params={"capability": "summarize", "limit": 1})).json()
    rest = (
        await admin.get(ASKS, params={"capability": "summarize", "before": first["next"]})
    ).json()
    ask_id = rest["asks"][0]["id"]
    given = (await admin.post(f"{ASKS}/{ask_id}/feedback", json={"score": 0.5})).json()
    again = {"label": "good", "comment": "It is short."}
    await admin.post(f"{ASKS}/{ask_id}/feedback", json=again)
    shown = (await admin.get(f"{ASKS}/{ask_id}")).json()

    assert (len(first["asks"]), len(rest["asks"]), rest["next"]) == (1, 1, None)
    assert (given["ask"], given["score"], given["by"]) == (ask_id, 0.5, "admin")
    ((label, comment),) = [(each["label"], each["comment"]) for each in shown["feedback"]]
    assert (label, comment) == ("good", "It is short.")


@pytest.mark.parametrize(
    "body", [{"score": 1.5}, {"score": -0.1}, {"score": "good"}, {"stars": 5}, {}]
)
async def test_feedback_that_says_nothing_that_can_be_said_is_refused(
    admin: httpx.AsyncClient, body: Any
) -> None:
    ask_id = (await admin.post(ASK, json={"capability": "summarize", "input": 1})).json()["id"]
    refused = await admin.post(f"{ASKS}/{ask_id}/feedback", json=body)
    assert kind(refused) == (400, "invalid-arguments")


async def test_a_key_has_to_do_with_what_keys_of_its_name_asked(scene: Scene) -> None:
    body = {"capability": "summarize", "input": 1}
    async with scene.client("asks", "call") as asks:
        ask_id = (await asks.post(ASK, json=body)).json()["id"]
    async with scene.client("asks", "call") as again, scene.client("other", "call") as other:
        assert (await again.get(f"{ASKS}/{ask_id}")).status_code == 200
        judged = await again.post(f"{ASKS}/{ask_id}/feedback", json={"score": 1})
        assert judged.status_code == 200
        assert (await other.get(ASKS)).json()["asks"] == []
        assert kind(await other.get(f"{ASKS}/{ask_id}")) == (404, "not-found")
        refused = await other.post(f"{ASKS}/{ask_id}/feedback", json={"score": 0})
        assert kind(refused) == (404, "not-found")
    async with scene.client("looks", "read") as looks:
        assert [each["id"] for each in (await looks.get(ASKS)).json()["asks"]] == [ask_id]
        refused = await looks.post(f"{ASKS}/{ask_id}/feedback", json={"score": 0})
        assert kind(refused) == (403, "forbidden")
    async with scene.client("reads", "call", "read") as reads:
        assert (await reads.get(f"{ASKS}/{ask_id}")).status_code == 200
        # Whoever may look at all answers may not steer who is asked by it.
        refused = await reads.post(f"{ASKS}/{ask_id}/feedback", json={"score": 0})
        assert kind(refused) == (404, "not-found")


async def test_a_key_for_some_plugins_sees_and_asks_those_agents_alone(scene: Scene) -> None:
    body = {"capability": "summarize", "input": 1}
    async with scene.client("some", "call", "read", plugins=["rank"]) as client:
        assert [each["name"] for each in (await client.get(AGENTS)).json()] == ["rank"]
        assert (await client.get(f"{AGENTS}/rank")).status_code == 200
        assert kind(await client.get(f"{AGENTS}/lead")) == (403, "forbidden")
        for url in (ASK, ASK_V2):
            assert (await client.post(url, json=body)).json()["agent"] == "rank"
        refused = await client.post(ASK, json={"capability": "translate", "input": 1})
        assert kind(refused) == (404, "not-found")
        assert len((await client.get(ASKS)).json()["asks"]) == 2
        for path in ("/api/v1/agent-rules", "/api/v1/agent-budgets"):
            assert kind(await client.get(path)) == (403, "forbidden")
    for scopes in (("call", "read"), ("read",)):
        async with scene.client("else", *scopes, plugins=["lead"]) as client:
            # Not even with `read` what others asked.
            assert (await client.get(ASKS)).json()["asks"] == []


async def test_rules_are_replaced_as_a_whole(admin: httpx.AsyncClient) -> None:
    rules = {
        "rules": [{"name": "night", "strategy": "cheapest", "when": {"hours": [22, 6]}}],
        "default": "cheapest",
    }
    put = (await admin.put("/api/v1/agent-rules", json=rules)).json()

    assert put == {**rules, "strategies": ["cheapest", "weighted"]}
    assert (await admin.get("/api/v1/agent-rules")).json() == put
    refused = await admin.put("/api/v1/agent-rules", json={"rules": [], "default": "best"})
    assert (*kind(refused), refused.json()["path"]) == (400, "invalid-arguments", "default")
    refused = await admin.put("/api/v1/agent-rules", json={"rules": [{"name": "a"}]})
    assert (*kind(refused), refused.json()["path"]) == (400, "invalid-arguments", "rules[0]")


async def test_budgets_are_set_listed_and_removed(admin: httpx.AsyncClient) -> None:
    budgets = "/api/v1/agent-budgets"
    every = (await admin.put(f"{budgets}/*/day", json={"limit": 5})).json()
    one = (await admin.put(f"{budgets}/summarize/hour", json={"limit": 0.5})).json()

    assert (every["capability"], every["period"], every["limit"]) == ("*", "day", 5.0)
    assert (await admin.get(budgets)).json() == [every, one]
    assert (await admin.delete(f"{budgets}/%2A/day")).status_code == 204
    assert kind(await admin.delete(f"{budgets}/*/day")) == (404, "not-found")
    for path, body in (("/*/year", {"limit": 1}), ("/*/day", {"limit": -1}), ("/*/day", {})):
        refused = await admin.put(f"{budgets}{path}", json=body)
        assert kind(refused) == (400, "invalid-arguments")


async def test_two_versions_are_tried_beside_each_other(admin: httpx.AsyncClient) -> None:
    trial = f"{AGENTS}/lead/trial"
    assert kind(await admin.get(trial)) == (404, "not-found")
    put = (await admin.put(trial, json={"version": "0.9.0", "share": 0.25})).json()

    assert (put["other"]["version"], put["share"], put["confidence"]) == ("0.9.0", 0.25, 0.95)
    assert (await admin.get(trial)).json() == put
    refused = await admin.put(trial, json={"version": "0.9.0", "share": 2})
    assert (*kind(refused), refused.json()["path"]) == (400, "invalid-arguments", "share")
    assert (await admin.delete(trial)).json() == put
    assert kind(await admin.delete(trial)) == (404, "not-found")


async def test_a_question_is_carried_out_once_under_its_key(
    admin: httpx.AsyncClient, scene: Scene
) -> None:
    body = {"capability": "summarize", "input": 1}
    headers = {"Idempotency-Key": "once"}
    first = await admin.post(ASK, json=body, headers=headers)
    again = await admin.post(ASK, json=body, headers=headers)

    assert first.json() == again.json()
    assert len(scene.oracles.put) == 1
