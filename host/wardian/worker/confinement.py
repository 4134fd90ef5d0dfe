"""What a worker gives up before it meets anybody's code.

``Confinement.prepare`` does once, in the zygote, all that children inherit and all that can be
made in advance. A child then takes three steps, each of which only takes away:

* ``enter``, right after the fork: no descriptors but its own, limits, Landlock; a compiler's filter
  on system calls.
* ``seal``, when its engine runs and it is ready for work: a worker's filter.
* ``settle``, when its first component is loaded: what calls of that level do not need either.
"""

from __future__ import annotations

import gc
import os
import resource
import signal
from dataclasses import dataclass
from pathlib import Path

from wardian.worker import kernel, namespaces
from wardian.worker.landlock import Ruleset
from wardian.worker.landlock import abi as landlock_abi
from wardian.worker.pages import protect_code
from wardian.worker.profiles import Profile
from wardian.worker.protections import Protections
from wardian.worker.seccomp import Filters
from wardian.worker.seccomp import available as filters_available

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_NO_NEW_PRIVS = 38

MAX_DESCRIPTORS = 64
ALL_DESCRIPTORS = 1 << 20
"""More than a process may have; the kernel closes a range at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Kernel limits of one process.

    Attributes:
        memory_bytes: private memory that it may write to beyond what it has mapped already. Linear
            memories become that as they grow; the address space that is merely reserved for them
            does not count.
        file_bytes: size of a file that it writes.
        cpu_seconds: of all its threads.
    """

    memory_bytes: int
    file_bytes: int
    cpu_seconds: int | None = None


class Confinement:
    """The confinement of one zygote's children.

    Attributes:
        protections: what of it the kernel grants.
        statm: a descriptor on this process's ``/proc/self/statm``, once it has entered.
    """

    def __init__(
        self,
        protections: Protections,
        proc: int,
        filters: Filters | None,
        files: Ruleset | None,
        no_files: Ruleset | None,
    ) -> None:
        self.protections = protections
        self.statm = -1
        self._zygote = os.getpid()
        self._proc = proc
        self._filters = filters
        self._files = files
        self._no_files = no_files
        self._settled = False

    @classmethod
    def prepare(cls, code: Path) -> Confinement:
        """Confine this process as far as it can bear, and make ready what its children take.

        ``code`` is the directory of compiled code, which workers may read. What the kernel does
        not grant is left out, and missing in ``protections``. The process must have one thread.
        """
        protect_code()
        proc = os.open("/proc", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        os.environ.clear()
        _limit(resource.RLIMIT_CORE, 0)
        _limit(resource.RLIMIT_NOFILE, MAX_DESCRIPTORS)
        kernel.prctl(_PR_SET_NO_NEW_PRIVS, 1)
        entered = namespaces.enter(code)
        no_capabilities = namespaces.drop_capabilities()
        kernel.prctl(_PR_SET_DUMPABLE, 0)
        landlock = landlock_abi() > 0
        files = Ruleset(code) if landlock else None
        filters = Filters() if filters_available() else None
        protections = Protections(
            seccomp=filters is not None,
            landlock_abi=files.abi if files else 0,
            network_namespace=entered.network,
            mount_namespace=entered.files,
            no_capabilities=no_capabilities,
        )
        return cls(protections, proc, filters, files, Ruleset(None) if landlock else None)

    def enter(self, bounds: Bounds, keep: set[int], *, compiles: bool) -> None:
        """Confine this process, a child of the one that prepared, for good.

        It dies with its parent, cannot gain privileges, leaves no core dump (a guest's data could
        be in it), and cannot be looked into by others of the same user. Of its descriptors it has
        ``keep``, the standard three, and ``statm``.
        """
        kernel.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != self._zygote:
            os._exit(0)  # the parent died before it could take this child along
        self.statm = os.open("self/statm", os.O_RDONLY | os.O_CLOEXEC, dir_fd=self._proc)
        files = self._no_files if compiles else self._files
        if files is not None:
            files.restrict()
        _close_others({*keep, self.statm})
        _limit(resource.RLIMIT_FSIZE, bounds.file_bytes)
        _limit(resource.RLIMIT_DATA, self._mapped_bytes() + bounds.memory_bytes)
        if bounds.cpu_seconds is not None:
            _limit(resource.RLIMIT_CPU, bounds.cpu_seconds)
        if compiles:
            self._install(Profile.COMPILER)
        gc.freeze()

    def seal(self) -> None:
        """Hold this worker to the system calls that calls need; its engine and clock run."""
        self._install(Profile.WORKER)

    def settle(self, *, alone: bool) -> None:
        """Take away what this worker's calls do not need, before the first of them runs.

        ``alone``: it is the only one, its component is loaded, and has no WASI.
        """
        if not self._settled:
            self._install(Profile.ALONE if alone else Profile.SHARED)
            self._settled = True

    def _mapped_bytes(self) -> int:
        """Return what this process may write to now: its own data, and tables of the pool."""
        return int(os.pread(self.statm, 128, 0).split()[5]) * resource.getpagesize()

    def _install(self, profile: Profile) -> None:
        if self._filters is not None:
            self._filters.install(profile)


def _close_others(keep: set[int]) -> None:
    """Close all that was inherited: one may be far above the limit, which came after it."""
    first = 3
    for descriptor in sorted(keep):
        os.closerange(first, descriptor)
        first = max(first, descriptor + 1)
    os.closerange(first, ALL_DESCRIPTORS)


def _limit(which: int, value: int) -> None:
    _, hard = resource.getrlimit(which)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(which, (value, value))
