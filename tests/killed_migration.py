"""A start that is killed while it migrates: ``killed_migration.py LOCATION STEP``.

It ends itself when the migration number STEP, of those that it runs, is to be written down as done.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from itertools import count
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

from wardian.storage import Database


async def main(location: str, step: int) -> None:
    numbers = count(1)

    def killing(connection: Any, cursor: Any, statement: str, *more: Any) -> None:
        is_done = statement.startswith(("INSERT INTO alembic_version", "UPDATE alembic_version"))
        if is_done and next(numbers) == step:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(Engine, "before_cursor_execute", killing)
    async with Database.open(location if "://" in location else Path(location)):
        pass


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
