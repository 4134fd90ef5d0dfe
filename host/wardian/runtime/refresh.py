"""Fresh lists of revocations, from a folder that the operator keeps up to date: no network."""

from __future__ import annotations

import asyncio
import logging
import os
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from wardian.errors import WardianError
from wardian.plugins.statements import RevocationList
from wardian.runtime.publishers import Publishers
from wardian.runtime.revocations import Revocations
from wardian.tenants import Tenants

ACTOR = "revocations folder"

_log = logging.getLogger("wardian.revocations")


class Refresh:
    """Takes ``TENANT/PUBLISHER.json`` of a folder, each time it has changed."""

    def __init__(self, tenants: Tenants, publishers: Publishers, revocations: Revocations) -> None:
        self._tenants = tenants
        self._publishers = publishers
        self._revocations = revocations
        self._told: dict[Path, str] = {}

    async def take(self, folder: Path) -> None:
        """Look at the file of each publisher; one that cannot be taken leaves the last good one.

        What is wrong with a file is logged once, until something else is.
        """
        for tenant in await self._tenants.list():
            for publisher in await self._publishers.list(tenant=tenant.name):
                path = folder / tenant.name / f"{publisher.name}.json"
                try:
                    await self._take(path, tenant.name, publisher.name)
                except WardianError as error:
                    self._tell(path, error.message)
                else:
                    self._told.pop(path, None)

    @asynccontextmanager
    async def kept(self, folder: Path | None, seconds: float) -> AsyncIterator[None]:
        """Look at a folder now, and every so many seconds while this is open."""
        if folder is None:
            yield
            return
        await self.take(folder)
        task = asyncio.create_task(self._keep(folder, seconds), name="wardian-revocations")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _keep(self, folder: Path, seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds)
            try:
                await self.take(folder)
            except WardianError as error:
                _log.warning("The folder of revocations was not looked at: %s", error.message)

    async def _take(self, path: Path, tenant: str, publisher: str) -> None:
        content = await asyncio.to_thread(_read, path)
        if content is not None:
            await self._revocations.receive(publisher, content, tenant=tenant, actor=ACTOR)

    def _tell(self, path: Path, fault: str) -> None:
        if self._told.get(path) != fault:
            self._told[path] = fault
            _log.warning("%s was not taken: %s", path, fault)


def _read(path: Path) -> bytes | None:
    """Read a file that is one, as far as a list may be long; None where there is none."""
    try:
        # A pipe in its place would otherwise be waited for.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise WardianError(f"It cannot be read: {exc.strerror}.") from exc
    with open(descriptor, "rb") as stream:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise WardianError("It is not a regular file.")
        return stream.read(RevocationList.bytes_max + 1)
