"""A plugin's directory as it changes: the one module that knows watchfiles."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from watchfiles import awatch

from wardian.cli.authoring import has_sources
from wardian.cli.authoring.sources import FILES, FOLDERS, PACKED_FILES, PACKED_FOLDERS
from wardian.errors import HostUnusable

QUIET_MS = 30
"""Changes that follow each other this closely are one: an editor saves in several steps."""

LONGEST_MS = 500
"""But they are waited for no longer than this."""

LOOK_MS = 500
"""How often to look even if nothing was notified.

Because: network file systems and the shared folders of virtual machines notify nobody, and what
changes between two watches, while folders come and go, is notified to nobody either.
"""

_NOT_SOURCES = ("node_modules", "__pycache__", "target")
_SCRATCH_SUFFIXES = ("~", ".swp", ".swx", ".swo", ".tmp", ".pyc")


class Stamp(NamedTuple):
    """A file as it was: its path below the plugin's directory, and what tells versions apart."""

    path: str
    modified_ns: int
    size: int
    inode: int


@dataclass(frozen=True, slots=True)
class State:
    """A plugin's files as they were at one moment.

    Attributes:
        sources: what its component is built from; empty for one that is there as it is.
        packed: what goes into its package as it is.
    """

    sources: frozenset[Stamp] = frozenset()
    packed: frozenset[Stamp] = frozenset()

    def changed_since(self, earlier: State) -> list[str]:
        """Return the paths that came, went or have other content, in order."""
        stamps = (self.sources ^ earlier.sources) | (self.packed ^ earlier.packed)
        return sorted({stamp.path for stamp in stamps})


def state_of(directory: Path) -> State:
    """Look at a plugin's files; blocking."""
    sources = _stamps(directory, FOLDERS, FILES)
    packed = _stamps(directory, PACKED_FOLDERS, PACKED_FILES)
    if has_sources(directory):
        return State(frozenset(sources), frozenset(packed))
    # Without sources the component is nobody's output.
    components = (path.name for path in directory.glob("*.wasm"))
    return State(packed=frozenset((*packed, *_stamps(directory, (), tuple(components)))))


async def states(directory: Path) -> AsyncIterator[State]:
    """Yield the state of a plugin's directory, now and whenever it is another.

    Raises:
        HostUnusable: the system has no watch left to give.
    """
    last: State | None = None
    while True:
        folders = _folders(directory)
        async with aclosing(_notified(directory, folders)) as notified:
            async for _ in notified:
                state = await asyncio.to_thread(state_of, directory)
                if state != last:
                    last = state
                    yield state
                if _folders(directory) != folders:
                    break


async def _notified(directory: Path, folders: dict[str, int]) -> AsyncGenerator[None]:
    """Yield at once, when something in one of ``folders`` changed, and every so often without.

    Each folder is watched by itself: below the root there may be a hundred thousand others, of
    packages and of build output, and each watch is one of few that a user has.
    """
    yield
    watch = awatch(
        *folders,
        watch_filter=lambda _, path: matters(directory, Path(path)),
        debounce=LONGEST_MS,
        step=QUIET_MS,
        rust_timeout=LOOK_MS,
        yield_on_timeout=True,
        recursive=False,
        ignore_permission_denied=True,
    )
    async with aclosing(watch) as changes:
        try:
            async for _ in changes:
                yield
        except FileNotFoundError:
            return  # a folder went while the watch was set up
        except OSError as error:
            raise HostUnusable(
                f"{directory} cannot be watched: {error}. Set WATCHFILES_FORCE_POLLING=1 to look "
                "at its files again and again instead."
            ) from error


def matters(directory: Path, path: Path) -> bool:
    """Tell whether a change of ``path`` may be one of the plugin."""
    try:
        first, *rest = path.relative_to(directory).parts
    except ValueError:
        return False
    if any(_is_scratch(part) for part in (first, *rest)):
        return False
    if first in FOLDERS or first in PACKED_FOLDERS:
        return True
    return not rest and (first in FILES or first in PACKED_FILES or first.endswith(".wasm"))


def _folders(directory: Path) -> dict[str, int]:
    """Return the folders to watch, with what tells one from another of the same name."""
    roots = [directory / name for name in (*FOLDERS, *PACKED_FOLDERS)]
    found = [path for root in roots for path, *_ in _walk(root)]
    return {str(path): path.stat().st_ino for path in (directory, *found) if path.is_dir()}


def _stamps(directory: Path, folders: tuple[str, ...], files: tuple[str, ...]) -> Iterator[Stamp]:
    inside = (
        path / name
        for each in folders
        for path, _, names in _walk(directory / each)
        for name in names
    )
    for path in (*(directory / name for name in files), *inside):
        try:
            found = path.stat()
        except OSError:
            continue  # not there, or gone in this moment
        name = path.relative_to(directory).as_posix()
        yield Stamp(name, found.st_mtime_ns, found.st_size, found.st_ino)


def _walk(root: Path) -> Iterator[tuple[Path, list[str], list[str]]]:
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if not _is_scratch(name)]
        yield Path(folder), folders, [name for name in files if not _is_scratch(name)]


def _is_scratch(name: str) -> bool:
    return name.startswith(".") or name in _NOT_SOURCES or name.endswith(_SCRATCH_SUFFIXES)
