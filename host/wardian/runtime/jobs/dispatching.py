"""What waits is begun: every tenant has its turn, and none more than its share of this host."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from wardian.errors import WardianError
from wardian.runtime.jobs.claims import Claimed, Claims
from wardian.runtime.jobs.orders import JobPolicy
from wardian.runtime.jobs.running import Runner
from wardian.runtime.jobs.sharing import Turns
from wardian.runtime.jobs.watching import Watches
from wardian.storage import Database
from wardian.storage.jobs import abandoned, held, renew, waiting

LOOKS_SECONDS = 1.0
"""How often it is looked what waits; what is asked for on this host is begun at once."""

RENEWALS = 3
"""How often a lease is renewed in its time."""

ABANDONED_AT_ONCE = 100

_log = logging.getLogger("wardian.jobs")


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatcherParts:
    """What jobs are begun with."""

    database: Database
    claims: Claims
    runner: Runner
    watches: Watches
    ended: Callable[[str, int], Awaitable[None]]


class Dispatcher:
    """Begins jobs."""

    def __init__(self, parts: DispatcherParts, policy: JobPolicy) -> None:
        self._parts = parts
        self._policy = policy
        self._turns = Turns(policy)
        self._running: dict[str, tuple[str, asyncio.Task[None]]] = {}
        self._woken = asyncio.Event()
        self._closing = False

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Do what waits while this is open; what is under way at the end is given up."""
        if not self._policy.is_on:
            yield
            return
        looking = asyncio.create_task(self._look_forever(), name="wardian-jobs")
        renewing = asyncio.create_task(self._renew_forever(), name="wardian-job-leases")
        try:
            yield
        finally:
            self._closing = True
            self.wake()
            # Not cancelled: what it has just taken would be nobody's until the lease ends.
            await looking
            await self._drain()
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)

    async def _drain(self) -> None:
        """Let what is under way end, for a while; the rest is given up."""
        tasks = [task for _, task in self._running.values()]
        if tasks:
            await asyncio.wait(tasks, timeout=self._policy.drain.total_seconds())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def wake(self) -> None:
        """Look what waits now."""
        self._woken.set()

    def end(self, job_id: str) -> None:
        """End the call of a job that was taken from this host, if it runs here."""
        found = self._running.get(job_id)
        if found is not None:
            found[1].cancel()

    async def run_waiting(self) -> None:
        """Do what waits by now, and return when that is done."""
        while await self.look() or self._running:
            if self._running:
                tasks = [task for _, task in self._running.values()]
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)

    async def look(self) -> bool:
        """Give up what was left by hosts that are gone, and begin what may be begun; tell whether
        there was something."""
        database, claims = self._parts.database, self._parts.claims
        at = claims.now()
        async with database.reading() as connection:
            left = await abandoned(connection, at, ABANDONED_AT_ONCE)
        for tenant, job_id in left:
            await claims.take_back(tenant, job_id)
        running = Counter(tenant for tenant, _ in self._running.values())
        if running.total() >= self._policy.at_once:
            return False
        async with database.reading() as connection:
            found = await waiting(connection, at)
        shares = self._turns.shares(found, running)
        for tenant, most in shares.items():
            for claimed in await claims.take(tenant, most):
                self._start(claimed)
        return bool(shares)

    async def renew(self) -> None:
        """Have the leases of what runs on this host last longer, and end what is not its any
        more."""
        calls = dict(self._parts.runner.calls)
        if not calls:
            return
        until = self._parts.claims.now() + self._policy.lease
        async with self._parts.database.transaction() as connection:
            await renew(connection, calls.values(), until)
            still = await held(connection, calls.values())
        for job_id, call_id in calls.items():
            if call_id not in still and self._parts.runner.calls.get(job_id) == call_id:
                self.end(job_id)

    async def _look_forever(self) -> None:
        while not self._closing:
            self._woken.clear()
            try:
                await self.look()
            except WardianError as error:
                _log.warning("Jobs wait, because the database does not answer: %s", error)
            except Exception:  # noqa: BLE001 -- whatever it is, jobs are to go on after it
                _log.exception("Jobs wait.")
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOKS_SECONDS):
                    await self._woken.wait()

    async def _renew_forever(self) -> None:
        while True:
            await asyncio.sleep(self._policy.lease.total_seconds() / RENEWALS)
            try:
                await self.renew()
            except WardianError as error:
                _log.warning("Leases of jobs were not renewed: %s", error)
            except Exception:  # noqa: BLE001 -- the next time must come all the same
                _log.exception("Leases of jobs were not renewed.")

    def _start(self, claimed: Claimed) -> None:
        task = asyncio.create_task(self._run(claimed), name=f"wardian-job {claimed.id}")
        self._running[claimed.id] = claimed.tenant, task
        task.add_done_callback(lambda _: self._stopped(claimed.id))
        self._parts.watches.tell(claimed.id)

    async def _run(self, claimed: Claimed) -> None:
        try:
            size = await self._parts.runner.perform(claimed)
            if size:
                await self._parts.ended(claimed.tenant, size)
        except WardianError as error:
            _log.warning("The job %s of %s waits: %s", claimed.id, claimed.tenant, error)
        except Exception:  # noqa: BLE001 -- one job must not end the others'
            # Its lease ends, and it is given up as one whose host is lost.
            _log.exception("The job %s of %s came to no end.", claimed.id, claimed.tenant)

    def _stopped(self, job_id: str) -> None:
        del self._running[job_id]
        self._parts.watches.tell(job_id)
        self._woken.set()
