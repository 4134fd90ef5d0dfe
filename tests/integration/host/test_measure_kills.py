"""A host that is killed: what it had written down of agents is known, once and whole."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hosts import fake_host
from killed_measures import WRITTEN
from registered import ASKED, one, registry_of

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("on_both_databases")]

TESTS = Path(__file__).parents[2]


async def test_what_was_written_down_of_an_agent_outlives_a_kill(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(TESTS), *filter(None, sys.path)])
    }
    command = [sys.executable, str(TESTS / "killed_measures.py"), str(folder)]
    done = await asyncio.to_thread(subprocess.run, command, env=environment, check=False)
    assert done.returncode == -signal.SIGKILL

    async with fake_host(folder, ASKED) as made:
        registry = registry_of(made)
        found = await one(registry, "lead")
        assert found.asked == WRITTEN
        assert found.quality > 0.5
        async with registry.kept():
            await registry.sync()
        assert found.asked == WRITTEN
