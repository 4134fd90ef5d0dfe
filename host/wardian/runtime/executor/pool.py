"""Workers: how many, for whom, and who waits."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections import Counter, OrderedDict, deque
from time import monotonic

from wardian.errors import Overloaded, WardianError
from wardian.policy.distribution import SECONDS, Distribution
from wardian.policy.levels import LEVELS, Level, RunsIn
from wardian.runtime.executor.artifacts import Artifact
from wardian.runtime.executor.job import ExecutorSettings, Job, WorkersReport
from wardian.runtime.executor.long_calls import LOOK_SECONDS, Function, LongCalls
from wardian.runtime.executor.worker import Worker, spawn_worker, start_thread_worker
from wardian.runtime.executor.zygote import Zygote
from wardian.worker.confinement import Bounds
from wardian.worker.priority import Priority

Key = tuple[str, Level, Priority]
"""Of which tenant and level, and how much it gets of the processors."""

TENANTS_QUEUED_MAX = 8
"""All queues together are no longer than so many full ones."""

RETRY_SECONDS_MAX = 60.0

CALL_WEIGHT = 0.05
"""What the last call weighs in the mean duration of calls."""

CONTESTED_SECONDS = 60.0
"""So long after calls of two tenants none has more than one call that is first.

A change takes other workers: it must not come with every call of a tenant that calls now and then.
"""

SHORT_SECONDS = 0.002
"""Calls that take less on average wait for nothing: what they cost is the broker and processors."""

_log = logging.getLogger("wardian.executor")


class Pool:
    """A bounded set of workers, each of one tenant and level while it lives.

    Tenants share it fairly. Each has a queue of its own; a worker that becomes free goes to the
    tenant that has the fewest calls running, and of equal ones to the one that was served longest
    ago. A tenant that has none running gets one of a few workers in reserve, however many the
    others have: they cannot make it wait for their calls to end.

    While tenants call beside each other, one whose calls are short has no more of them running at
    once than leaves a processor free. Its calls take the broker, which is one thread, as long as
    their workers: more at once are hardly faster, and each is before somebody else's. A call
    that turns out to take longer does not count.

    A call that waits for another, which it made of a plugin, lends it its place: that one needs a
    worker and waits for no place, so that no calls can wait for each other in a ring. A place is
    one worker that computes, and as many that wait as its call nests deep.

    Attributes:
        waits: how long calls waited for a place, in seconds, where they had to.
    """

    def __init__(self, zygote: Zygote, settings: ExecutorSettings) -> None:
        self._zygote = zygote
        self._settings = settings
        self._bounds = Bounds(memory_bytes=settings.worker_memory_bytes, file_bytes=0)
        self._idle: dict[Key, list[Worker]] = {}
        self._spare: Worker | None = None
        self._filling: asyncio.Task[None] | None = None
        self._reserve = max(1, settings.workers_max // 4)
        # In the order in which tenants are served; none of the queues is empty.
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()
        self._running: Counter[str] = Counter()
        self._call_seconds = 0.0
        self._seconds_of: dict[str, float] = {}
        self._lent: dict[Worker, Key] = {}
        # How many calls of a tenant run that have been running for LOOK_SECONDS.
        self._lasting: Counter[str] = Counter()
        self._first: dict[str, Worker] = {}
        # How many calls run in the place of another, and how many of their workers are kept.
        self._inside = 0
        self._inside_kept = 0
        self._served_last: str | None = None
        self._contested_until = 0.0
        self._long_calls = LongCalls(self._look)
        self._processors = len(os.sched_getaffinity(0))
        self._beside_others = max(1, self._processors - 1)
        self._spawned = 0
        self._lost = 0
        self._closed = False
        self.waits = Distribution(SECONDS)

    def report(self) -> WorkersReport:
        """Count the workers."""
        return WorkersReport(
            idle=self._idle_count() + (self._spare is not None),
            busy=self._busy + self._inside,
            queued=sum(map(len, self._waiting.values())),
            spawned=self._spawned,
            lost=self._lost,
        )

    async def lend(self, job: Job) -> Worker:
        """Lend a worker of the job's tenant and level for it; ``take_back`` ends it.

        Raises:
            Overloaded: all are busy, and the queue is full or does not move.
        """
        inside = job.place.priority is not None
        if inside:
            self._inside += 1
            self._inside_kept = max(self._inside_kept, self._inside)
        else:
            await self._slot(job.tenant)
        try:
            return await self._lend(job, inside=inside)
        except BaseException:
            self._end_place(job, inside=inside)
            raise

    async def _lend(self, job: Job, *, inside: bool) -> Worker:
        tenant, level, function = job.tenant, job.level, (job.digest, job.function)
        priority = self._priority_inside(job) if inside else self._priority(tenant, function)
        worker = await self._take((tenant, level, priority))
        worker.lower(priority)
        worker.inside = inside
        if not inside:
            job.place.priority = priority
            if priority is Priority.FIRST:
                self._first[tenant] = worker
        worker.lent_at = monotonic()
        # Of the processors, one is this process's.
        worker.awake = self._long_calls.quick() + 1 < self._processors
        self._lent[worker] = tenant, level, priority
        self._long_calls.begin(worker, function)
        return worker

    def _end_place(self, job: Job, *, inside: bool) -> None:
        if inside:
            self._inside -= 1
        else:
            job.place.priority = None
            self._free_slot(job.tenant)

    def prepare(self, job: Job, artifact: Artifact) -> None:
        """Have the workers that may run calls like ``job`` load what these need."""
        wanted = job.tenant, job.level
        for key, workers in self._idle.items():
            if key[:2] == wanted:
                for worker in workers:
                    worker.prepare(job, artifact)
        for worker, key in self._lent.items():
            if key[:2] == wanted:
                worker.ahead = job, artifact

    async def warm(self) -> None:
        """Have a worker ready for whoever comes first."""
        self._refill()
        await self._filled()

    async def close(self) -> None:
        """End every worker."""
        self._closed = True
        self._long_calls.close()
        if self._filling is not None:
            self._filling.cancel()
            await self._filled()
        for workers in self._idle.values():
            for worker in workers:
                worker.close()
        self._idle.clear()
        if self._spare is not None:
            self._spare.close()
            self._spare = None

    # -- slots: how many calls run at once --

    @property
    def _busy(self) -> int:
        return self._running.total()

    def _has_room(self, tenant: str) -> bool:
        """Tell whether a call of this tenant may begin."""
        running = self._running[tenant]
        quick = running - self._lasting[tenant]
        if quick >= self._beside_others and self._is_contested() and self._is_short(tenant):
            return False
        reserve = self._reserve if not running else 0
        return self._busy < self._settings.workers_max + reserve

    def _is_contested(self) -> bool:
        return monotonic() < self._contested_until

    def _is_short(self, tenant: str) -> bool:
        return self._seconds_of.get(tenant, 0.0) < SHORT_SECONDS

    async def _slot(self, tenant: str) -> None:
        if tenant not in self._waiting and self._has_room(tenant):
            self._running[tenant] += 1
            return
        turn, since = self._queue_up(tenant), monotonic()
        try:
            async with asyncio.timeout(self._settings.queue_seconds):
                await turn
        except BaseException as error:
            self._leave_queue(tenant, turn)
            if isinstance(error, TimeoutError):
                raise Overloaded(
                    f"No worker became free within {self._settings.queue_seconds:g} s. "
                    "Try again later.",
                    retry_after_seconds=self._seconds_until_served(),
                ) from None
            raise
        finally:
            self.waits.observe(monotonic() - since)

    def _queue_up(self, tenant: str) -> asyncio.Future[None]:
        queue = self._waiting.get(tenant, deque())
        everybody = sum(map(len, self._waiting.values()))
        most = self._settings.queue_max
        if len(queue) >= most or everybody >= most * TENANTS_QUEUED_MAX:
            raise Overloaded(
                f"All {self._settings.workers_max} workers are busy, and {len(queue)} calls of "
                f"this tenant wait already, {everybody} of all tenants. Try again later.",
                retry_after_seconds=self._seconds_until_served(),
            )
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue.append(turn)
        self._waiting[tenant] = queue
        return turn

    def _seconds_until_served(self) -> float:
        """Guess when the calls that wait now will have been served."""
        waiting = sum(map(len, self._waiting.values()))
        rounds = 1 + waiting / self._settings.workers_max
        return max(1.0, min(rounds * self._call_seconds, RETRY_SECONDS_MAX))

    def _leave_queue(self, tenant: str, turn: asyncio.Future[None]) -> None:
        if turn.done() and not turn.cancelled():
            self._free_slot(tenant)  # the slot came in the same moment
            return
        queue = self._waiting.get(tenant, deque())
        with contextlib.suppress(ValueError):
            queue.remove(turn)
        if not queue:
            self._waiting.pop(tenant, None)

    def _free_slot(self, tenant: str) -> None:
        """Give a slot up, and pass it on."""
        self._running[tenant] -= 1
        if not self._running[tenant]:
            del self._running[tenant]
        self._pass_on()

    def _pass_on(self) -> None:
        while following := min(
            filter(self._has_room, self._waiting), key=self._running.__getitem__, default=None
        ):
            self._serve(following)

    def _look(self) -> None:
        """Find the calls that have begun to last; who waits because of them waits no more."""
        begun = monotonic() - LOOK_SECONDS
        for worker, (tenant, _, _) in self._lent.items():
            if not (worker.lasts or worker.inside) and worker.lent_at <= begun:
                worker.lasts = True
                self._lasting[tenant] += 1
        self._pass_on()

    def _serve(self, tenant: str) -> None:
        queue = self._waiting.pop(tenant)
        turn = queue.popleft()
        if queue:
            self._waiting[tenant] = queue  # behind the others
        if not turn.done():
            self._running[tenant] += 1
            turn.set_result(None)

    # -- workers --

    def _priority(self, tenant: str, function: Function) -> Priority:
        if self._long_calls.expected(function):
            return Priority.LONG
        if self._served_last not in (tenant, None):
            self._contested_until = monotonic() + CONTESTED_SECONDS
        self._served_last = tenant
        if not self._is_contested():
            return Priority.FIRST
        first = self._first.get(tenant)
        alone = first is None or first.priority is not Priority.FIRST
        return Priority.FIRST if alone else Priority.BESIDE

    def _priority_inside(self, job: Job) -> Priority:
        """Return that of the call whose place it is, which uses no processor while it waits."""
        of_place = job.place.priority or Priority.FIRST
        long = self._long_calls.expected((job.digest, job.function))
        return Priority.LONG if long else of_place

    async def _take(self, key: Key) -> Worker:
        idle = self._idle.get(key)
        while idle:
            worker = idle.pop()
            if worker.usable():
                return worker
            self._lost += 1
            worker.close()
        if LEVELS[key[1]].runs_in is RunsIn.THREAD:
            self._spawned += 1
            return await start_thread_worker()
        self._retire_surplus()
        if self._spare is None:
            await self._filled()
        spare, self._spare = self._spare, None
        if spare is not None and not spare.usable():
            spare.close()
            spare = None
        try:
            return spare or await self._spawn()
        finally:
            self._refill()

    def take_back(self, job: Job, worker: Worker) -> None:
        """Keep a worker for the next call, or end it."""
        tenant, level = job.tenant, job.level
        key = (tenant, level, worker.priority)
        if self._first.get(tenant) is worker:
            del self._first[tenant]
        self._long_calls.end(worker)
        del self._lent[worker]
        self._lasting[tenant] -= worker.lasts
        worker.lasts = False
        if not worker.inside:
            self._note_duration(tenant, monotonic() - worker.lent_at)
        if worker.lost:
            self._lost += 1
        once = LEVELS[level].runs_in is RunsIn.NEW_PROCESS
        worn = worker.calls >= self._settings.calls_per_worker
        if worker.lost or once or worn or self._closed:
            worker.close()
        else:
            if worker.ahead is not None:
                worker.prepare(*worker.ahead)
                worker.ahead = None
            self._idle.setdefault(key, []).append(worker)
        self._end_place(job, inside=worker.inside)
        if worker.inside:
            self._retire_surplus()

    def _note_duration(self, tenant: str, took: float) -> None:
        self._call_seconds += (took - self._call_seconds) * CALL_WEIGHT
        mean = self._seconds_of.get(tenant, 0.0)
        self._seconds_of[tenant] = mean + (took - mean) * CALL_WEIGHT

    def _retire_surplus(self) -> None:
        """Make room among the idle: the tenant that was served longest ago gives one up."""
        while (idle := self._idle_count()) and self._is_crowded(idle):
            key = next(key for key, workers in self._idle.items() if workers)
            workers = self._idle.pop(key)
            workers.pop(0).close()
            if workers:
                self._idle[key] = workers

    def _is_crowded(self, idle: int) -> bool:
        # As many more as ever ran inside others at once, up to twice as many in all: to end them
        # with their calls would have the next such calls wait for processes.
        most = self._settings.workers_max
        return idle + self._busy + self._inside > most + min(self._inside_kept, most)

    def _idle_count(self) -> int:
        return sum(map(len, self._idle.values()))

    async def _spawn(self) -> Worker:
        self._spawned += 1
        return await spawn_worker(self._zygote, self._bounds)

    def _refill(self) -> None:
        busy_filling = self._filling is not None and not self._filling.done()
        if self._spare is None and not self._closed and not busy_filling:
            self._filling = asyncio.get_running_loop().create_task(self._fill())

    async def _fill(self) -> None:
        try:
            self._spare = await self._spawn()
        except WardianError as error:
            # Whoever needs a worker next spawns one, and hears why if that fails too.
            _log.warning("no spare worker: %s", error)

    async def _filled(self) -> None:
        """Wait until the spare that is being spawned is there, or is not to be had."""
        # A caller that is cancelled here leaves the task where it is: it is still the one.
        if self._filling is not None:
            await asyncio.wait([self._filling])
