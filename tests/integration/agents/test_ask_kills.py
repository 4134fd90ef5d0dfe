"""Questions, and a host that is killed in the middle: what it held is spent, and never more."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from agents import ASK
from hosts import fake_host
from killed_asks import LIMIT
from wardian.agents.budgets.books import BudgetNeeds
from wardian.agents.budgets.budget_book import AgentBudgets
from wardian.agents.money import nanos
from wardian.errors import BudgetExceeded
from wardian.storage.rows import now

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("on_both_databases")]

TESTS = Path(__file__).parents[2]
LEASE = timedelta(seconds=30)


async def _killed(folder: Path, log: Path) -> None:
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(TESTS), *filter(None, sys.path)])
    }
    command = [sys.executable, str(TESTS / "killed_asks.py"), str(folder), str(log)]
    done = await asyncio.to_thread(subprocess.run, command, env=environment, check=False)
    assert done.returncode == -signal.SIGKILL


async def test_what_a_killed_host_held_for_questions_is_spent_and_what_it_answered_is_charged(
    tmp_path: Path,
) -> None:
    folder, log = tmp_path / "data", tmp_path / "log"
    await _killed(folder, log)
    answered = [float(line) for line in log.read_text().split()]

    async with fake_host(folder, {ASK: _nothing}) as made:
        [before] = await made.host.agents.budgets.get()
        later = AgentBudgets(
            made.parts.journal,
            BudgetNeeds(
                database=made.parts.database, lease=LEASE, now=lambda: now() + timedelta(hours=1)
            ),
        )
        await later.tend()
        [after] = await later.get()
        with pytest.raises(BudgetExceeded):
            await later.reserve("default", "summarize", nanos(LIMIT - after.spent) + 1)
        known = await made.host.agents.asks()

    assert before.held > 0, "it was killed while it answered"
    assert before.spent + before.held <= LIMIT
    assert (after.held, round(after.spent, 6)) == (0.0, round(before.spent + before.held, 6))
    assert sum(answered) <= after.spent
    ended = [each for each in known.asks if each.ending == "answered"]
    lost = [each for each in known.asks if each.ending == "lost"]
    assert len(ended) >= len(answered), "what was answered is written down"
    assert lost, "what was not is told of"
    assert {(each.agent, each.cost, each.attempts == []) for each in lost} == {("one", 1.0, True)}
    assert len({each.id for each in known.asks}) == len(known.asks) == 20


async def _nothing(arguments: object, answer: object) -> None:
    return None
