"""The machine, the process and the libraries."""

from __future__ import annotations

import os
import platform
import resource
import sys
from pathlib import Path

from wardian import __version__
from wardian.cli.checks.check import Check, Status
from wardian.cli.connections import connections_max, wanted_descriptors
from wardian.cli.environment import complaints
from wardian.errors import WardianError
from wardian.plugins.api_versions import OFFERED
from wardian.policy.levels import LEVELS, Level
from wardian.policy.limits import MIB
from wardian.sandbox import Sandbox, wasmtime_version
from wardian.sandbox.abi import package_version
from wardian.settings import Settings

OLDEST_PYTHON = (3, 11)
CONNECTIONS_WANTED = 1_000
WORKER_BYTES = 48 * MIB
"""What a worker takes beside the memory of its call."""

PROCESSES_BESIDE_WORKERS = 16

_CGROUP = Path("/sys/fs/cgroup")


def machine_checks(settings: Settings) -> list[Check]:
    """Look at what every host needs, whatever it keeps."""
    return [
        _wardian(),
        _python(),
        _wasmtime(),
        _kernel(),
        _pidfd(),
        _user(),
        _descriptors(),
        _processes(settings),
        _memory(settings),
        _environment(),
    ]


def _wardian() -> Check:
    offered = " and ".join(map(str, OFFERED))
    return Check("Wardian", Status.OK, f"{__version__}, with plugin API {offered}")


def _python() -> Check:
    found = f"{platform.python_implementation()} {platform.python_version()}"
    if sys.version_info < OLDEST_PYTHON:
        return Check("Python", Status.FAILED, found, "Use Python 3.11 or newer.")
    return Check("Python", Status.OK, found)


def _wasmtime() -> Check:
    found = f"{wasmtime_version()}, in the package {package_version()}"
    try:
        Sandbox().close()
    except WardianError as error:
        advice = "Install the package again, with the versions that it asks for."
        return Check("Wasmtime", Status.FAILED, f"{found}: {error.message}", advice)
    return Check("Wasmtime", Status.OK, found)


def _kernel() -> Check:
    found = f"{platform.system()} {platform.release()}, {platform.machine()}"
    if sys.platform != "linux":
        return Check("kernel", Status.FAILED, found, "Workers take Linux; use a virtual machine.")
    return Check("kernel", Status.OK, found)


def _pidfd() -> Check:
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (AttributeError, OSError) as error:
        advice = "Use Linux 5.3 or newer, and allow the system call pidfd_open in containers."
        return Check("pidfd", Status.FAILED, str(error), advice)
    return Check("pidfd", Status.OK, "processes are signalled by handle")


def _user() -> Check:
    if os.geteuid() == 0:
        advice = (
            "Run the host as a user of its own, without privileges. Workers have none either way, "
            "but the host's own process needs none."
        )
        return Check("user", Status.WEAK, "the host would run as root", advice)
    return Check("user", Status.OK, f"user {os.geteuid()}, without root's privileges")


def _descriptors() -> Check:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = wanted_descriptors(soft, hard)
    connections = connections_max(files)
    found = f"{files:,} files may be open, and {connections:,} connections"
    if connections < CONNECTIONS_WANTED:
        advice = (
            "Raise the hard limit: LimitNOFILE= in systemd, --ulimit nofile= in a container, "
            "nofile in /etc/security/limits.conf."
        )
        return Check("descriptors", Status.WEAK, found, advice)
    return Check("descriptors", Status.OK, found)


def _processes(settings: Settings) -> Check:
    most = _most_processes()
    if most is None:
        return Check("processes", Status.OK, "not limited")
    found = f"{most:,} at most, for {settings.workers_max} workers"
    if most < settings.workers_max + PROCESSES_BESIDE_WORKERS:
        advice = (
            "Raise the limit (TasksMax= and LimitNPROC= in systemd, --pids-limit in a container), "
            "or lower WARDIAN_WORKERS_MAX."
        )
        return Check("processes", Status.WEAK, found, advice)
    return Check("processes", Status.OK, found)


def _most_processes() -> int | None:
    limits = [_number(_CGROUP / "pids.max")]
    soft, _ = resource.getrlimit(resource.RLIMIT_NPROC)
    # The kernel does not hold root to this one.
    if soft != resource.RLIM_INFINITY and os.geteuid() != 0:
        limits.append(soft)
    return min((limit for limit in limits if limit is not None), default=None)


def _memory(settings: Settings) -> Check:
    available = _available_bytes()
    if available is None:
        return Check("memory", Status.OK, "unknown")
    each = LEVELS[Level.RESTRICTED].limits.memory_bytes + WORKER_BYTES
    wanted = settings.workers_max * each
    found = f"{available // MIB:,} MiB are available, for {settings.workers_max} workers"
    if available < wanted:
        advice = (
            f"Calls at the level `{Level.RESTRICTED}` may take {wanted // MIB:,} MiB at once: free "
            "some, or lower WARDIAN_WORKERS_MAX or WARDIAN_CALL_MEMORY_BYTES_MAX."
        )
        return Check("memory", Status.WEAK, found, advice)
    return Check("memory", Status.OK, found)


def _available_bytes() -> int | None:
    """What the machine has left, or the rest of this process's own cgroup if that is less."""
    found = []
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        found += [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")]
    except OSError:
        pass
    most, used = _number(_CGROUP / "memory.max"), _number(_CGROUP / "memory.current")
    if most is not None and used is not None:
        found.append(most - used)
    return min(found, default=None)


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):  # not there, or `max`
        return None


def _environment() -> Check:
    found = complaints(os.environ)
    if found:
        advice = "Correct the name, or unset the variable; it has no effect."
        return Check("environment", Status.WEAK, " ".join(found), advice)
    return Check("environment", Status.OK, "every WARDIAN_ variable is a setting")
