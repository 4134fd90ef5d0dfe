"""Several processes on one SQLite file: what holds within one holds across them."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from rows import add_plugin
from wardian.storage import Database
from wardian.storage.kv import KvRepository

pytestmark = pytest.mark.anyio

WRITER = """
import asyncio, sys
from pathlib import Path
from wardian.storage import Database
from wardian.storage.kv import Entry, KvRepository, Quota, QuotaExceeded

async def main(path, plugin_id, number):
    async with Database.open(Path(path)) as database:
        for turn in range(25):
            try:
                async with database.transaction() as connection:
                    entries = KvRepository(connection, "default", plugin_id)
                    key = f"{number}-{turn}".encode()
                    await entries.put(key, Entry(b"x", None), Quota(bytes=10_000, keys=40))
            except QuotaExceeded:
                pass

asyncio.run(main(*sys.argv[1:]))
"""


async def test_writers_in_other_processes_cannot_pass_the_quota_together(tmp_path: Path) -> None:
    path = tmp_path / "test.db"
    async with Database.open(path) as database:
        row = await add_plugin(database)

        def write(number: int) -> int:
            command = [sys.executable, "-c", WRITER, str(path), row.id, str(number)]
            return subprocess.run(command, check=False).returncode

        codes = await asyncio.gather(*(asyncio.to_thread(write, number) for number in range(3)))

        assert codes == [0, 0, 0]
        async with database.reading() as connection:
            entries = KvRepository(connection, "default", row.id)
            assert len(await entries.keys(b"", None, 100)) == 40
            assert (await entries.usage())[1] == 40


async def test_starts_at_the_same_time_migrate_once(tmp_path: Path) -> None:
    code = (
        "import asyncio, sys; from pathlib import Path; from wardian.storage import Database\n"
        "async def main():\n"
        "    async with Database.open(Path(sys.argv[1])) as database:\n"
        "        assert await database.answers()\n"
        "asyncio.run(main())\n"
    )

    def start(_: int) -> int:
        command = [sys.executable, "-c", code, str(tmp_path / "test.db")]
        return subprocess.run(command, check=False).returncode

    codes = await asyncio.gather(*(asyncio.to_thread(start, number) for number in range(4)))

    assert codes == [0, 0, 0, 0]
