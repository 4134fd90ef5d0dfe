"""Root keys in a file that only its owner reads, and in the environment."""

from __future__ import annotations

import base64
import binascii
import errno
import os
import stat
from collections.abc import Sequence
from pathlib import Path

from wardian.crypto.aead import KEY_BYTES, SymmetricKey
from wardian.errors import Conflict, VaultSealed
from wardian.policy.secret import Secret
from wardian.vault.roots import LocalRootKey

_FILE_BYTES_MAX = 16 * 1024
_HEX_CHARS = 2 * KEY_BYTES
_HEADER = "# A root key of Wardian's vault. Keep a copy apart from the database's.\n"


class RootKeyFile:
    """A text file with a key in a line, in base64 or hex; the first wraps, the rest only unwrap.

    ``is_made`` lets a first key be made where there is no file and nothing was ever sealed.
    """

    def __init__(self, path: Path, *, is_made: bool = False) -> None:
        self.path = path
        self._is_made = is_made

    async def load(self, *, is_empty: bool) -> Sequence[LocalRootKey]:
        """See `RootKeySource.load`."""
        if is_empty and self._is_made and not self.path.exists():
            _create(self.path, [SymmetricKey.generate()])
        return [LocalRootKey(key) for key in self.read()]

    def read(self) -> Sequence[SymmetricKey]:
        """Return the file's keys.

        Raises:
            VaultSealed: it cannot be read, others may read it, or it has no key.
        """
        return parse(_read(self.path), f"The root key file {str(self.path)!r}")

    def renew(self) -> None:
        """See `RootKeySource.renew`."""
        _replace(self.path, [SymmetricKey.generate(), *self.read()])

    def retire(self, kept: str) -> None:
        """See `RootKeySource.retire`: backups of the database from before still need them."""
        keys = self.read()
        old = [key for key in keys if LocalRootKey(key).id != kept]
        if not old or len(old) == len(keys):
            return
        _append(self.retired, old)
        _replace(self.path, [key for key in keys if key not in old])

    @property
    def retired(self) -> Path:
        """Where keys are kept that open nothing but old backups."""
        return self.path.with_name(f"{self.path.name}.retired")


class RootKeyVariable:
    """A key that was in the environment when the host started."""

    def __init__(self, name: str, value: Secret | None) -> None:
        self._name = name
        self._value = value

    async def load(self, *, is_empty: bool) -> Sequence[LocalRootKey]:
        """See `RootKeySource.load`."""
        what = f"The variable {self._name}, which WARDIAN_ROOT_KEY names,"
        if self._value is None:
            raise VaultSealed(f"{what} is not set; set it to the root key and restart.")
        return [LocalRootKey(key) for key in parse(self._value.reveal(), what)]

    def renew(self) -> None:
        """See `RootKeySource.renew`."""
        raise Conflict(
            f"Every data key is wrapped by the key in {self._name} already. Set another variable "
            "to a new key, name it with WARDIAN_ROOT_KEY and this one with "
            "WARDIAN_ROOT_KEY_PREVIOUS, and restart."
        )

    def retire(self, kept: str) -> None:
        """See `RootKeySource.retire`: the environment is the operator's."""


def parse(text: str, what: str) -> Sequence[SymmetricKey]:
    """Read keys, one a line.

    Raises:
        VaultSealed: there is none, or a line is no key; says nothing of it.
    """
    lines = [line.strip() for line in text.splitlines()]
    keys = [_key(line) for line in lines if line and not line.startswith("#")]
    found = [key for key in keys if key is not None]
    if not found or len(found) != len(keys):
        raise VaultSealed(
            f"{what} has {'a line that is no key' if keys else 'no key in it'}: a key is "
            f"{KEY_BYTES} random bytes in base64 or hex."
        )
    return found


def encoded(keys: Sequence[SymmetricKey]) -> str:
    """Write keys as a file has them."""
    return _HEADER + "".join(f"{base64.b64encode(key.material).decode()}\n" for key in keys)


def _key(line: str) -> SymmetricKey | None:
    try:
        raw = (
            bytes.fromhex(line)
            if len(line) == _HEX_CHARS
            else base64.b64decode(line, validate=True)
        )
    except (ValueError, binascii.Error):
        return None
    return SymmetricKey(raw) if len(raw) == KEY_BYTES else None


def _read(path: Path) -> str:
    try:
        with open(path, "rb", opener=_opened) as stream:
            mode = os.fstat(stream.fileno()).st_mode
            if not stat.S_ISREG(mode):
                raise OSError(errno.EINVAL, "it is no file but something else")
            content = stream.read(_FILE_BYTES_MAX)
    except OSError as exc:
        raise VaultSealed(
            f"The root key file {str(path)!r} cannot be read: {exc.strerror}. Put it back, or "
            "name another with WARDIAN_ROOT_KEY; without it no credential can be opened."
        ) from exc
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise VaultSealed(
            f"The root key file {str(path)!r} can be read by others: make it its owner's alone "
            "(chmod 600)."
        )
    return content.decode("ascii", errors="replace")


def _opened(path: str, flags: int) -> int:
    # Not blocking, because a pipe that nobody writes into would hold up the whole host.
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)


def _create(path: Path, keys: Sequence[SymmetricKey]) -> None:
    """Write a new file, whole or not at all, and never over another."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        _write(draft, encoded(keys))
        try:
            os.link(draft, path)
        finally:
            draft.unlink()
        _sync_folder(path.parent)
    except FileExistsError:
        return  # somebody else was faster
    except OSError as exc:
        raise VaultSealed(
            f"The root key file {str(path)!r} cannot be written: {exc.strerror}."
        ) from exc


def _replace(path: Path, keys: Sequence[SymmetricKey]) -> None:
    """Write a file in place of the one that is there, at one stroke."""
    draft = path.with_name(f"{path.name}.new")
    try:
        if path.is_symlink():
            raise OSError(errno.ELOOP, "it is a link to a file that something else keeps")
        _write(draft, encoded(keys))
        draft.replace(path)
        _sync_folder(path.parent)
    except OSError as exc:
        raise Conflict(
            f"The root key file {str(path)!r} cannot be written: {exc.strerror}. Put a new key as "
            "the first line into it yourself, with those that are there below, and try again."
        ) from exc


def _append(path: Path, keys: Sequence[SymmetricKey]) -> None:
    known = parse(_read(path), "The file") if path.exists() else []
    prints = {key.fingerprint() for key in known}
    _replace(path, [*known, *(key for key in keys if key.fingerprint() not in prints)])


def _write(path: Path, content: str) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
    with open(os.open(path, flags, 0o600), "w", encoding="ascii") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
