"""Jobs as callers see them: asked for, found, waited for, cancelled."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from dataclasses import dataclass
from weakref import WeakValueDictionary

from wardian.crypto.identifiers import new_id
from wardian.errors import Conflict, InvalidArguments, NotFound
from wardian.plugins import Installed
from wardian.policy.levels import LEVELS
from wardian.policy.limits import limits_from
from wardian.runtime.entrance import Entrance, check_callable
from wardian.runtime.jobs.askers import ANYBODY, Asker
from wardian.runtime.jobs.claims import Claims, no_such_job
from wardian.runtime.jobs.orders import JobOrder, JobState
from wardian.runtime.jobs.stored import decode_outcome, encode_request
from wardian.runtime.jobs.views import JobResult, JobsPage, JobView, job_view
from wardian.runtime.jobs.watching import Watch, Watches
from wardian.runtime.scopes import check_plugin, check_scopes
from wardian.storage import Database
from wardian.storage.endpoints import EndpointRepository
from wardian.storage.jobs import JobRepository
from wardian.storage.rows import JobRow

PAGE_MAX = 100
WAIT_SECONDS_MAX = 60.0

SUBMITTED_AT_ONCE = 4
"""As many jobs of a tenant are queued at a time; the others wait for their turn.

Because those of a tenant are queued one after the other anyway: a thousand at once would hold every
connection to the database, and run out of time for one.
"""

_MAX_NAME_CHARS = 200
_POSITIONS_MAX = 2**63


@dataclass(frozen=True, slots=True, kw_only=True)
class JobsNeeds:
    """What jobs are asked for with."""

    database: Database
    entrance: Entrance
    claims: Claims
    watches: Watches
    begin: Callable[[], None]


class Jobs:
    """The jobs of every tenant."""

    def __init__(self, needs: JobsNeeds) -> None:
        self._needs = needs
        self._submitting: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    async def submit(self, order: JobOrder, *, tenant: str = "default") -> JobView:
        """Have a call made by whichever host can; the job is durable when this returns.

        Raises:
            NotFound: no such plugin or function, or no such endpoint.
            Conflict: the plugin takes no calls now.
            Forbidden: the key lacks scopes that the plugin requires, or is for other plugins; or
                the function is the one by which agents are asked.
            InvalidArguments: arguments that no guest can be given, or limits that there are not.
                Whether they fit the function is found out when it is called.
            RateLimited: as many jobs of the tenant wait as may.
            SignatureInvalid, Revoked: the tenant does not trust the plugin.
        """
        async with self._turn(tenant):
            check_plugin(order.plugin, order.scopes)
            plugin = await self._needs.entrance.named(tenant, order.plugin)
            function = plugin.description.resolve(order.function)
            check_scopes(plugin, order.scopes)
            check_callable(plugin, function)
            limits_from(order.limits or {}, LEVELS[plugin.level].limits)
            if order.notify is not None:
                await self._check_endpoint(tenant, order.notify)
            request = encode_request(order.arguments, order.limits)
            row = self._row(order, plugin, function, len(request))
            await self._needs.claims.add(tenant, row, request)
        self._needs.begin()
        return job_view(row)

    def _turn(self, tenant: str) -> asyncio.Semaphore:
        turn = self._submitting.get(tenant)
        if turn is None:
            turn = self._submitting[tenant] = asyncio.Semaphore(SUBMITTED_AT_ONCE)
        return turn

    async def find(
        self, job_id: str, *, tenant: str = "default", asker: Asker = ANYBODY
    ) -> JobView:
        """Return a job.

        Args:
            asker: whose jobs are looked for.

        Raises:
            NotFound: the tenant has no such job, or the asker has not.
        """
        return job_view(await self._found(tenant, job_id, asker))

    async def list(
        self,
        *,
        states: Collection[JobState] = (),
        plugin: str | None = None,
        limit: int = 50,
        before: str | None = None,
        tenant: str = "default",
        asker: Asker = ANYBODY,
    ) -> JobsPage:
        """Return a page of jobs, the newest first; of one ``asker`` as for `find`.

        Raises:
            InvalidArguments: no page of this size, or ``before`` is no `JobsPage.next`.
        """
        if not 1 <= limit <= PAGE_MAX:
            raise InvalidArguments(f"A page has 1 to {PAGE_MAX} jobs.", path="limit")
        start = None if before is None else _read_cursor(before)
        async with self._needs.database.reading() as connection:
            rows = await JobRepository(connection, tenant).page(
                limit=limit + 1,
                before=start,
                states=states,
                plugin=plugin,
                asker=asker.name,
                of=asker.plugins,
            )
        is_more = len(rows) > limit
        return JobsPage(
            jobs=[job_view(row) for row in rows[:limit]],
            next=_cursor(rows[limit - 1]) if is_more else None,
        )

    async def result(
        self, job_id: str, *, tenant: str = "default", asker: Asker = ANYBODY
    ) -> JobResult:
        """Return what came of a job, one of the ``asker``'s as for `find`.

        Raises:
            NotFound: the tenant has no such job, or its outcome is not kept any more.
            Conflict: it has not ended.
        """
        async with self._needs.database.reading() as connection:
            repository = JobRepository(connection, tenant)
            row = visible(await repository.find(job_id), job_id, asker)
            content = await repository.outcome(job_id)
        if not JobState(row.state).has_ended:
            raise Conflict(f"The job {job_id} is {row.state}; it has no result yet.")
        if content is None:
            raise NotFound(
                f"What came of the job {job_id} is not kept any more: it {row.state} at "
                f"{row.ended_at}."
            )
        found = decode_outcome(content)
        return JobResult(
            job=job_view(row),
            result=found.result,
            error=found.error,
            usage=found.usage,
            terms=found.terms,
        )

    async def wait(
        self, job_id: str, *, seconds: float, tenant: str = "default", watch: Watch | None = None
    ) -> JobView:
        """Return a job once it has ended, or as it is after so many seconds.

        Args:
            watch: on that job; who closes it ends the waiting.

        Raises:
            NotFound: the tenant has no such job.
        """
        if watch is None:
            with self.watched(job_id) as own:
                return await self.wait(job_id, seconds=seconds, tenant=tenant, watch=own)
        until = time.monotonic() + min(max(seconds, 0.0), WAIT_SECONDS_MAX)
        while True:
            view = await self.find(job_id, tenant=tenant)
            left = until - time.monotonic()
            if view.state.has_ended or left <= 0 or watch.is_closed:
                return view
            await watch.moved(left)

    async def cancel(
        self,
        job_id: str,
        *,
        tenant: str = "default",
        actor: str = "host",
        asker: Asker = ANYBODY,
    ) -> JobView:
        """End a job, whichever host runs it, one of the ``asker``'s as for `find`; its call is
        stopped in a moment.

        Raises:
            NotFound: the tenant has no such job.
            Conflict: it has ended otherwise.
        """
        await self.find(job_id, tenant=tenant, asker=asker)
        return job_view(await self._needs.claims.cancel(tenant, job_id, actor))

    def watched(self, job_id: str) -> AbstractContextManager[Watch]:
        """Be woken, while this is open, when something happens to a job."""
        return self._needs.watches.watched(job_id)

    async def _found(self, tenant: str, job_id: str, asker: Asker) -> JobRow:
        async with self._needs.database.reading() as connection:
            return visible(await JobRepository(connection, tenant).find(job_id), job_id, asker)

    async def _check_endpoint(self, tenant: str, endpoint_id: str) -> None:
        async with self._needs.database.reading() as connection:
            found = await EndpointRepository(connection, tenant).find(endpoint_id)
        if found is None:
            raise NotFound(f"There is no endpoint {endpoint_id[:80]!r} to notify.")

    def _row(self, order: JobOrder, plugin: Installed, function: str, size: int) -> JobRow:
        job_id, at = new_id(), self._needs.claims.now()
        return JobRow(
            id=job_id,
            plugin=plugin.name,
            plugin_id=plugin.id,
            function=function,
            state=JobState.QUEUED.value,
            retry=order.retry,
            subject=order.subject[:_MAX_NAME_CHARS],
            api_key_id=order.key_id,
            correlation_id=(order.correlation_id or job_id)[:_MAX_NAME_CHARS],
            traceparent=order.traceparent,
            notify=order.notify,
            created_at=at,
            not_before=at,
            request_bytes=size,
        )


def visible(row: JobRow | None, job_id: str, asker: Asker) -> JobRow:
    """Return a job to whom it is for.

    Raises:
        NotFound: there is none, or it is not for the asker.
    """
    if row is None or not asker.may_see(row.plugin, row.subject if row.api_key_id else None):
        raise no_such_job(job_id)
    return row


def _cursor(row: JobRow) -> str:
    return f"{row.position:x}"


def _read_cursor(text: str) -> int:
    try:
        position = int(text, 16)
    except ValueError:
        position = -1
    if not 0 <= position < _POSITIONS_MAX or len(text) > 16:
        raise InvalidArguments("This is not where a page ends.", path="before")
    return position
