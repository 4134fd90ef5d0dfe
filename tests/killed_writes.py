"""A host that writes two rows at a time until it is killed: ``killed_writes.py LOCATION``.

Each number is a line of its output once the two rows of it are committed.
"""

from __future__ import annotations

import asyncio
import os
import sys
from itertools import count
from pathlib import Path

from rows import journal_of
from wardian.storage import Database


async def main(location: str) -> None:
    where = location if "://" in location else Path(location)
    async with Database.open(where) as database:
        journal = journal_of(database)
        for number in count():
            async with journal.change("default", "test") as change:
                await change.note("granted", "stores", {"granted": [f"{location}-{number}"]})
            os.write(sys.stdout.fileno(), f"{number}\n".encode())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
