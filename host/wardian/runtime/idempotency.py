"""Requests that are carried out once, however often they are sent: over all hosts, for a while."""

from __future__ import annotations

import logging
import math
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from wardian.crypto.digests import sha256_hex
from wardian.crypto.identifiers import new_id
from wardian.errors import (
    AnswerNotKept,
    KeyReused,
    OutcomeUnknown,
    RateLimited,
    StillRunning,
    WardianError,
)
from wardian.runtime.flushing import flushed
from wardian.runtime.sealed_answers import Asked, KeptAnswer, open_answer, seal_answer
from wardian.storage import Database
from wardian.storage.idempotency import IdempotencyRepository, RequestRow, Total, renew
from wardian.storage.rows import now
from wardian.tenants import Tenants

BUSY_SECONDS = 1.0
"""When a request that is being carried out is worth asking for again."""

WAIT_SECONDS_MAX = 3_600.0

_RENEWALS = 3
_FORGETS_SECONDS = 60.0
_AT_ONCE = 1_000

_log = logging.getLogger("wardian.idempotency")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptPolicy:
    """What is kept, at most.

    Attributes:
        age: how long, from the answer on.
        keys: of one tenant; half of it of one API key.
        bytes: the answers to them; half of it of one API key.
        answer_bytes: one answer; of a larger one only its status is.
        lease: after which a host that says nothing of a request any more is taken for dead.
    """

    age: timedelta = timedelta(days=1)
    keys: int = 100_000
    bytes: int = 256 * 1024 * 1024
    answer_bytes: int = 1024 * 1024
    lease: timedelta = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Claim:
    """A request that is this host's to carry out."""

    asked: Asked
    row: RequestRow


class Idempotency:
    """Which requests were carried out, and what was answered."""

    def __init__(
        self,
        database: Database,
        tenants: Tenants,
        policy: KeptPolicy,
        *,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._database = database
        self._tenants = tenants
        self._clock = clock
        self._owner = new_id()
        self._running: set[str] = set()
        self.policy = policy

    async def begin(self, asked: Asked) -> Claim | KeptAnswer:
        """Take a request on, or return the answer to it.

        Raises:
            KeyReused: the key was given to another request.
            StillRunning: it is being carried out.
            OutcomeUnknown: the host that carried it out was stopped in the middle.
            AnswerNotKept: it was carried out, and its answer cannot be given again.
            RateLimited: as many requests are kept as may be.
        """
        row = RequestRow(
            api_key_id=asked.api_key_id,
            mark=sha256_hex(asked.key.encode()),
            claim=new_id(),
            request=asked.request,
            until=self._clock() + self.policy.age,
            lease_owner=self._owner,
            lease_until=self._clock() + self.policy.lease,
        )
        found = await self._claimed(asked.tenant, row)
        if found is not None:
            return self._answered(asked, found)
        return Claim(asked, row)

    async def settle(self, claim: Claim, answer: KeptAnswer) -> None:
        """Keep the answer to a request; of one that is too large only its status."""
        sealed = seal_answer(claim.asked, claim.row, answer, self.policy.answer_bytes)
        await self._settled(claim, answer.status, sealed)

    async def settle_unkept(self, claim: Claim, status: int) -> None:
        """Keep only that a request was carried out, and the status of its answer."""
        await self._settled(claim, status, None)

    async def release(self, claim: Claim) -> None:
        """Let a request be carried out anew."""
        try:
            async with self._database.transaction() as connection:
                await IdempotencyRepository(connection, claim.asked.tenant).release(claim.row)
        finally:
            self.abandon(claim)

    def abandon(self, claim: Claim) -> None:
        """Say nothing of a request any more: what became of it is not known."""
        self._running.discard(claim.row.claim)

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Say of what is carried out that it is, and forget what is over, while this is open."""
        seconds = self.policy.lease.total_seconds() / _RENEWALS
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(
                flushed(self.renew, seconds=seconds, name="wardian-idempotency-leases")
            )
            await stack.enter_async_context(
                flushed(self.tend, seconds=_FORGETS_SECONDS, name="wardian-idempotency")
            )
            yield

    async def renew(self) -> None:
        """Have the leases of what is carried out here last longer."""
        if not self._running:
            return
        try:
            async with self._database.transaction() as connection:
                await renew(
                    connection, self._owner, self._running, self._clock() + self.policy.lease
                )
        except WardianError as error:
            _log.warning("Requests under way could not be said to be so: %s", error)

    async def tend(self) -> None:
        """Forget what is over; what goes wrong can wait, and is logged."""
        try:
            for tenant in await self._tenants.list():
                await self._prune(tenant.name)
        except WardianError as error:
            _log.warning("Old answers were not forgotten: %s", error)

    async def _prune(self, tenant: str) -> None:
        gone = _AT_ONCE
        while gone >= _AT_ONCE:
            async with self._database.transaction() as connection:
                repository = IdempotencyRepository(connection, tenant)
                gone = await repository.forget_old(self._clock(), _AT_ONCE)

    async def _claimed(self, tenant: str, row: RequestRow) -> RequestRow | None:
        """Write down that a request is carried out; return what there is in its place."""
        self._running.add(row.claim)
        won = False
        try:
            async with self._database.transaction() as connection:
                repository = IdempotencyRepository(connection, tenant)
                found = await repository.find(row.api_key_id, row.mark)
                if found is not None and not self._is_over(found):
                    return found
                if found is not None:
                    await repository.drop(found)
                await self._check_room(repository, row.api_key_id)
                await repository.add(row)
            won = True
            return None
        finally:
            if not won:
                self._running.discard(row.claim)

    def _is_over(self, row: RequestRow) -> bool:
        moment = self._clock()
        return row.until <= moment and (row.lease_until is None or row.lease_until <= moment)

    async def _check_room(self, repository: IdempotencyRepository, api_key_id: str) -> None:
        totals = await repository.totals()
        mine = totals.get(api_key_id, Total())
        keys = sum(each.requests for each in totals.values())
        size = sum(each.bytes for each in totals.values())
        most = self.policy
        full = keys >= most.keys or size >= most.bytes
        if not full and mine.requests < _half(most.keys) and mine.bytes < _half(most.bytes):
            return
        first = await repository.first_over()
        wait = WAIT_SECONDS_MAX if first is None else (first - self._clock()).total_seconds()
        raise RateLimited(
            "As many requests with an Idempotency-Key are remembered of this "
            f"{'tenant' if full else 'API key'} as may be; see WARDIAN_IDEMPOTENCY_KEYS_MAX and "
            "WARDIAN_IDEMPOTENCY_BYTES_MAX. The request was not carried out.",
            retry_after_seconds=min(max(wait, BUSY_SECONDS), WAIT_SECONDS_MAX),
        )

    def _answered(self, asked: Asked, row: RequestRow) -> KeptAnswer:
        if row.request != asked.request:
            raise KeyReused(
                f"The Idempotency-Key {asked.key[:80]!r} was given to another request: its method, "
                "address, query and body must be the same each time. Give this one a key of its "
                "own."
            )
        if row.status is None:
            raise self._not_ended(row)
        if row.sealed is None:
            most = self.policy.answer_bytes
            raise _not_kept(row.status, f"It was a stream, or larger than {most} bytes.")
        answer = open_answer(asked, row)
        if answer is None:
            raise _not_kept(
                row.status, "It is shown to the token alone that the request came with."
            )
        return answer

    def _not_ended(self, row: RequestRow) -> WardianError:
        if row.lease_until is not None and row.lease_until > self._clock():
            return StillRunning(
                "The request with this Idempotency-Key is being carried out. Send it again for its "
                "answer.",
                retry_after_seconds=BUSY_SECONDS,
            )
        left = max(1, math.ceil((row.until - self._clock()).total_seconds()))
        return OutcomeUnknown(
            "The host was stopped while it carried this request out, so nobody knows whether it "
            "took effect. Look at what it was to change, and if it did not, send it with another "
            f"Idempotency-Key. This one is forgotten in {left} seconds.",
            forgotten_in_seconds=left,
        )

    async def _settled(self, claim: Claim, status: int, sealed: bytes | None) -> None:
        until = self._clock() + self.policy.age
        try:
            async with self._database.transaction() as connection:
                repository = IdempotencyRepository(connection, claim.asked.tenant)
                await repository.settle(claim.row, status, sealed, until)
        finally:
            self.abandon(claim)


def _half(most: int) -> int:
    return max(1, most // 2)


def _not_kept(status: int, why: str) -> AnswerNotKept:
    return AnswerNotKept(
        f"The request was carried out and answered with status {status}. {why}", answered=status
    )
