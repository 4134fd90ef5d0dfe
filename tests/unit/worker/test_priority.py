"""Priorities of workers"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from wardian.worker.priority import BESIDE_NICE, Priority, lower


@contextmanager
def process(niceness: int) -> Iterator[int]:
    """A process that is this nice, and waits until it is told to end."""
    code = "import sys; sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE) as made:
        os.setpriority(os.PRIO_PROCESS, made.pid, niceness)
        yield made.pid


@pytest.mark.parametrize("niceness", [BESIDE_NICE + 1, 19])
def test_whoever_is_nicer_already_stays_so(niceness: int) -> None:
    with process(niceness) as pid:
        lower(pid, Priority.BESIDE)
        assert os.getpriority(os.PRIO_PROCESS, pid) == niceness
