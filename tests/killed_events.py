"""A host that handles events and may kill itself: ``killed_events.py FOLDER LOG [AFTER]``.

Each event that its plugin handles is a line of LOG, written before the host knows. After AFTER of
them the host kills itself; without, it ends once nothing waits.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from guests.handlers import HANDLE
from hosts import fake_host


async def main(folder: Path, log: Path, after: int = 0) -> None:
    file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    handled = 0

    async def handle(arguments: Mapping[str, Any], answer: Any) -> None:
        nonlocal handled
        event = arguments["event"]
        os.write(file, f"{event['key']} {event['data']}\n".encode())
        handled += 1
        if handled == after:
            os.kill(os.getpid(), signal.SIGKILL)

    async with (
        fake_host(folder, {HANDLE: handle}, event_lease_seconds=1.0) as made,
        made.parts.delivering.kept(),
    ):
        while any(each.queued for each in await made.host.deliveries.subscribers()):
            await asyncio.sleep(0.05)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:])))
