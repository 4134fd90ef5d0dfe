"""The data directory: claimed by one host, with its packages."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wardian.errors import HostUnusable
from wardian.plugins import PackageStore

DATABASE_NAME = "wardian.db"
LOCK_NAME = "host.lock"
PACKAGES = "packages"


@contextmanager
def claimed(folder: Path) -> Iterator[Path]:
    """Hold the data directory for this process: two hosts would sweep each other's files."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = (folder / LOCK_NAME).open("w")
    except OSError as exc:
        raise HostUnusable(
            f"The data directory {folder} cannot be written to: {exc.strerror}. Choose another "
            "with --data-dir or WARDIAN_DATA_DIR."
        ) from exc
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            raise HostUnusable(
                f"Another host is using the data directory {folder}; stop it, or choose another "
                "directory with --data-dir or WARDIAN_DATA_DIR."
            ) from exc
        yield folder.resolve()


def database_file(folder: Path) -> Path:
    """Return where the database is kept, which nobody but the host's own user may read."""
    path = folder / DATABASE_NAME
    try:
        path.touch(mode=0o600)
        path.chmod(0o600)  # of one that an older host has made, too
    except OSError as exc:
        raise HostUnusable(f"The database {path} cannot be written to: {exc.strerror}.") from exc
    return path


def package_store(folder: Path) -> PackageStore:
    try:
        return PackageStore(folder)
    except OSError as exc:
        raise HostUnusable(
            f"The folder of packages {folder} cannot be written to: {exc.strerror}."
        ) from exc
