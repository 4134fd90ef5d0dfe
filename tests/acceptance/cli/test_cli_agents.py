"""Agents from the command line."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from apis import serving
from commands import Answered, CommandLine
from hosts import WASM, FakeHost, fake_host
from oracles import Oracles, breaks, echoes
from packages import package
from wardian.agents.questions import OnPiece, Piece
from wardian.agents.routing.strategies import NAMES
from wardian.cli.client import Client
from wardian.plugins.agents import AGENT_ASK
from wardian.settings import Settings

pytestmark = pytest.mark.anyio

Run = Callable[..., Awaitable[Answered]]

LEAD = 'category = "ai_agent"\ncapabilities = ["summarize@1.0.0"]'
ESCAPE = "\x1b[2J\u202e"


async def speaks(question: Any, on_piece: OnPiece | None) -> Any:
    """Answer in pieces, if anybody listens, with what would steer a terminal in them."""
    said = f"One{ESCAPE}.\nTwo."
    if on_piece is not None:
        for each in (said[:5], said[5:]):
            await on_piece(Piece(text=each, agent="speaker"))
    return said


async def stumbles(question: Any, on_piece: OnPiece | None) -> Any:
    """Answer after another one began to."""
    assert on_piece is not None
    await on_piece(Piece(text="Ha", agent="first"))
    await asyncio.sleep(0)  # so that it is told
    await on_piece(Piece(text="", agent="second", restarted=True))
    return {"text": "whole"}


@pytest.fixture
async def agents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Run]:
    """The command line of an administrator of a host with agents."""
    async with fake_host(tmp_path) as made:
        oracles = made.host.agents = Oracles()  # type: ignore[assignment]
        for name, answers, capability in (
            ("lead", echoes, "summarize"),
            ("rank", echoes, "summarize"),
            ("speaker", speaks, "speak"),
            ("second", stumbles, "stumble"),
            ("broken", breaks, "count"),
        ):
            oracles.add(name, answers, capability)
        async with administering(made, tmp_path, monkeypatch) as run:
            yield run


@pytest.fixture
async def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Run]:
    """The command line of an administrator of a host with an agent that is installed."""
    async with fake_host(tmp_path, {AGENT_ASK: echoes}) as made:
        await made.host.install(package("lead", WASM, LEAD))
        async with administering(made, tmp_path, monkeypatch) as run:
            yield run


@asynccontextmanager
async def administering(
    made: FakeHost, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Run]:
    key = await made.host.keys.create("admin", ["admin"], "default")
    async with serving(made.host, Settings(data_dir=folder)) as (address, port):
        monkeypatch.setenv("WARDIAN_URL", f"http://{address}:{port}")
        monkeypatch.setenv("WARDIAN_API_KEY", key.token)
        line = CommandLine()

        async def run(*arguments: object, stdin: str | None = None) -> Answered:
            return await asyncio.to_thread(line, "agents", *arguments, stdin=stdin)

        yield run


async def test_agents_are_listed_and_shown(agents: Run) -> None:
    listed = await agents("list", "summarize")
    shown = await agents("show", "lead")
    none = await agents("list", "--tag", "slow")

    assert [row.split()[0] for row in listed.out.splitlines()[1:]] == ["lead", "rank"]
    assert "0.75" in listed.out
    assert "0.5 and 0.001 a token" in shown.out
    assert "0.50 to 0.90" in shown.out
    assert none.out == "There are no such agents.\n"
    assert (await agents("list", "--json")).json["agents"][0]["name"] == "lead"


async def test_an_agent_is_told_otherwise_than_its_manifest(agents: Run) -> None:
    changed = await agents("set", "lead", "priority=80", "paused=true", "tags=a,b", "--json")
    again = await agents("set", "lead", "cost.per_call=0.01", "priority=default", "--json")

    assert (changed.json["priority"], changed.json["paused"]) == (80, True)
    assert changed.json["tags"] == ["a", "b"]
    assert again.json["overridden"] == ["cost", "priority"]
    assert "paused" in (await agents("list")).out
    for wrong in ("priority", "size=3", "paused=default", "cost.unit=x"):
        refused = await agents("set", "lead", wrong, "--json")
        assert (refused.code, refused.json["error"]["type"]) == (1, "invalid-arguments")


async def test_what_somebody_else_changes_meanwhile_is_not_overwritten(
    installed: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = Client.get_to_change

    def read_and_overtaken(client: Client, path: str) -> Any:
        found = reads(client, path)
        client.send("PATCH", path, {"limits": {"units": 7}})
        return found

    monkeypatch.setattr(Client, "get_to_change", read_and_overtaken)
    refused = await installed("set", "lead", "limits.concurrent=3", "--json")

    assert (refused.code, refused.json["error"]["type"]) == (1, "precondition-failed")
    assert (await installed("show", "lead", "--json")).json["limits"]["units"] == 7


async def test_a_question_is_asked_and_says_who_answered(agents: Run, tmp_path: Path) -> None:
    (tmp_path / "question.json").write_text('{"text": "…"}')
    whole = await agents("ask", "summarize", f"@{tmp_path}/question.json", "--json")
    text = await agents("ask", "summarize", "-", "--text", stdin="Not JSON")
    criteria = '{"ceilings": {"cost": 1}}'
    ranked = await agents("ask", "summarize", "1", "--criteria", criteria, "--strategy", "fastest")

    assert whole.json["output"] == {"text": "…"}
    assert whole.json["usage"]["plugin"] == "lead"
    assert text.out == "Not JSON\n"
    assert "lead 1.0.0 (weighted): 12 ms, 3 of token, cost 0.5; the question ask-1" in text.err
    assert ranked.code == 0


async def test_an_answer_is_printed_while_it_is_made_and_once(agents: Run) -> None:
    told = await agents("ask", "speak", "1", "--stream")
    lines = await agents("ask", "speak", "1", "--stream", "--json")
    stumbled = await agents("ask", "stumble", "1", "--stream")
    quiet = await agents("ask", "summarize", '"Hi"', "--stream")

    assert told.out == "One\\x1b[2J\\u202e.\nTwo.\n"
    events = [json.loads(line) for line in lines.out.splitlines()]
    assert [each["event"] for each in events] == ["piece", "piece", "answer"]
    assert "second answers from the start." in stumbled.err
    assert stumbled.out.endswith('{\n  "text": "whole"\n}\n')
    assert quiet.out == "Hi\n"


@pytest.mark.parametrize("more", [(), ("--stream",)])
async def test_a_question_that_is_not_answered_says_why(agents: Run, more: tuple[str]) -> None:
    failed = await agents("ask", "count", "1", *more)
    as_json = await agents("ask", "count", "1", *more, "--json")

    assert failed.code == 1
    assert failed.err == "error: None of them answered.\nIt cost 0.5; the question ask-0\n"
    assert (as_json.code, as_json.json["error"]["type"]) == (1, "agent-unavailable")
    wrong = await agents("ask", "count", "{", *more, "--json")
    assert (wrong.code, wrong.json["error"]["type"]) == (1, "invalid-arguments")


async def test_the_choice_is_explained(agents: Run) -> None:
    shown = await agents("explain", "summarize")

    assert shown.out.startswith("lead would be asked (weighted).\n")
    assert "It scores less." in shown.out
    assert (await agents("explain", "summarize", "--json")).json["chosen"] == "lead"


async def test_questions_are_listed_shown_and_judged(agents: Run) -> None:
    for _ in range(2):
        await agents("ask", "summarize", "1")
    page = await agents("asks", "--limit", 1, "--json")
    rest = await agents("asks", "--before", page.json["next"])
    ask_id = page.json["asks"][0]["id"]
    judged = await agents("feedback", ask_id, "--score", 0.5, "--comment", f"Short{ESCAPE}")
    shown = await agents("asks", ask_id)

    assert len(rest.out.splitlines()) == 2
    assert "Short\\x1b" in judged.out
    assert "answered" in shown.out
    assert "0.50" in shown.out
    refused = await agents("feedback", ask_id, "--json")
    assert refused.json["error"]["type"] == "invalid-arguments"


async def test_rules_are_shown_and_replaced_by_what_was_shown(agents: Run) -> None:
    rules = '{"rules": [{"name": "night", "strategy": "cheapest", "when": {"hours": [22, 6]}}]}'
    put = await agents("rules", "--set", rules, "--json")
    again = await agents("rules", "--set", "-", "--json", stdin=put.out)

    assert put.json["rules"][0]["name"] == "night"
    assert again.json == put.json
    assert "cheapest" in (await agents("rules")).out


async def test_budgets_are_shown_set_and_removed(agents: Run) -> None:
    none = await agents("budget")
    put = await agents("budget", "*", "day", "2.5")
    gone = await agents("budget", "*", "day", "none", "--json")

    assert none.out == "There is no budget: nothing bounds what agents cost.\n"
    assert "2.5" in put.out
    assert gone.json == {"budgets": []}
    for wrong in (("*",), ("*", "day", "much"), ("*", "year", "1"), ("*", "day", "-1")):
        refused = await agents("budget", "--json", *wrong)
        assert (refused.code, refused.json["error"]["type"]) == (1, "invalid-arguments"), wrong


async def test_a_budget_below_nothing_is_refused_and_is_no_option(agents: Run) -> None:
    for limit in ("-1", "-0.5", "nan", "inf"):
        refused = await agents("budget", "*", "day", limit)
        assert refused.code == 1
        assert f"'{limit}' is no amount" in refused.err
    assert "--jsno" in (await agents("budget", "*", "day", "-1", "--jsno")).err


async def test_every_strategy_is_named_where_one_is_asked_for(agents: Run) -> None:
    for command in ("ask", "explain"):
        shown = (await agents(command, "--help")).out
        assert all(name in shown for name in NAMES)


async def test_a_trial_is_begun_shown_and_ended(agents: Run) -> None:
    begun = await agents("trial", "lead", "0.9.0", "--share", 0.25, "--json")
    shown = await agents("trial", "lead")

    assert begun.json["share"] == 0.25
    assert "25% of questions go to 0.9.0" in shown.out
    assert "There is not enough to tell." in shown.out
    assert (await agents("trial", "lead", "0.9.0", "--stop", "--json")).code == 1
    assert (await agents("trial", "lead", "--stop")).code == 0
    assert (await agents("trial", "lead", "--json")).json["error"]["type"] == "not-found"
