"""A host that does jobs: ``killed_jobs.py FOLDER LOG HOURS [kill]``.

Its clock stands so many hours after noon. Each call is a line of LOG, the number that it was asked
with, written before the host knows; with ``kill``, the host kills itself at number 0.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hosts import fake_host
from jobs import jobbing_of
from schedules import Clock


async def main(folder: Path, log: Path, hours: float, *, kill: bool) -> None:
    file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    async def run(arguments: Mapping[str, Any], answer: Any) -> int:
        number: int = arguments["number"]
        os.write(file, f"{number}\n".encode())
        if kill and number == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return number

    clock = Clock()
    clock.goes_on(hours=hours)
    async with fake_host(folder, {"run": run}) as made:
        await jobbing_of(made.parts, clock, at_once=4, tenant_at_once=4).dispatcher.run_waiting()


if __name__ == "__main__":
    asyncio.run(
        main(Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]), kill=len(sys.argv) > 4)
    )
