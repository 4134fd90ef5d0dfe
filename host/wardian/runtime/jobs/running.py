"""One job: its function is called, and what came of it is written down.

What is none of its doing, such as that every worker is busy, does not end it: it waits a moment.
"""

from __future__ import annotations

import asyncio
from functools import partial

from wardian.errors import (
    Conflict,
    Forbidden,
    NotFound,
    Overloaded,
    ResultTooLarge,
    Revoked,
    SignatureInvalid,
    VaultSealed,
    WardianError,
)
from wardian.plugins import Installed
from wardian.runtime.calls import CallRequest
from wardian.runtime.entrance import Entrance
from wardian.runtime.jobs.claims import Claimed, Claims
from wardian.runtime.jobs.orders import JobPolicy, JobState
from wardian.runtime.jobs.stored import (
    StoredOutcome,
    StoredRequest,
    decode_request,
    encode_outcome,
)
from wardian.tenants.scopes import scopes_with

LARGE_BYTES = 64 * 1024
"""What takes longer to encode than others should wait for is encoded in a thread."""

FINISH_TRIES = 3
FINISH_APART_SECONDS = 1.0
"""How often it is tried to write an end down, because a call that was made is not made again."""

_WAITING = (Overloaded, VaultSealed)
"""Errors of a call that was not begun, and may be in a moment."""

_Ended = tuple[JobState, StoredOutcome]


class Runner:
    """Does jobs.

    Attributes:
        calls: the ids of those calls that are under way, by the job.
    """

    def __init__(self, claims: Claims, entrance: Entrance, policy: JobPolicy) -> None:
        self._claims = claims
        self._entrance = entrance
        self._policy = policy
        self.calls: dict[str, str] = {}

    async def perform(self, claimed: Claimed) -> int:
        """Do a job; return how many bytes its outcome has, 0 if it did not end here.

        Raises:
            WardianError: it could not be begun, and is put off; or its end could not be written.
        """
        self.calls[claimed.id] = claimed.call_id
        try:
            state, outcome = await self._begun(claimed) or await self._made(claimed)
            return await self._end(claimed, state, outcome)
        except asyncio.CancelledError:
            await self._claims.release(claimed)
            raise
        finally:
            del self.calls[claimed.id]

    async def _begun(self, claimed: Claimed) -> _Ended | None:
        """Return how a job ends that is not to be begun; None if it is.

        Raises:
            WardianError: that cannot be told now.
        """
        try:
            if claimed.queued.is_revoked:
                subject = claimed.queued.job.subject
                raise Forbidden(f"The API key {subject!r} was revoked since it asked for this.")
            await self._find(claimed)
        except (Conflict, Forbidden, NotFound, Revoked, SignatureInvalid) as error:
            return JobState.FAILED, StoredOutcome.of_error(error)
        except WardianError:
            await self._claims.put_off(claimed)
            raise
        return None

    async def _made(self, claimed: Claimed) -> _Ended:
        """Make the call.

        Raises:
            Overloaded, VaultSealed: it was not made.
        """
        find = partial(self._find, claimed)
        wanted = decode_request(claimed.queued.request)
        try:
            outcome = await self._entrance.call(find, _request(claimed, wanted))
        except _WAITING:
            await self._claims.put_off(claimed)
            raise
        except WardianError as error:
            return JobState.FAILED, StoredOutcome.of_error(error)
        return JobState.SUCCEEDED, StoredOutcome.of(outcome)

    async def _end(self, claimed: Claimed, state: JobState, outcome: StoredOutcome) -> int:
        size = await self._size(outcome)
        if size > self._policy.outcome_bytes_max:
            state, outcome = JobState.FAILED, self._too_large(outcome, size)
        for tries_left in reversed(range(FINISH_TRIES)):
            try:
                return size if await self._claims.finish(claimed, state, outcome) else 0
            except WardianError:
                if not tries_left:
                    raise
                await asyncio.sleep(FINISH_APART_SECONDS)
        return 0

    async def _find(self, claimed: Claimed) -> Installed:
        """Return the plugin as it is now, if it is still the one that was asked for.

        Raises:
            NotFound: it is gone.
            Conflict: it takes no calls.
            SignatureInvalid, Revoked: it was set aside for that.
        """
        job = claimed.queued.job
        plugin = await self._entrance.named(claimed.tenant, job.plugin)
        if plugin.id != job.plugin_id:
            raise NotFound(
                f"{job.plugin} was uninstalled since the job was queued; what is installed under "
                "that name now is not what was asked for."
            )
        return plugin

    async def _size(self, outcome: StoredOutcome) -> int:
        spent = outcome.usage.output_bytes if outcome.usage else 0
        if spent > LARGE_BYTES:
            return len(await asyncio.to_thread(encode_outcome, outcome))
        return len(encode_outcome(outcome))

    def _too_large(self, outcome: StoredOutcome, size: int) -> StoredOutcome:
        error = ResultTooLarge(
            f"What the job came to has {size:,} bytes, and this host keeps "
            f"{self._policy.outcome_bytes_max:,} (WARDIAN_JOB_RESULT_BYTES_MAX).",
            usage=outcome.usage,
        )
        error.terms = outcome.terms
        return StoredOutcome.of_error(error)


def _request(claimed: Claimed, wanted: StoredRequest) -> CallRequest:
    queued, job = claimed.queued, claimed.queued.job
    return CallRequest(
        function=job.function,
        arguments=wanted.arguments,
        subject=job.subject,
        limits=wanted.limits,
        call_id=claimed.call_id,
        correlation_id=job.correlation_id,
        traceparent=job.traceparent,
        scopes=None if queued.scopes is None else scopes_with(queued.scopes, queued.plugins),
        is_kept=True,
    )
