"""Who goes first when processors are short: a kernel knows processes, not tenants."""

from __future__ import annotations

import os
from enum import IntEnum

BESIDE_NICE = 10
"""A tenth of the processor time of a tenant's first call, when both want it."""


class Priority(IntEnum):
    """What a worker gets of the processors. It only ever falls: to raise it is a privilege."""

    FIRST = 0
    """As much as this host's other processes: a tenant has one such call."""

    BESIDE = 1
    """Less: a tenant's further calls, at the same time."""

    LONG = 2
    """What nobody else of the host wants: calls that compute for long."""


def lower(pid: int, priority: Priority) -> None:
    """Lower the priority of the main thread of a process.

    Raises:
        ProcessLookupError
    """
    if priority is Priority.LONG:
        os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0))
    elif priority is Priority.BESIDE:
        give_way(pid, BESIDE_NICE)


def give_way(pid: int, niceness: int) -> None:
    """Make a process this nice at least; one of a host that runs nicer stays as it is.

    Raises:
        ProcessLookupError
    """
    if os.getpriority(os.PRIO_PROCESS, pid) < niceness:
        os.setpriority(os.PRIO_PROCESS, pid, niceness)
