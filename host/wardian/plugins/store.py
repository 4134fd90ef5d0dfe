"""Packages on disk, each under the name of its digest."""

from __future__ import annotations

import os
import secrets
from collections.abc import Collection
from pathlib import Path

from wardian.crypto.digests import is_sha256_hex, sha256_hex
from wardian.errors import NotFound, WardianError

_SUFFIX = ".wardian"
_EARLIER_SUFFIX = ".wasm"


class PackageStore:
    """A folder of packages. Its methods block on the disk: call them in a thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for path in folder.glob(f"*{_EARLIER_SUFFIX}"):
            path.rename(path.with_suffix(_SUFFIX))

    def write(self, package: bytes) -> str:
        """Keep a package and return its digest; it is durable when this returns.

        Raises:
            WardianError: the disk refused it; nothing of it is left then.
        """
        digest = sha256_hex(package)
        target = self._path(digest)
        draft = self._folder / f".{digest}.{secrets.token_hex(8)}"
        try:
            with draft.open("xb") as stream:
                stream.write(package)
                stream.flush()
                os.fsync(stream.fileno())
            draft.replace(target)
            self._sync()
        except OSError as exc:
            draft.unlink(missing_ok=True)
            raise WardianError(f"The package cannot be stored: {exc.strerror}.") from exc
        return digest

    def read(self, digest: str) -> bytes:
        """Return a package, checked against its digest.

        Raises:
            NotFound: it is not here.
            WardianError: what is here is something else.
        """
        try:
            package = self._path(digest).read_bytes()
        except FileNotFoundError as exc:
            raise NotFound(f"The package {digest} is not in the store; reinstall it.") from exc
        if sha256_hex(package) != digest:
            raise WardianError(f"The stored package {digest} was changed; reinstall the plugin.")
        return package

    def remove(self, digest: str) -> None:
        """Forget a package, if it is here."""
        self._path(digest).unlink(missing_ok=True)

    def sweep(self, wanted: Collection[str]) -> list[str]:
        """Remove every file but the packages in ``wanted``; return the names of what went."""
        names = {f"{digest}{_SUFFIX}" for digest in wanted}
        swept = [path for path in self._folder.iterdir() if path.name not in names]
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
