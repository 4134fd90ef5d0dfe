"""Packages on disk, each under the name of its digest."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Collection
from pathlib import Path

from wardian.crypto.digests import is_sha256_hex, sha256_hex
from wardian.errors import NotFound, WardianError

_SUFFIX = ".wardian"
_EARLIER_SUFFIX = ".wasm"
_FOLDER_MODE = 0o700
_FILE_MODE = 0o600


class PackageStore:
    """A folder of packages. Its methods block on the disk: call them in a thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=_FOLDER_MODE)
        if folder.stat().st_mode & 0o077:
            folder.chmod(_FOLDER_MODE)
        for path in folder.glob(f"*{_EARLIER_SUFFIX}"):
            path.rename(path.with_suffix(_SUFFIX))

    def write(self, package: bytes) -> str:
        """Keep a package and return its digest; it is durable when this returns.

        Raises:
            WardianError: the disk refused it; nothing of a package that was not here is left then.
        """
        digest = sha256_hex(package)
        target = self._path(digest)
        draft = self._folder / f".{digest}.{secrets.token_hex(8)}"
        known = target.exists()
        try:
            with open(draft, "xb", opener=_private) as stream:
                stream.write(package)
                stream.flush()
                os.fsync(stream.fileno())
            draft.replace(target)
            self._sync()
        except OSError as exc:
            draft.unlink(missing_ok=True)
            if not known:
                target.unlink(missing_ok=True)
            raise WardianError(f"The package cannot be stored: {exc.strerror}.") from exc
        return digest

    def read(self, digest: str) -> bytes:
        """Return a package, checked against its digest.

        Raises:
            NotFound: it is not here.
            WardianError: what is here is something else.
        """
        try:
            with open(self._path(digest), "rb", opener=_file_itself) as stream:
                package = stream.read()
        except FileNotFoundError as exc:
            raise NotFound(f"The package {digest} is not in the store; reinstall it.") from exc
        except OSError as exc:
            raise WardianError(
                f"The stored package {digest} cannot be read: {exc.strerror}."
            ) from exc
        if sha256_hex(package) != digest:
            raise WardianError(f"The stored package {digest} was changed; reinstall the plugin.")
        return package

    def remove(self, digest: str) -> None:
        """Forget a package, if it is here."""
        self._path(digest).unlink(missing_ok=True)

    def sweep(self, wanted: Collection[str]) -> list[str]:
        """Remove every file but the packages in ``wanted``; return the names of what went."""
        names = {f"{digest}{_SUFFIX}" for digest in wanted}
        swept = [
            path
            for path in self._folder.iterdir()
            if path.name not in names and (path.is_symlink() or not path.is_dir())
        ]
        for path in swept:
            path.unlink(missing_ok=True)
        return sorted(path.name for path in swept)

    def _path(self, digest: str) -> Path:
        if not is_sha256_hex(digest):
            raise NotFound(f"{digest[:80]!r} is not a digest.")
        return self._folder / f"{digest}{_SUFFIX}"

    def _sync(self) -> None:
        # The rename is durable only once the folder that holds the name is.
        descriptor = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, _FILE_MODE)


def _file_itself(path: str, flags: int) -> int:
    """Open a file, no link to another one, and nothing that could be read without end."""
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise OSError(errno.EINVAL, "It is not a regular file", path)
