"""One host begins a job, and whoever says first how it ended has said it.

What becomes of a job is written in one transaction with the event of it, in which nobody else
writes to the tenant. A job that runs is its holder's while the row has the holder's call id: who
cancels it, or finds its lease over, takes it from the holder, whose own end of it then counts for
nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from wardian.crypto.identifiers import new_id
from wardian.errors import Cancelled, Conflict, JobLost, NotFound, RateLimited
from wardian.runtime.jobs.orders import JobPolicy, JobState
from wardian.runtime.jobs.stored import StoredOutcome, encode_outcome
from wardian.runtime.journal import Change, Journal
from wardian.storage import Database
from wardian.storage.jobs import JobRepository, Load
from wardian.storage.rows import JobRow, QueuedRow

PUT_OFF = timedelta(seconds=1)
"""How long a job waits that could not be begun for no fault of its own."""

RETRY_AFTER_SECONDS = 5.0
"""When there may be room again for one more job."""

LINK = "/api/v2/jobs/{id}"

_FREE: dict[str, Any] = {"call_id": None, "lease_until": None, "began_at": None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A job that this host is to do, for as long as it holds the lease."""

    tenant: str
    queued: QueuedRow
    call_id: str

    @property
    def id(self) -> str:
        """Whose it is."""
        return self.queued.job.id


class Claims:
    """Adds, begins and ends jobs."""

    def __init__(
        self,
        database: Database,
        journal: Journal,
        policy: JobPolicy,
        now: Callable[[], datetime],
        count: Callable[[str, str, str], None],
    ) -> None:
        """``count`` is told the tenant, the plugin and the state of each job that has ended."""
        self._database = database
        self._journal = journal
        self._policy = policy
        self._count = count
        self.now = now

    async def add(self, tenant: str, row: JobRow, request: bytes) -> None:
        """Queue a job; it is durable when this returns.

        Raises:
            RateLimited: as many of the tenant wait as may, or as many bytes of what they were
                asked; or half of that, all of the same key.
        """
        async with self._database.transaction() as connection:
            repository = JobRepository(connection, tenant)
            self._check_room(await repository.load(row.api_key_id), len(request))
            await repository.add(row, request)

    async def take(self, tenant: str, most: int) -> list[Claimed]:
        """Begin the tenant's oldest jobs that may be begun."""
        at = self.now()
        async with self._database.transaction() as connection:
            repository = JobRepository(connection, tenant)
            claimed = [
                Claimed(tenant=tenant, queued=each, call_id=new_id())
                for each in await repository.next(at, most)
            ]
            calls = {each.id: each.call_id for each in claimed}
            await repository.begin(calls, at, at + self._policy.lease)
        return claimed

    async def finish(self, claimed: Claimed, state: JobState, outcome: StoredOutcome) -> bool:
        """Write down how a job ended; tell whether it was still this host's to end."""
        async with self._journal.change(claimed.tenant, "host") as change:
            ending = _Ending(change, self.now())
            row = await ending.held(claimed)
            if row is not None:
                await ending.end(row, state, outcome)
        self._counted(claimed.tenant, ending)
        return row is not None

    async def put_off(self, claimed: Claimed) -> None:
        """Have a job that was not begun be one that is to be begun in a moment."""
        async with self._journal.change(claimed.tenant, "host") as change:
            ending = _Ending(change, self.now())
            row = await ending.held(claimed)
            if row is not None:
                later = {"not_before": self.now() + PUT_OFF, "attempt": row.attempt - 1}
                await ending.queue_again(row, **later)

    async def release(self, claimed: Claimed) -> None:
        """Give a job up that this host does not end, unless it is somebody else's by now."""
        async with self._journal.change(claimed.tenant, "host") as change:
            ending = _Ending(change, self.now())
            row = await ending.held(claimed)
            if row is not None:
                await ending.give_up(row)
        self._counted(claimed.tenant, ending)

    async def take_back(self, tenant: str, job_id: str) -> None:
        """Give up for a host that is gone what it had begun."""
        at = self.now()
        async with self._journal.change(tenant, "host") as change:
            ending = _Ending(change, at)
            row = await ending.repository.find(job_id)
            if row is not None and row.state == JobState.RUNNING and _is_over(row, at):
                await ending.give_up(row)
        self._counted(tenant, ending)

    async def cancel(self, tenant: str, job_id: str, actor: str) -> JobRow:
        """End a job, whichever host runs it.

        Raises:
            NotFound: the tenant has no such job.
            Conflict: it has ended otherwise.
        """
        async with self._journal.change(tenant, actor) as change:
            ending = _Ending(change, self.now())
            row = await ending.repository.find(job_id)
            if row is None:
                raise no_such_job(job_id)
            if row.state == JobState.CANCELLED:
                return row
            if JobState(row.state).has_ended:
                raise Conflict(f"The job {job_id} has {row.state} already.")
            error = Cancelled(f"{actor} cancelled the job.")
            ended = await ending.end(row, JobState.CANCELLED, StoredOutcome.of_error(error))
        self._counted(tenant, ending)
        return ended

    def _counted(self, tenant: str, ending: _Ending) -> None:
        """Count what ended in a transaction, once that was committed."""
        if ending.ended is not None:
            self._count(tenant, ending.ended.plugin, ending.ended.state)

    def _check_room(self, load: Load, more: int) -> None:
        most, bytes_most = self._policy.waiting_max, self._policy.waiting_bytes_max
        _check_share("tenant", load.count, most, load.size + more, bytes_most)
        # One key leaves room for the others, as it does for streams.
        share, bytes_share = max(1, most // 2), bytes_most // 2
        own = load.own_size + more if load.own_count else 0
        _check_share("API key", load.own_count, share, own, bytes_share)


class _Ending:
    """What becomes of a job, within one transaction.

    Attributes:
        ended: as it is now, if it has ended by that.
    """

    def __init__(self, change: Change, at: datetime) -> None:
        self._change = change
        self._at = at
        self.ended: JobRow | None = None
        self.repository = JobRepository(change.connection, change.tenant)

    async def held(self, claimed: Claimed) -> JobRow | None:
        """Return the row of a job, if it is still its holder's."""
        row = await self.repository.find(claimed.id)
        is_held = row is not None and row.state == JobState.RUNNING
        return row if is_held and row is not None and row.call_id == claimed.call_id else None

    async def give_up(self, row: JobRow) -> None:
        """Have a job begun again whose host is lost, or end it."""
        if row.attempt <= row.retry:
            await self.queue_again(row)
            return
        times = "once" if row.attempt == 1 else f"{row.attempt} times"
        error = JobLost(
            f"The job was begun {times}, its host was lost, and it is not to be run again: it is "
            "not known how far it came."
        )
        await self.end(row, JobState.LOST, StoredOutcome.of_error(error))

    async def queue_again(self, row: JobRow, **values: Any) -> None:
        await self.repository.change(row.id, state=JobState.QUEUED.value, **_FREE, **values)

    async def end(self, row: JobRow, state: JobState, outcome: StoredOutcome) -> JobRow:
        content = encode_outcome(outcome)
        error = "" if outcome.error is None else outcome.error.type
        self.ended = ended = replace(
            row, state=state.value, error=error, ended_at=self._at, outcome_bytes=len(content)
        )
        await self.repository.change(
            row.id,
            state=ended.state,
            error=error,
            ended_at=self._at,
            lease_until=None,
            request=None,  # what was asked is kept no longer than it is needed
            outcome=content,
            outcome_bytes=len(content),
        )
        await self._change.note_job(state.value, row.id, _told(ended))
        return ended


def _check_share(whose: str, count: int, most: int, size: int, bytes_most: int) -> None:
    if count >= most:
        raise RateLimited(
            f"{count:,} jobs of this {whose} wait, which is as many as may "
            "(WARDIAN_JOB_WAITING_MAX). Try again later.",
            retry_after_seconds=RETRY_AFTER_SECONDS,
        )
    if size > bytes_most:
        raise RateLimited(
            f"What was asked of jobs of this {whose} that wait has, with this one, {size:,} bytes: "
            f"more than {bytes_most:,} (WARDIAN_JOB_WAITING_BYTES_MAX). Try again later.",
            retry_after_seconds=RETRY_AFTER_SECONDS,
        )


def no_such_job(job_id: str) -> NotFound:
    """Return the error that a tenant has no job of this id."""
    return NotFound(f"There is no job {job_id[:80]!r}.")


def _is_over(row: JobRow, at: datetime) -> bool:
    return row.lease_until is None or row.lease_until < at


def _told(row: JobRow) -> dict[str, Any]:
    told = {
        "plugin": row.plugin,
        "function": row.function,
        "state": row.state,
        "error": row.error or None,
        "attempt": row.attempt,
        "link": LINK.format(id=row.id),
    }
    return told if row.notify is None else told | {"notify": row.notify}
