"""What is due is begun: every tenant has its share, and no plugin more than one run at a time."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from wardian.errors import WardianError
from wardian.plugins import Registry
from wardian.plugins.states import CALLABLE
from wardian.runtime.schedules.claims import PUT_OFF, Claims
from wardian.runtime.schedules.planning import Planner
from wardian.runtime.schedules.running import Runner
from wardian.storage import Database
from wardian.storage.rows import DueRow
from wardian.storage.schedules import due, renew
from wardian.tenants import Tenants

AT_ONCE_PER_TENANT = 4
"""Runs of one tenant that are under way on one host: they leave workers to those who wait."""

LOOKED_AT_PER_TENANT = 64
"""Of more that are due at once, the longest due come first."""

LOOKS_SECONDS = 1.0
"""How often it is looked what is due."""

RENEWALS = 3
"""How often a lease is renewed in its time."""

AFTER_FAULT = timedelta(seconds=60)
"""When a schedule is looked at again after a fault of the host's own."""

_Plugin = tuple[str, str]
_Key = tuple[str, str, str]

_log = logging.getLogger("wardian.schedules")


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulerParts:
    """What runs are begun with."""

    database: Database
    registry: Registry
    tenants: Tenants
    planner: Planner
    claims: Claims
    runner: Runner


class Scheduler:
    """Begins runs when they are due."""

    def __init__(self, parts: SchedulerParts) -> None:
        self._parts = parts
        self._planner = parts.planner
        self._changed: set[_Plugin] = set()
        self._running: dict[asyncio.Task[None], _Plugin] = {}
        self._rests: dict[_Key, datetime] = {}
        self._woken = asyncio.Event()

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Run what is due while this is open; what is under way at the end is given back."""
        if not self._planner.policy.is_on:
            yield
            return
        await self.plan()
        forever = [
            asyncio.create_task(self._look_forever(), name="wardian-schedules"),
            asyncio.create_task(self._renew_forever(), name="wardian-schedule-leases"),
        ]
        try:
            yield
        finally:
            ending = [*forever, *self._running]
            for task in ending:
                task.cancel()
            await asyncio.gather(*ending, return_exceptions=True)

    async def plan(self) -> None:
        """Look at every plugin there is."""
        for tenant in await self._parts.tenants.list():
            plugins = await self._parts.registry.all(tenant.name)
            self._changed |= {(tenant.name, plugin.name) for plugin in plugins}

    def plugin_changed(self, tenant: str, name: str) -> None:
        """Look again what a plugin's schedules are."""
        self._changed.add((tenant, name))
        self._woken.set()

    async def run_due(self) -> None:
        """Run what is due by now, and return when that is done."""
        while await self._start_due() or self._running:
            if self._running:
                await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)

    async def renew(self) -> None:
        """Have the leases of what runs on this host last longer."""
        if self._parts.runner.leases:
            until = self._planner.now() + self._planner.policy.lease
            async with self._parts.database.transaction() as connection:
                await renew(connection, self._parts.runner.leases, until)

    async def _look_forever(self) -> None:
        while True:
            self._woken.clear()
            try:
                await self._start_due()
            except WardianError as error:
                _log.warning("Schedules wait, because the database does not answer: %s", error)
            except Exception:  # noqa: BLE001 -- whatever it is, schedules are to go on after it
                _log.exception("Schedules wait.")
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOKS_SECONDS):
                    await self._woken.wait()

    async def _renew_forever(self) -> None:
        while True:
            await asyncio.sleep(self._planner.policy.lease.total_seconds() / RENEWALS)
            try:
                await self.renew()
            except WardianError as error:
                _log.warning("Leases of schedules were not renewed: %s", error)
            except Exception:  # noqa: BLE001 -- the next time must come all the same
                _log.exception("Leases of schedules were not renewed.")

    async def _start_due(self) -> bool:
        """Begin what may be begun; tell whether there was something."""
        while self._changed:
            plugin = self._changed.pop()
            try:
                await self._planner.plan(*plugin)
            except WardianError:
                self._changed.add(plugin)
                raise
        started = False
        for row in await self._due():
            if self._may_begin(row):
                self._start(self._run(row), (row.tenant, row.plugin_id))
                started = True
        return started

    async def _due(self) -> list[DueRow]:
        at = self._planner.now()
        self._rests = {key: until for key, until in self._rests.items() if until > at}
        async with self._parts.database.reading() as connection:
            return await due(connection, at, CALLABLE, of_each=LOOKED_AT_PER_TENANT)

    def _may_begin(self, row: DueRow) -> bool:
        running = self._running.values()
        of_tenant = Counter(tenant for tenant, _ in running)
        return (
            (row.tenant, row.plugin_id) not in running
            and of_tenant[row.tenant] < AT_ONCE_PER_TENANT
            and _key(row) not in self._rests
        )

    async def _run(self, row: DueRow) -> None:
        try:
            claimed = await self._parts.claims.take(row)
            if claimed is not None:
                await self._parts.runner.perform(claimed)
        except WardianError as error:
            _log.warning("%s of %s waits: %s", row.schedule, row.plugin, error)
            self._rests[_key(row)] = self._planner.now() + PUT_OFF
        except Exception:  # noqa: BLE001 -- one schedule must not end the others'
            _log.exception("%s of %s waits.", row.schedule, row.plugin)
            self._rests[_key(row)] = self._planner.now() + AFTER_FAULT

    def _start(self, work: Coroutine[None, None, None], plugin: _Plugin) -> None:
        task = asyncio.create_task(work, name=f"wardian-schedule {plugin[0]} {plugin[1]}")
        self._running[task] = plugin
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._running[task]
        self._woken.set()


def _key(row: DueRow) -> _Key:
    return row.tenant, row.plugin_id, row.schedule
