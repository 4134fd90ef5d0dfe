"""What was delivered to endpoints and what was not: attempts, and dead letters."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from wardian.errors import InvalidArguments, NotFound
from wardian.runtime.endpoints.endpoints import Endpoints
from wardian.runtime.endpoints.views import (
    AttemptsPage,
    UndeliveredPage,
    attempt_view,
    undelivered,
)
from wardian.runtime.journal import Journal
from wardian.storage import Database
from wardian.storage.deliveries import DeliveryRepository
from wardian.storage.endpoints import EndpointRepository
from wardian.storage.queues import OF_ENDPOINTS
from wardian.tenants import Caller

PAGE_MAX = 100


class Backlog:
    """The attempts and dead letters of endpoints, for those who see these."""

    def __init__(
        self,
        database: Database,
        journal: Journal,
        endpoints: Endpoints,
        wake: Callable[[], None],
    ) -> None:
        self._database = database
        self._journal = journal
        self._endpoints = endpoints
        self._wake = wake

    async def attempts(
        self, endpoint_id: str, *, limit: int = 50, before: int | None = None, caller: Caller
    ) -> AttemptsPage:
        """Return a page of the last attempts to post to an endpoint, the newest first.

        Raises:
            NotFound: the caller has no such endpoint.
            InvalidArguments: no page of this size.
        """
        _check_limit(limit)
        await self._endpoints.find(endpoint_id, caller)
        async with self._database.reading() as connection:
            rows = await EndpointRepository(connection, caller.tenant).attempts(
                endpoint_id, limit=limit + 1, before=before
            )
        return AttemptsPage(
            attempts=[attempt_view(row) for row in rows[:limit]],
            next=rows[limit - 1].position if len(rows) > limit else None,
        )

    async def dead(
        self, endpoint_id: str, *, limit: int = 50, before: int | None = None, caller: Caller
    ) -> UndeliveredPage:
        """Return a page of the events that an endpoint did not take, the newest first.

        Raises:
            NotFound: the caller has no such endpoint.
            InvalidArguments: no page of this size.
        """
        _check_limit(limit)
        await self._endpoints.find(endpoint_id, caller)
        async with self._database.reading() as connection:
            rows = await DeliveryRepository(connection, caller.tenant, OF_ENDPOINTS).dead(
                limit=limit + 1, before=before, receiver_id=endpoint_id
            )
        return UndeliveredPage(
            dead_letters=[undelivered(*row) for row in rows[:limit]],
            next=rows[limit - 1][0].position if len(rows) > limit else None,
        )

    async def requeue(self, endpoint_id: str, ids: Sequence[str], *, caller: Caller) -> None:
        """Have dead letters delivered again, as if for the first time.

        Raises:
            NotFound: the caller has no such endpoint, or one of them is no dead letter of it; then
                nothing is changed.
        """
        await self._change("requeued", endpoint_id, ids, caller, keep=True)
        self._wake()

    async def discard(self, endpoint_id: str, ids: Sequence[str], *, caller: Caller) -> None:
        """Remove dead letters.

        Raises:
            NotFound: the caller has no such endpoint, or one of them is no dead letter of it; then
                nothing is changed.
        """
        await self._change("discarded", endpoint_id, ids, caller, keep=False)

    async def _change(
        self, what: str, endpoint_id: str, ids: Sequence[str], caller: Caller, *, keep: bool
    ) -> None:
        letters = list(dict.fromkeys(ids))
        await self._endpoints.find(endpoint_id, caller)
        async with self._journal.change(caller.tenant, caller.key_name) as change:
            repository = DeliveryRepository(change.connection, caller.tenant, OF_ENDPOINTS)
            for letter in letters:
                found = await repository.find_dead(letter)
                if found is None or found[0].receiver_id != endpoint_id:
                    raise NotFound(f"There is no dead letter {letter[:80]!r} of this endpoint.")
            if keep:
                await repository.requeue(endpoint_id, letters)
            else:
                await repository.forget(letters)
            await change.note_endpoint(f"events-{what}", endpoint_id, {"dead_letters": letters})


def _check_limit(limit: int) -> None:
    if not 1 <= limit <= PAGE_MAX:
        raise InvalidArguments(f"A page has 1 to {PAGE_MAX} entries.", path="limit")
