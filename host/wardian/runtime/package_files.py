"""The files of packages, and the rows that name them: what no row names is removed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import TypeVar

from wardian.plugins import PackageStore
from wardian.plugins.package import component_of
from wardian.runtime.ports import Executor
from wardian.storage import Database
from wardian.storage.neighbours import claimed
from wardian.storage.plugins import packages_in_use

_T = TypeVar("_T")

_CLAIM = "wardian packages"

_log = logging.getLogger("wardian.installs")


class PackageFiles:
    """Keeps packages in the store for as long as a row names them."""

    def __init__(self, database: Database, store: PackageStore, executor: Executor) -> None:
        self._database = database
        self._store = store
        self._executor = executor
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """Have nobody sweep while a package's file and its rows disagree, on whichever host."""
        async with self._lock, claimed(self._database, _CLAIM):
            yield

    @asynccontextmanager
    async def stored(self, package: bytes, digest: str) -> AsyncIterator[None]:
        """Keep a package's file if the block, which writes its row, succeeds."""
        async with self.stored_all({digest: package}):
            yield

    @asynccontextmanager
    async def stored_all(self, packages: Mapping[str, bytes]) -> AsyncIterator[None]:
        """Do as `stored` does with several packages, given by their digests."""
        async with self.alone():
            try:
                for package in packages.values():
                    await to_the_end(partial(self._store.write, package))
                yield
            except BaseException:
                await asyncio.shield(self.drop_unused(packages))
                raise

    async def component(self, package_digest: str) -> bytes:
        """Return the component of a package that is kept.

        Raises:
            NotFound, WardianError: its file is gone, or another than it was.
        """
        return await asyncio.to_thread(self._component, package_digest)

    def _component(self, package_digest: str) -> bytes:
        return component_of(self._store.read(package_digest))

    async def drop_unused(self, digests: Iterable[str]) -> None:
        """Remove those packages that no row names any more, and compiled code; hold the lock."""
        async with self._database.reading() as connection:
            used = await packages_in_use(connection)
        unused = set(digests) - used.keys()
        for digest in unused:
            try:
                await asyncio.to_thread(self._store.remove, digest)
            except OSError as error:
                _log.warning("A file stays until the next start: %s", error.strerror)
        if unused:
            await self._executor.keep_only(set(used.values()))

    async def sweep(self) -> None:
        """Remove the files of installs that were killed before their rows were committed."""
        async with self.alone():
            async with self._database.reading() as connection:
                used = await packages_in_use(connection)
            swept = await asyncio.to_thread(self._store.sweep, set(used))
        if swept:
            _log.info("Removed %d files that belong to no installed plugin.", len(swept))
        await self._executor.keep_only(set(used.values()))


async def to_the_end(function: Callable[[], _T]) -> _T:
    """Run ``function`` in a thread; when cancelled, wait for it all the same.

    A thread cannot be stopped: one that still writes would undo the cleaning up, and one that
    still unpacks holds its memory.
    """
    task = asyncio.ensure_future(asyncio.to_thread(function))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
