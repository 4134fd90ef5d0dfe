"""A host that sees agents answer and is killed: ``killed_measures.py FOLDER``.

Ten answers are written down; of five more the host has nothing written when it kills itself.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from hosts import fake_host
from registered import ASKED, agent_package, ask, one, registry_of
from wardian.agents.candidates import Ending, Outcome

WRITTEN = 10


async def main(folder: Path) -> None:
    async with fake_host(folder, ASKED) as made:
        await made.host.install(agent_package("lead"))
        registry = registry_of(made)
        candidate = await one(registry, "lead")
        for _ in range(WRITTEN):
            ask(registry, candidate)
        registry.begin("default", candidate)
        await registry.sync()
        for _ in range(5):
            ask(registry, candidate)
        registry.end("default", candidate, Outcome(ending=Ending.FAILED, latency_ms=1.0))
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
