"""Whether workers can be started, and what holds them."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from wardian.cli.checks.check import Check, Status
from wardian.errors import WardianError
from wardian.policy.levels import Level
from wardian.policy.limits import MIB
from wardian.runtime.executor.worker import spawn_worker
from wardian.runtime.executor.zygote import Zygote
from wardian.settings import Settings
from wardian.worker.confinement import Bounds
from wardian.worker.protections import (
    CAPABILITIES,
    FILES,
    LANDLOCK,
    NETWORK,
    SECCOMP,
    Protections,
)


async def worker_checks(settings: Settings) -> list[Check]:
    """Start a zygote and a worker, and ask the kernel what holds them."""
    with tempfile.TemporaryDirectory(prefix="wardian-doctor-") as folder:
        zygote = Zygote(Path(folder))
        try:
            await zygote.start()
            started = time.perf_counter()
            worker = await spawn_worker(zygote, Bounds(memory_bytes=256 * MIB, file_bytes=0))
            took = time.perf_counter() - started
            worker.close()
        except WardianError as error:
            return [Check("workers", Status.FAILED, f"none starts: {error.message}", _NO_WORKER)]
        finally:
            await zygote.close()
    ready = Check("workers", Status.OK, f"one was confined and ready in {took * 1000:.1f} ms")
    return [ready, *_protections(zygote.protections, settings)]


def _protections(found: Protections, settings: Settings) -> list[Check]:
    missing = found.missing()
    weak = "run" if settings.allow_weak_isolation else "are refused"
    return [
        Check(
            name,
            Status.WEAK,
            "missing",
            f"Plugins of the level `{Level.ISOLATED}` {weak} without it. {advice}",
        )
        if name in missing
        else Check(name, Status.OK, f"ABI {found.landlock_abi}" if name == LANDLOCK else "in force")
        for name, advice in _ADVICE.items()
    ]


_NO_WORKER = (
    "Look at what stands above: the kernel, pidfd, processes and memory. In a container, allow "
    "what its seccomp profile withholds."
)
_NAMESPACES = (
    "Let this user make user namespaces (sysctl user.max_user_namespaces, "
    "kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns). In a "
    "container, start it with a seccomp profile that allows unshare, mount and pivot_root."
)
_ADVICE = {
    SECCOMP: "Use a kernel with CONFIG_SECCOMP_FILTER, on x86_64 or aarch64.",
    LANDLOCK: "Use Linux 5.13 or newer, with landlock among the modules that the boot parameter "
    "lsm= names.",
    NETWORK: _NAMESPACES,
    FILES: f"Use Linux 5.12 or newer, and not from its initial root. {_NAMESPACES}",
    CAPABILITIES: "Allow the system call capset.",
}
"""How to have each protection."""
