"""A host that makes calls until it is killed: ``killed_calls.py FOLDER [STEP TIME]``.

An ``r`` is written to standard output when a call runs, an ``a`` when it has been answered. With a
step of a fold, it kills itself when it reaches that for the given time.
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

CALLERS = 4
BEFORE_A_FOLD = 5


def say(letter: bytes) -> None:
    os.write(sys.stdout.fileno(), letter)


async def run(arguments: Mapping[str, Any], answer: Any) -> None:
    say(b"r")
    await asyncio.sleep(0)


async def main(folder: Path, step: str = "", time: int = 1) -> None:
    times = iter(range(1, time + 1))

    def killing(*reached: str) -> None:
        if reached == ("fold", step) and next(times) == time:
            os.kill(os.getpid(), signal.SIGKILL)

    async with fake_host(folder, {"run": run}) as made:
        made.parts.steps.watch(killing)
        accounts = made.parts.accounts

        async def call() -> None:
            while True:
                for _ in range(BEFORE_A_FOLD):
                    await made.host.call("stores", "run", {})
                    say(b"a")
                await accounts.folding.flush()

        await asyncio.gather(*(call() for _ in range(CALLERS)))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), *sys.argv[2:3], *map(int, sys.argv[3:])))
