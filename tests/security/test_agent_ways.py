"""No way round: an agent answers what it is asked through the host, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from agents import ASK, agent, agents_host, asked
from fakes import Body
from hosts import fake_host
from wardian.errors import Forbidden, GuestError, NotFound, Trap
from wardian.runtime.batches import BatchCall, BatchOrder
from wardian.runtime.executor.job import HostCalls
from wardian.runtime.jobs.orders import JobOrder

pytestmark = pytest.mark.anyio

CALLING = """
[[permissions]]
permission = "plugins:call:*"
reason = "Calls others."
"""


async def test_an_agent_is_not_called_past_its_budget_and_its_record(tmp_path: Path) -> None:
    async with agents_host(tmp_path, agent("one", per_call=1.0)) as host:
        await host.agents.budgets.set("default", "*", "ever", 0.0)
        for name in (ASK, "ask"):
            with pytest.raises(Forbidden, match="POST /api/v1/agents/ask"):
                await host.call("one", name, asked("x"))
            with pytest.raises(Forbidden, match="wardian agents ask"):
                await host.jobs.submit(JobOrder(plugin="one", function=name, arguments=asked("x")))
        calls = [BatchCall(plugin="one", function=ASK, arguments=asked("x"))]
        [ended] = await host.batch(BatchOrder(calls=calls))
        offers = await host.offers.all("default", ["*"])

    assert isinstance(ended.error, Forbidden)
    assert [(each.plugin, dict(each.functions), each.answers) for each in offers] == [
        ("one", {}, ("summarize",))
    ]


async def test_a_key_that_may_not_call_an_agent_learns_no_more_than_that(tmp_path: Path) -> None:
    guarded = agent("one", above='required_scopes = ["texts"]')
    async with agents_host(tmp_path, guarded) as host:
        with pytest.raises(Forbidden, match="lacks texts"):
            await host.call("one", ASK, asked("x"), scopes=["call"])


async def test_a_key_for_other_plugins_does_not_learn_who_answers_nor_what_for(
    tmp_path: Path,
) -> None:
    scopes = ["call", "plugin:other"]
    told: set[str] = set()
    async with agents_host(tmp_path, agent("hidden"), agent("secret", id_=1)) as host:
        for capability in ("summarize", "unknown"):  # one answer for what is offered and what not
            with pytest.raises(NotFound) as caught:
                await host.agents.ask(capability, "x", scopes=scopes)
            explained = await host.agents.explain(capability, "x", scopes=scopes)
            assert explained.candidates == []
            told |= {
                text.replace(capability, "…") for text in (str(caught.value), explained.why_none)
            }
        only = await host.agents.explain("summarize", "x", scopes=["call", "plugin:hidden"])

    assert told == {"No agent that may be asked here offers '…'."}
    assert [each.agent for each in only.candidates] == ["hidden"]


async def test_no_plugin_calls_an_agent_past_the_host(tmp_path: Path) -> None:
    refusals: list[Any] = []

    async def run(arguments: Mapping[str, Any], answer: HostCalls) -> Any:
        given = ["summarize", "*", ASK, json.dumps(asked("x"))]
        refusals.append(await answer("plugins", "call", given))

    async with fake_host(tmp_path, {"run": run, ASK: _answers()}) as made:
        await made.host.install(agent("one"))
        await made.host.install(agent("caller", more=CALLING, id_=1), grants="all")
        await made.host.call("caller", "run", {})

    assert "denied" in json.dumps(refusals, default=str)


async def test_what_an_agent_asks_in_its_second_attempt_is_within_its_ceiling_too(
    tmp_path: Path,
) -> None:
    fails = ["first"]

    async def run(arguments: Mapping[str, Any], answer: HostCalls) -> Any:
        if arguments["question"]["capability"] == "cheap":
            return _said("dear")
        if fails:
            raise Trap(fails.pop())
        found = await answer("agents", "ask", ["cheap", "1", None])
        if found["tag"] == "err":
            raise GuestError(payload=found["val"]["val"])
        return _said("asked")

    retry = (
        f'[[enhancements]]\nfunction = "{ASK}"\n'
        'retry = { attempts = 3, on = ["trap"], backoff_seconds = 0 }\n'
    )
    more = '[[permissions]]\npermission = "agents:ask:*"\nreason = "Asks."\n' + retry
    async with fake_host(tmp_path, {ASK: run}) as made:
        await made.host.install(agent("cheap", "cheap", per_call=5.0, id_=1))
        await made.host.install(agent("outer", per_call=1.0, more=more, id_=2), grants="all")
        criteria = {"ceilings": {"cost": 2.0}, "fallback": 0}
        with pytest.raises(GuestError, match="ceiling"):
            await made.host.agents.ask("summarize", "x", criteria=criteria)
        asks = (await made.host.agents.asks()).asks

    assert not fails, "it was tried twice"
    assert sum(each.cost for each in asks) <= 2.0


def _answers() -> Body:
    async def run(arguments: Mapping[str, Any], answer: HostCalls) -> Any:
        return _said("said")

    return run


def _said(text: str, **more: Any) -> dict[str, Any]:
    return {"output": json.dumps(text), "units": 0, "confidence": None, "cacheable": False} | more
