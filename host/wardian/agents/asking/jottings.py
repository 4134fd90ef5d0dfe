"""Questions, noted in files when they begin and when they have ended, until they are rows.

What a process has written to a file is the kernel's, and stays when that process is killed. So who
asked has the answer at once, and the row comes a moment later, many of them together; a host that
begins finds the notes of the one before it that never became rows; a question of which it is noted
only that it began is lost. A loss of power may lose them.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from struct import Struct

import msgspec

from wardian.crypto.identifiers import new_id
from wardian.storage.asks import AskRow

FILE_BYTES_MAX = 1024 * 1024
"""After so much another file is begun, so that none grows while there is always something open."""

SUFFIX = ".asks"

_HEAD = Struct("<II")
_Content = tuple[str, AskRow]


class Note:
    """One question in a file, until it is `done`."""

    __slots__ = ("_file",)

    def __init__(self, file: _File) -> None:
        self._file = file

    def done(self) -> None:
        """It is a row now, or cannot become one."""
        self._file.forget()


class Jottings:
    """The files of one host; nobody else has its folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: _File | None = None

    def note(self, tenant: str, row: AskRow) -> Note | None:
        """Write a question down; None if that cannot be, for want of room or of the folder."""
        try:
            content = msgspec.msgpack.encode((tenant, row))
            file = self._current()
            file.write(_HEAD.pack(len(content), zlib.crc32(content)) + content)
        except (OSError, UnicodeError):  # a name that is no text is for the database to refuse
            return None
        return Note(file)

    def left(self) -> Iterator[tuple[Path, list[_Content]]]:
        """Go through the files that are there before anything is noted, the oldest first."""
        for path in sorted(self._folder.glob(f"*{SUFFIX}")):
            yield path, list(_contents(path.read_bytes()))

    def close(self) -> None:
        """Note nothing more; what is not yet a row is left for the next host."""
        if self._file is not None:
            self._file.leave()
            self._file = None

    def _current(self) -> _File:
        file = self._file
        if file is None or file.size >= FILE_BYTES_MAX:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.close()
            file = self._file = _File(self._folder / f"{new_id()}{SUFFIX}")
        return file


class _File:
    """One file; it is gone when nothing in it is needed and nothing more is to come.

    Attributes:
        size: in bytes, of what is noted in it.
    """

    def __init__(self, path: Path) -> None:
        self.size = 0
        self._open = 0
        self._is_left = False
        self._path = path
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        self._number = os.open(path, flags, 0o600)

    def write(self, record: bytes) -> None:
        """Add a record, whole.

        Raises:
            OSError: there is no room for it.
        """
        written = os.write(self._number, record)
        if written < len(record):
            os.ftruncate(self._number, self.size)
            raise OSError("A part of a question was written.")
        self.size += written
        self._open += 1

    def forget(self) -> None:
        """Need one record less."""
        self._open -= 1
        if self._open:
            return
        if self._is_left:
            self._end()
        else:
            os.ftruncate(self._number, 0)
            self.size = 0

    def leave(self) -> None:
        """Have nothing more to come."""
        self._is_left = True
        if not self._open:
            self._end()

    def _end(self) -> None:
        os.close(self._number)
        self._path.unlink(missing_ok=True)


def _contents(data: bytes) -> Iterator[_Content]:
    """Read records up to the end, or to the first that is not whole."""
    at = 0
    while at + _HEAD.size <= len(data):
        length, checksum = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        content = data[at : at + length]
        at += length
        if len(content) < length or zlib.crc32(content) != checksum:
            return
        try:
            yield msgspec.msgpack.decode(content, type=_Content)
        except msgspec.DecodeError:
            return
