"""Deliveries as operators see them: who receives events, what waits, and dead letters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from wardian.errors import InvalidArguments, NotFound
from wardian.events import Event
from wardian.plugins import Registry
from wardian.plugins.registry import read_installed
from wardian.runtime.handling import handles_events
from wardian.runtime.journal import Journal
from wardian.storage import Database
from wardian.storage.deliveries import DeliveryRepository
from wardian.storage.rows import DeliveryRow, EventRow

PAGE_MAX = 100


class SubscriberView(msgspec.Struct, frozen=True, kw_only=True):
    """A plugin that receives events.

    Attributes:
        topics: the patterns that it was granted.
        queued: how many events wait for it.
        dropped: how many it did not get, because as many waited as may or it may not have them.
        paused: whether what waits for it is held back.
    """

    plugin: str
    topics: list[str]
    queued: int
    dropped: int
    paused: bool


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """An event that a plugin did not handle.

    Attributes:
        attempts: how often it was tried.
        reason: what the last attempt failed of.
        since: when it was given up.
        data: the event's.
    """

    id: str
    plugin: str
    event_id: str
    topic: str
    source: str
    key: str | None
    time: str
    attempts: int
    reason: str
    since: datetime
    data: Any


class DeadLettersPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some dead letters, the newest first; ``next`` asks for those after them."""

    dead_letters: list[DeadLetter]
    next: int | None


class Deliveries:
    """What waits for plugins, and what they did not handle."""

    def __init__(
        self, database: Database, registry: Registry, journal: Journal, wake: Callable[[], None]
    ) -> None:
        self._database = database
        self._registry = registry
        self._journal = journal
        self._wake = wake

    async def subscribers(self, *, tenant: str = "default") -> list[SubscriberView]:
        """Return the tenant's plugins that receive events, by name."""
        async with self._database.reading() as connection:
            rows = await DeliveryRepository(connection, tenant).subscribers()
        found = {row.name: row for row in rows}
        views = []
        for plugin in await self._registry.all(tenant):
            topics = [str(each.target) for each in plugin.granted if each.action == _SUBSCRIBE]
            row = found.get(plugin.name)
            if row is not None or (topics and handles_events(plugin)):
                views.append(
                    SubscriberView(
                        plugin=plugin.name,
                        topics=topics,
                        queued=row.queued if row else 0,
                        dropped=row.dropped if row else 0,
                        paused=row.paused if row else False,
                    )
                )
        return views

    async def set_paused(
        self, plugin: str, paused: bool, *, tenant: str = "default", actor: str = "host"
    ) -> None:
        """Hold back what waits for a plugin, or no longer; what is being handled goes on.

        Raises:
            NotFound: no such plugin.
        """
        async with self._journal.change(tenant, actor) as change:
            found = await read_installed(change.connection, tenant, plugin)
            await DeliveryRepository(change.connection, tenant).set_paused(found.id, paused)
            await change.note("events-paused" if paused else "events-resumed", plugin, {})
        self._wake()

    async def dead(
        self,
        *,
        plugin: str | None = None,
        limit: int = 50,
        before: int | None = None,
        tenant: str = "default",
    ) -> DeadLettersPage:
        """Return a page of dead letters, the newest first.

        Raises:
            InvalidArguments: no page of this size.
            NotFound: no such plugin.
        """
        if not 1 <= limit <= PAGE_MAX:
            raise InvalidArguments(f"A page has 1 to {PAGE_MAX} dead letters.", path="limit")
        plugin_id = None if plugin is None else (await self._registry.get(tenant, plugin)).id
        async with self._database.reading() as connection:
            rows = await DeliveryRepository(connection, tenant).dead(
                limit=limit + 1, before=before, receiver_id=plugin_id
            )
        names = {each.id: each.name for each in await self._registry.all(tenant)}
        return DeadLettersPage(
            dead_letters=[_view(names, *row) for row in rows[:limit]],
            next=rows[limit - 1][0].position if len(rows) > limit else None,
        )

    async def requeue(
        self, ids: Sequence[str], *, tenant: str = "default", actor: str = "host"
    ) -> None:
        """Have dead letters delivered again, as if for the first time.

        Each takes the place again that it had among those of its key.

        Raises:
            NotFound: one of them is no dead letter of the tenant's; then nothing is changed.
        """
        await self._change("events-requeued", ids, tenant, actor, keep=True)
        self._wake()

    async def discard(
        self, ids: Sequence[str], *, tenant: str = "default", actor: str = "host"
    ) -> None:
        """Remove dead letters.

        Raises:
            NotFound: one of them is no dead letter of the tenant's; then nothing is changed.
        """
        await self._change("events-discarded", ids, tenant, actor, keep=False)

    async def _change(
        self, what: str, ids: Sequence[str], tenant: str, actor: str, *, keep: bool
    ) -> None:
        names = {each.id: each.name for each in await self._registry.all(tenant)}
        async with self._journal.change(tenant, actor) as change:
            repository = DeliveryRepository(change.connection, tenant)
            of_plugin: dict[str, list[str]] = {}
            for letter in dict.fromkeys(ids):
                found = await repository.find_dead(letter)
                if found is None:
                    raise NotFound(f"There is no dead letter {letter[:80]!r}.")
                of_plugin.setdefault(found[0].receiver_id, []).append(letter)
            for plugin_id, mine in sorted(of_plugin.items()):
                if keep:
                    await repository.requeue(plugin_id, mine)
                else:
                    await repository.forget(mine)
                name = names.get(plugin_id, plugin_id)
                await change.note(what, name, {"dead_letters": mine})


_SUBSCRIBE = "events:subscribe"


def _view(names: dict[str, str], row: DeliveryRow, event: EventRow) -> DeadLetter:
    found = Event.of(event)
    return DeadLetter(
        id=row.id,
        plugin=names.get(row.receiver_id, ""),
        event_id=found.id,
        topic=found.topic,
        source=found.source,
        key=found.key,
        time=found.time,
        attempts=row.attempt,
        reason=row.last_error,
        since=row.updated_at,
        data=found.value(),
    )
