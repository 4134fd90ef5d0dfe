"""Questions that one host has just answered, as the others on its database know them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from agents import ASK, agent
from hosts import fake_host
from wardian.errors import NotFound

pytestmark = pytest.mark.anyio


async def _answer(arguments: Mapping[str, Any], answer: Any) -> Any:
    return {"output": "1", "units": 1, "confidence": None, "cacheable": False}


async def test_answer_can_be_looked_up_and_judged_at_once_on_another_host(
    tmp_path: Path, postgres_url: str
) -> None:
    async with AsyncExitStack() as stack:
        one, other = [
            await stack.enter_async_context(
                fake_host(tmp_path / name, {ASK: _answer}, database_url=postgres_url)
            )
            for name in ("one", "other")
        ]
        await one.host.install(agent("one"))
        looked_up = await one.host.agents.ask("summarize", 1)
        found = await other.host.agents.asked("default", looked_up.id)
        judged = await one.host.agents.ask("summarize", 2)
        given = await other.host.agents.feedback.give("default", judged.id, score=1.0, by="ada")

        assert (found.id, given.ask) == (looked_up.id, judged.id)
        with pytest.raises(NotFound):
            await other.host.agents.asked("default", "of-nobody")
