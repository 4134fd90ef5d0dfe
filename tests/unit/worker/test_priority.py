"""Priorities of processes, where the host itself has stepped back already."""

from __future__ import annotations

import subprocess
import sys

import pytest

from wardian.worker.priority import Priority

PROGRAM = """
import os
from wardian.worker.priority import Priority, be_nice, lower
os.nice(19)
be_nice(0, 10)
lower(os.getpid(), Priority.{priority})
"""


@pytest.mark.parametrize("priority", Priority)
def test_a_process_that_is_nicer_than_asked_is_no_error(priority: Priority) -> None:
    program = PROGRAM.format(priority=priority.name)

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)

    assert (done.returncode, done.stderr) == (0, b"")
