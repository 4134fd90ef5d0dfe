"""A host that runs what is due and may kill itself: ``killed_schedule.py FOLDER LOG HOURS [kill]``.

Its clock stands so many hours after noon. Each call of the plugin is a line of LOG, written before
the host knows; with ``kill``, the host kills itself after the first.
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
from schedules import Clock, scheduling_of


async def main(folder: Path, log: Path, hours: float, *, kill: bool) -> None:
    file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    async def run(arguments: Mapping[str, Any], answer: Any) -> None:
        os.write(file, f"{hours}\n".encode())
        if kill:
            os.kill(os.getpid(), signal.SIGKILL)

    clock = Clock()
    clock.goes_on(hours=hours)
    async with fake_host(folder, {"run": run}) as made:
        await scheduling_of(made.parts, clock).scheduler.run_due()


if __name__ == "__main__":
    asyncio.run(
        main(Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]), kill=len(sys.argv) > 4)
    )
