"""Files of the ledger: `NUMBER.ledger`, each of a fixed size that is there from its beginning.

What a process has written to a file is the kernel's, and stays when that process is killed. Room is
reserved when a segment is made, so that a disk that fills up is met there and not in the middle of
what runs. Where the file system keeps to that, a segment is mapped: its pages are the kernel's just
the same, and a record gets there without a system call, which would take longer than all the rest.
"""

from __future__ import annotations

import mmap
import os
import time
from collections.abc import Iterator
from pathlib import Path

SUFFIX = ".ledger"
SEGMENT_BYTES = 1024 * 1024
"""About 13,000 calls."""

SEGMENTS_MAX = 256
"""At most so many wait to be folded, because the database does not answer."""

RESERVING = frozenset({"ext4", "xfs", "tmpfs"})
"""File systems on which room that was reserved is there, whatever happens to the disk meanwhile.

Others copy what is written (btrfs, zfs), or leave it to a server. Without room a write fails there,
which the ledger can bear; but whoever touches a page of a map is killed.
"""

_MOUNTS = Path("/proc/self/mountinfo")


class Segment:
    """The file that records are written to."""

    def __init__(self, folder: Path, number: int, size: int = SEGMENT_BYTES) -> None:
        """Make the file, with all of its room.

        Raises:
            OSError: there is no room, or no folder.
        """
        self.number = number
        self.offset = 0
        self.size = size
        path = segment_path(folder, number)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        self._map: mmap.mmap | None = None
        try:
            os.posix_fallocate(self._file, 0, size)
            if _file_system(self._file) in RESERVING:
                self._map = mmap.mmap(self._file, size)
                # Nobody who is forked off from the host may write to its accounts.
                self._map.madvise(mmap.MADV_DONTFORK)
        except OSError:
            self.close()
            path.unlink(missing_ok=True)
            raise

    def write(self, record: bytes) -> None:
        """Write a record behind the others.

        Raises:
            OSError: it was not written, or not whole; then the next one takes its place.
        """
        start, end = self.offset, self.offset + len(record)
        if end > self.size:
            raise OSError(f"segment {self.number} is full")
        if self._map is not None:
            self._map[start:end] = record
        elif os.pwrite(self._file, record, start) != len(record):
            raise OSError(f"the record was not written whole to segment {self.number}")
        self.offset = end

    def close(self) -> None:
        """Let go of the file."""
        if self._map is not None:
            self._map.close()
        os.close(self._file)


def segment_path(folder: Path, number: int) -> Path:
    """Return where a segment is."""
    return folder / f"{number:016d}{SUFFIX}"


def segments_in(folder: Path) -> list[int]:
    """Return the numbers of the segments that are there, in order."""
    return sorted(_numbers(folder)) if folder.is_dir() else []


def next_number(folder: Path, after: int) -> int:
    """Return a number above ``after``, above all that are there, and above those that were.

    It is the time in microseconds, because files whose records were folded are gone.
    """
    present = segments_in(folder)
    return max(after + 1, time.time_ns() // 1_000, present[-1] + 1 if present else 0)


def _numbers(folder: Path) -> Iterator[int]:
    for path in folder.iterdir():
        if path.suffix == SUFFIX and path.stem.isdigit():
            yield int(path.stem)


def _file_system(file: int) -> str | None:
    """Return the name of the file system that a file is on; None if nobody tells."""
    device = os.fstat(file).st_dev
    place = f"{os.major(device)}:{os.minor(device)}"
    try:
        mounts = _MOUNTS.read_text().splitlines()
    except OSError:
        return None
    # proc_pid_mountinfo(5): the third field is the device, the first behind the dash the type.
    names = {line.partition(" - ")[2].split()[0] for line in mounts if line.split()[2] == place}
    return names.pop() if len(names) == 1 else None
