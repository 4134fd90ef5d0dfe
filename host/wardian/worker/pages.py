"""Pages of code that may also be written to: none."""

from __future__ import annotations

import mmap
from pathlib import Path

from wardian.worker import kernel

_CODE = mmap.PROT_READ | mmap.PROT_EXEC


def protect_code() -> None:
    """Make every page of code in this process read-only, for itself and what it forks.

    ctypes writes the entry points of callbacks as they are made, into pages that it may both write
    and run; whoever can write there runs what they like. No callback is made or freed after this:
    the sandbox has one for each purpose, made when it is imported.

    Raises:
        OSError
    """
    for line in Path("/proc/self/maps").read_text().splitlines():
        place, rights, _ = line.split(maxsplit=2)
        if "w" in rights and "x" in rights:
            start, end = (int(number, 16) for number in place.split("-"))
            kernel.call("mprotect", start, end - start, _CODE)
