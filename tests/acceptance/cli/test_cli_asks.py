"""What the command line shows of questions that real agents did not answer."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from agents import ASK, agent
from apis import serving
from commands import CommandLine
from hosts import fake_host
from wardian.errors import Trap
from wardian.settings import Settings

pytestmark = pytest.mark.anyio


async def _traps(arguments: Mapping[str, Any], answer: Any) -> Any:
    raise Trap("It trapped.")


async def test_question_that_nobody_answered_is_said_to_be_nobodys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with fake_host(tmp_path, {ASK: _traps}) as made:
        for name, cost in (("lead", 0.5), ("rank", 20.0)):
            await made.host.install(agent(name, per_call=cost))
        await made.host.agents.budgets.set("default", "*", "ever", 10.0)
        key = await made.host.keys.create("admin", ["admin"], "default")
        async with serving(made.host, Settings(data_dir=tmp_path)) as (address, port):
            monkeypatch.setenv("WARDIAN_URL", f"http://{address}:{port}")
            monkeypatch.setenv("WARDIAN_API_KEY", key.token)
            run = CommandLine()
            asked = await asyncio.to_thread(run, "agents", "ask", "summarize", "1")
            listed = await asyncio.to_thread(run, "agents", "asks")

    assert "lead: It trapped; rank: A question for summarize may cost 20" in asked.err
    (line,) = listed.out.splitlines()[1:]
    # Neither of the two has the column of who answered, and one of them was asked.
    assert line.split()[4:6] == ["admin", "agent-unavailable"]
    assert line.split()[-1] == "1"
