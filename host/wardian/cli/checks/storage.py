"""Where the host keeps what must last."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
from pathlib import Path

from wardian.bootstrap import COMPILED, DATABASE_NAME
from wardian.cli.checks.check import Check, Status
from wardian.errors import WardianError
from wardian.policy.limits import MIB
from wardian.settings import Settings
from wardian.storage import Database

FREE_BYTES_LEAST = 64 * MIB
FREE_BYTES_WANTED = 1024 * MIB
OLDEST_SQLITE = (3, 31)
"""The first with `trusted_schema`, which the database is opened without."""

_NETWORK_FILES = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "glusterfs", "fuse.sshfs"}


async def storage_checks(settings: Settings) -> list[Check]:
    """Look at the data directory, what is in it and below it."""
    return [
        _data_directory(settings.data_dir),
        _compiled_code(settings.data_dir / COMPILED),
        _sqlite(settings),
        await _database(settings),
        _disk(settings.data_dir),
    ]


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
    details = folder.stat()
    if details.st_uid != os.geteuid():
        advice = f"Give it to the user that runs the host: chown -R USER {folder}"
        return Check(name, Status.WEAK, f"{folder} belongs to user {details.st_uid}", advice)
    mode = stat.S_IMODE(details.st_mode)
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


def _sqlite(settings: Settings) -> Check:
    found = sqlite3.sqlite_version
    if settings.database_url is not None:
        return Check("SQLite", Status.OK, f"{found}, and not used: the database has a URL")
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        wanted = ".".join(map(str, OLDEST_SQLITE))
        advice = f"Use a Python whose SQLite is {wanted} or newer."
        return Check("SQLite", Status.FAILED, found, advice)
    kind = _filesystem(_existing(settings.data_dir))
    if kind in _NETWORK_FILES:
        advice = (
            "SQLite's write-ahead log is not safe across a network. Choose a data directory on a "
            "local disk, or set WARDIAN_DATABASE_URL."
        )
        return Check("SQLite", Status.WEAK, f"{found}, on a file system of kind {kind}", advice)
    return Check("SQLite", Status.OK, f"{found}, on a file system of kind {kind or 'unknown'}")


def _filesystem(path: Path) -> str:
    """The kind of the file system that ``path`` is on, as Linux calls it; empty if it hides it."""
    try:
        mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    except OSError:
        return ""
    device = path.stat().st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    kinds = [line.partition(" - ")[2].split()[0] for line in mounts if line.split()[2] == wanted]
    return kinds[-1] if kinds else ""


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
