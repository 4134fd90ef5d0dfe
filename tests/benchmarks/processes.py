"""What the kernel tells of processes: who started whom, and what memory each has."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from benchmarks.bench import Skipped

_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Memory:
    """Memory of one process, or of several together, in MiB.

    ``share`` counts a page that several processes map in equal parts for each (PSS), ``own`` only
    the pages that no other process maps (USS).
    """

    share: float
    own: float


def memory_of(*pids: int) -> Memory:
    """Return the memory that these processes have now.

    Raises:
        Skipped: they are not to be looked into.
    """
    found = [_fields(pid) for pid in pids]
    own = sum(each["Private_Clean"] + each["Private_Dirty"] for each in found)
    return Memory(sum(each["Pss"] for each in found) / 1024, own / 1024)


def children_of(pid: int) -> set[int]:
    """Return the processes that ``pid`` started and that still run."""
    return {child for child, parent in _parents().items() if parent == pid}


def _parents() -> dict[int, int]:
    parents: dict[int, int] = {}
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue  # it has ended meanwhile
            parents[int(entry.name)] = int(stat.rpartition(")")[2].split()[1])
    return parents


def _fields(pid: int) -> dict[str, int]:
    try:
        text = (_PROC / str(pid) / "smaps_rollup").read_text()
    except PermissionError:
        # A worker is confined, and only root may look into it.
        raise Skipped("Reading how much memory a worker has takes root.") from None
    lines = (line.split() for line in text.splitlines()[1:])
    return {words[0].rstrip(":"): int(words[1]) for words in lines}
