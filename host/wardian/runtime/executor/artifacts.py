"""Compiled code on disk: made by a disposable compiler, trusted only under this host's MAC.

``<key>/<digest>.code`` is native code, ``<key>/<digest>.meta`` the component's description
and the code's MAC, itself under a MAC. ``key`` names the engine's version and settings and
what the host offers, so an upgrade of either compiles anew. The directory is private (0700):
whoever can write native code here could run it.
"""

from __future__ import annotations

import contextlib
import hmac
import os
import secrets
import stat
import tempfile
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from wardian.errors import HostUnusable
from wardian.sandbox.description import Description, Source

LEFT_OVER_SECONDS = 3_600.0
"""A file that is being written is no older than the longest compilation."""

PRIVATE = 0o700
KEY_BYTES = 32
MAC_BYTES = 32


@dataclass(frozen=True, slots=True)
class Artifact:
    """Compiled code whose MAC was checked, and what it was compiled from."""

    path: Path
    description: Description

    @property
    def source(self) -> Source:
        """What the code was compiled from."""
        described = self.description
        return Source(
            described.digest, described.size_bytes, described.memories, described.memory_bytes
        )


class _Meta(msgspec.Struct, frozen=True, kw_only=True):
    description: Description
    code_mac: bytes


class ArtifactStore:
    """The compiled code of one engine and offer."""

    def __init__(self, directory: Path, key: str) -> None:
        # Workers have another working directory, and links are not there to follow.
        self._root = directory.resolve()
        self._directory = self._root / key
        with self._translated():
            self._make()
            self._mac_key = _local_key(self._root / "mac.key")
            self._sweep()

    @property
    def directory(self) -> Path:
        """Where the code is."""
        return self._directory

    def _make(self) -> None:
        for made in (self._root, self._directory):
            made.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
            found = made.stat()
            if found.st_uid != os.geteuid():
                raise HostUnusable(
                    f"The directory for compiled code, {made}, belongs to another user (number "
                    f"{found.st_uid}), who could run code in this host's name. Remove it, or give "
                    "it to the user that the host runs as."
                )
            if stat.S_IMODE(found.st_mode) != PRIVATE:
                made.chmod(PRIVATE)

    def _sweep(self) -> None:
        """Remove what compilers and writers that were killed have left."""
        for left in (*self._root.glob(".*-*"), *self._directory.glob(".*-*")):
            if time.time() - left.stat().st_mtime > LEFT_OVER_SECONDS:
                left.unlink(missing_ok=True)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise HostUnusable(
                f"The directory for compiled code, {self._root}, cannot be used: {error.strerror}."
            ) from error

    def find(self, digest: str) -> Artifact | None:
        """Return the code for a component, if it is there and unchanged; blocking."""
        code = self._code(digest)
        try:
            sealed = self._meta(digest).read_bytes()
            body, mac = sealed[:-MAC_BYTES], sealed[-MAC_BYTES:]
            if not hmac.compare_digest(self._mac(digest, body), mac):
                return None
            meta = msgspec.msgpack.decode(body, type=_Meta)
            with code.open("rb") as file:
                found = hmac.new(self._mac_key, digest.encode(), "sha256")
                _update(found, file)
        except (OSError, msgspec.MsgspecError):
            return None
        if not hmac.compare_digest(found.digest(), meta.code_mac):
            return None
        return Artifact(code, meta.description)

    @contextmanager
    def writing(self) -> Iterator[Pending]:
        """Give a file for a compiler to write to; it is gone again unless kept."""
        with self._translated():
            self._make()  # an operator may have emptied the cache
            descriptor, name = tempfile.mkstemp(dir=self._directory, prefix=".compiling-")
        pending = Pending(descriptor, Path(name))
        try:
            yield pending
        finally:
            os.close(descriptor)
            pending.path.unlink(missing_ok=True)

    def keep(self, pending: Pending, description: Description) -> Artifact:
        """Take what a compiler wrote into the store, under its MAC; blocking."""
        with self._translated():
            return self._keep(pending, description)

    def _keep(self, pending: Pending, description: Description) -> Artifact:
        digest = description.digest
        with pending.path.open("rb") as file:
            mac = hmac.new(self._mac_key, digest.encode(), "sha256")
            _update(mac, file)
            os.fsync(file.fileno())
        body = msgspec.msgpack.encode(_Meta(description=description, code_mac=mac.digest()))
        self._meta(digest).unlink(missing_ok=True)
        pending.path.rename(self._code(digest))
        _write_atomically(self._meta(digest), body + self._mac(digest, body))
        return Artifact(self._code(digest), description)

    def drop(self, digest: str) -> None:
        """Forget the code of a component."""
        self._meta(digest).unlink(missing_ok=True)
        self._code(digest).unlink(missing_ok=True)

    def keep_only(self, digests: Collection[str], recent_seconds: float) -> None:
        """Forget the code of all components but these, unless it was compiled lately; blocking."""
        for code in self._directory.glob("*.code"):
            with contextlib.suppress(FileNotFoundError):
                old = time.time() - code.stat().st_mtime > recent_seconds
                if old and code.stem not in digests:
                    self.drop(code.stem)

    def _code(self, digest: str) -> Path:
        return self._directory / f"{digest}.code"

    def _meta(self, digest: str) -> Path:
        return self._directory / f"{digest}.meta"

    def _mac(self, digest: str, body: bytes) -> bytes:
        return hmac.digest(self._mac_key, digest.encode() + b"\0" + body, "sha256")


@dataclass(frozen=True, slots=True)
class Pending:
    """A file that a compiler writes to."""

    descriptor: int
    path: Path


def _update(mac: hmac.HMAC, file: object) -> None:
    while block := file.read(1 << 20):  # type: ignore[attr-defined]
        mac.update(block)


def _local_key(path: Path) -> bytes:
    """Return this host's own key, made at the first use."""
    try:
        key = path.read_bytes()
        if len(key) == KEY_BYTES:
            return key
    except FileNotFoundError:
        pass
    _write_atomically(path, secrets.token_bytes(KEY_BYTES))
    return path.read_bytes()


def _write_atomically(path: Path, content: bytes) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
