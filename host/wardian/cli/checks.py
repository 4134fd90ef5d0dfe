"""What a host needs of its machine, looked at one by one; nothing is changed."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import stat
import sys
import tempfile
import time
from enum import StrEnum
from pathlib import Path

import msgspec

from wardian.bootstrap import COMPILED, DATABASE_NAME
from wardian.errors import WardianError
from wardian.policy.levels import Level
from wardian.policy.limits import MIB
from wardian.runtime.executor.worker import spawn_worker
from wardian.runtime.executor.zygote import Zygote
from wardian.sandbox import Sandbox, wasmtime_version
from wardian.sandbox.abi import package_version
from wardian.settings import Settings
from wardian.storage import Database
from wardian.worker.confinement import Bounds
from wardian.worker.protections import (
    CAPABILITIES,
    FILES,
    LANDLOCK,
    NETWORK,
    SECCOMP,
    Protections,
)

FREE_BYTES_LEAST = 64 * MIB
FREE_BYTES_WANTED = 1024 * MIB
OLDEST_PYTHON = (3, 11)


class Status(StrEnum):
    """How a check came out."""

    OK = "ok"
    WEAK = "weak"
    """The host works, with less: the advice says how to have more."""
    FAILED = "failed"
    """The host does not work."""


class Check(msgspec.Struct, frozen=True):
    """One thing that was looked at."""

    name: str
    status: Status
    found: str
    advice: str = ""


async def all_checks(settings: Settings) -> list[Check]:
    """Look at everything, the machine first and then what these settings name."""
    return [
        _python(),
        _wasmtime(),
        _kernel(),
        _pidfd(),
        *await _workers(settings),
        *_toolchains(),
        _data_directory(settings.data_dir),
        _compiled_code(settings.data_dir / COMPILED),
        await _database(settings),
        _disk(settings.data_dir),
    ]


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
        return Check("Wasmtime", Status.FAILED, found, error.message)
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


async def _workers(settings: Settings) -> list[Check]:
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
            return [Check("workers", Status.FAILED, "none could be started", error.message)]
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


def _toolchains() -> list[Check]:
    return [
        _toolchain(
            "Python plugins",
            importlib.util.find_spec("componentize_py") is not None,
            "Install componentize-py (`pip install 'wardian[python]'`).",
        ),
        _toolchain(
            "TypeScript plugins",
            all(shutil.which(program) for program in ("node", "npm")),
            "Install Node 20 or newer, with npm.",
        ),
        _toolchain(
            "Rust plugins",
            shutil.which("cargo") is not None,
            "Install Rust with the target wasm32-wasip2.",
        ),
    ]


def _toolchain(name: str, there: bool, advice: str) -> Check:
    if there:
        return Check(name, Status.OK, "can be built here")
    return Check(name, Status.WEAK, "cannot be built here", advice)


def _data_directory(folder: Path) -> Check:
    name = "data directory"
    if not folder.exists():
        parent = _existing(folder)
        if not os.access(parent, os.W_OK | os.X_OK):
            advice = f"Make it, or let this user write to {parent}."
            return Check(name, Status.FAILED, f"{folder} cannot be made", advice)
        return Check(name, Status.OK, f"{folder} is made at the first start")
    if not folder.is_dir() or not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        advice = "Choose another with --data-dir, or let this user write to it."
        return Check(name, Status.FAILED, f"{folder} cannot be written to", advice)
    mode = stat.S_IMODE(folder.stat().st_mode)
    if mode & 0o077:
        advice = f"chmod 700 {folder}: who can write there owns the host, who can read, its data."
        return Check(name, Status.WEAK, f"{folder} is open to others ({mode:o})", advice)
    return Check(name, Status.OK, str(folder))


def _compiled_code(folder: Path) -> Check:
    name = "compiled code"
    try:
        found = folder.stat()
    except OSError:
        return Check(name, Status.OK, f"{folder} is made at the first start")
    if found.st_uid != os.geteuid():
        advice = f"Remove {folder}, or run the host as the user that it belongs to."
        return Check(name, Status.FAILED, f"it belongs to user {found.st_uid}", advice)
    mode = stat.S_IMODE(found.st_mode)
    if mode != stat.S_IRWXU:
        advice = "The next start makes it private."
        return Check(name, Status.WEAK, f"{folder} is open to others ({mode:o})", advice)
    return Check(name, Status.OK, f"{folder} is private")


async def _database(settings: Settings) -> Check:
    name = "database"
    path = settings.data_dir / DATABASE_NAME
    if settings.database_url is None and not path.exists():
        return Check(name, Status.OK, f"{path} is made at the first start")
    try:
        schema = await Database.survey(settings.database_url or path)
    except WardianError as error:
        advice = "Check WARDIAN_DATABASE_URL, and that this user can reach it."
        return Check(name, Status.FAILED, error.message, advice)
    if not schema.known:
        advice = "A newer version of Wardian has written it. Start that, or restore a backup."
        return Check(name, Status.FAILED, f"unknown schema {schema.revision!r}", advice)
    if schema.revision != schema.newest:
        found = f"schema {schema.revision}, brought to {schema.newest} at the next start"
        return Check(name, Status.OK, found)
    return Check(name, Status.OK, f"schema {schema.revision}, the newest")


def _disk(folder: Path) -> Check:
    free = shutil.disk_usage(_existing(folder)).free
    found = f"{free // MIB} MiB are free"
    advice = "Free some: packages, compiled code and the database grow there."
    if free < FREE_BYTES_LEAST:
        return Check("disk", Status.FAILED, found, advice)
    if free < FREE_BYTES_WANTED:
        return Check("disk", Status.WEAK, found, advice)
    return Check("disk", Status.OK, found)


def _existing(folder: Path) -> Path:
    return next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
