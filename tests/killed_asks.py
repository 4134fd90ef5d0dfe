"""A host that asks agents and is killed: ``killed_asks.py FOLDER LOG``.

It puts twenty questions at once, each of which may cost 1. What each answer has cost is a line of
LOG, written when its asker has it. The host kills itself in the middle of the fifth answer.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any

from agents import ASK, agent
from hosts import fake_host
from wardian.errors import BudgetExceeded

PACKAGE = agent("one", per_unit=0.1, limits="units = 10\nconcurrent = 100")
LIMIT = 12.0


async def main(folder: Path, log: Path) -> None:
    file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    calls, answered = count(1), asyncio.Event()

    async def run(arguments: Mapping[str, Any], answer: Any) -> Any:
        if next(calls) == 5:
            await answered.wait()
            os.kill(os.getpid(), signal.SIGKILL)
        return {"output": "1", "units": 4, "confidence": None, "cacheable": False}

    async with fake_host(folder, {ASK: run}) as made:
        agents = made.host.agents
        await made.host.install(PACKAGE)
        await agents.budgets.set("default", "*", "ever", LIMIT)

        async def ask() -> None:
            try:
                answer = await agents.ask("summarize", 1)
            except BudgetExceeded:
                return
            os.write(file, f"{answer.cost}\n".encode())
            answered.set()

        await asyncio.gather(*(ask() for _ in range(20)))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2])))
