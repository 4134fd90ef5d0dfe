"""Recordings as operators see them: switched on and off, listed, read, removed."""

from __future__ import annotations

from datetime import datetime

import msgspec

from wardian.errors import InvalidArguments, NotFound
from wardian.plugins import Installed, Registry
from wardian.plugins.registry import read_installed
from wardian.runtime.journal import Journal
from wardian.runtime.recorded import Recording, read_recording
from wardian.runtime.recording import Recorder
from wardian.storage import Database
from wardian.storage.recordings import RecordingRepository
from wardian.storage.rows import RecordingRow, RecordingSummary

PAGE_MAX = 100

_BETWEEN = "~"


class RecordingView(msgspec.Struct, frozen=True, kw_only=True):
    """One recorded call, without what was said in it."""

    call_id: str
    version: str
    package_digest: str
    function: str
    outcome: str
    recorded_at: datetime
    size_bytes: int


class RecordedPlugin(msgspec.Struct, frozen=True, kw_only=True):
    """How calls of a plugin are recorded.

    Attributes:
        calls: how many are kept; 0 records none.
        kept, size_bytes: how many there are, and what they take.
        dropped: how many were not kept since the host started, by reason.
    """

    plugin: str
    calls: int
    kept: int
    size_bytes: int
    dropped: dict[str, int]


class RecordingsPage(RecordedPlugin, frozen=True, kw_only=True):
    """How calls of a plugin are recorded, and some that were, the newest first.

    Attributes:
        next: what asks for those after them; None if there are no more.
    """

    recordings: list[RecordingView]
    next: str | None


class Recordings:
    """The recordings of every tenant's plugins."""

    def __init__(
        self, database: Database, registry: Registry, journal: Journal, recorder: Recorder
    ) -> None:
        self._database = database
        self._registry = registry
        self._journal = journal
        self._recorder = recorder

    async def set_calls(
        self, name: str, calls: int, *, tenant: str = "default", actor: str = "host"
    ) -> RecordedPlugin:
        """Have the last ``calls`` calls of a plugin recorded from now on; 0 records no more.

        Older ones than these are removed at once, but 0 removes none.

        Raises:
            NotFound: no such plugin.
            InvalidArguments: more than the operator of the host allows, or less than 0.
        """
        policy = self._recorder.policy
        if not 0 <= calls <= policy.calls_max:
            raise InvalidArguments(
                f"This host keeps 0 to {policy.calls_max} calls of a plugin, not {calls}; see "
                "WARDIAN_RECORDED_CALLS_MAX.",
                path="calls",
            )
        await self._recorder.flush()
        async with self._journal.change(tenant, actor) as change:
            plugin = await read_installed(change.connection, tenant, name)
            repository = RecordingRepository(change.connection, tenant)
            await repository.set_calls(plugin.id, calls)
            if calls:
                await repository.prune(plugin.id, calls=calls, bytes_max=policy.plugin_bytes_max)
            await change.note("recorded", name, {"before": plugin.recorded, "calls": calls})
        return await self._recorded(await self._registry.get(tenant, name))

    async def page(
        self, name: str, *, limit: int = 20, before: str | None = None, tenant: str = "default"
    ) -> RecordingsPage:
        """Return how a plugin is recorded, and a page of its recordings.

        Raises:
            NotFound: no such plugin.
            InvalidArguments: no page of this size, or ``before`` is no `RecordingsPage.next`.
        """
        if not 1 <= limit <= PAGE_MAX:
            raise InvalidArguments(f"A page has 1 to {PAGE_MAX} recordings.", path="limit")
        start = None if before is None else _read_cursor(before)
        plugin = await self._registry.get(tenant, name)
        recorded = await self._recorded(plugin)
        async with self._database.reading() as connection:
            repository = RecordingRepository(connection, tenant)
            rows = await repository.page(plugin.id, limit + 1, start)
        return RecordingsPage(
            **msgspec.structs.asdict(recorded),
            recordings=list(map(_view, rows[:limit])),
            next=_cursor(rows[limit - 1]) if len(rows) > limit else None,
        )

    async def find(self, tenant: str, call_id: str) -> Recording:
        """Return one recorded call.

        Raises:
            NotFound: the tenant has none of this id.
        """
        return read_recording((await self._row(tenant, call_id)).document)

    async def document(self, tenant: str, call_id: str) -> bytes:
        """Return one recorded call as the document that a file of it is.

        Raises:
            NotFound: the tenant has none of this id.
        """
        return (await self._row(tenant, call_id)).document

    async def newest(self, plugin: Installed, count: int) -> list[str]:
        """Return the call ids of a plugin's last recordings, the newest first."""
        await self._recorder.flush()
        async with self._database.reading() as connection:
            rows = await RecordingRepository(connection, plugin.tenant).page(plugin.id, count)
        return [row.call_id for row in rows]

    async def remove(self, name: str, *, tenant: str = "default", actor: str = "host") -> int:
        """Remove a plugin's recordings; return how many there were.

        Raises:
            NotFound: no such plugin.
        """
        await self._recorder.flush()
        async with self._journal.change(tenant, actor) as change:
            plugin = await read_installed(change.connection, tenant, name)
            removed = await RecordingRepository(change.connection, tenant).remove_all(plugin.id)
            await change.note("recordings-removed", name, {"removed": removed})
        return removed

    async def _recorded(self, plugin: Installed) -> RecordedPlugin:
        await self._recorder.flush()
        async with self._database.reading() as connection:
            repository = RecordingRepository(connection, plugin.tenant)
            kept, size = await repository.totals(plugin.id)
        return RecordedPlugin(
            plugin=plugin.name,
            calls=plugin.recorded,
            kept=kept,
            size_bytes=size,
            dropped=self._recorder.dropped(plugin.id),
        )

    async def _row(self, tenant: str, call_id: str) -> RecordingRow:
        await self._recorder.flush()
        async with self._database.reading() as connection:
            row = await RecordingRepository(connection, tenant).find(call_id)
        if row is None:
            raise NotFound(f"There is no recording of a call {call_id[:80]!r}.")
        return row


def _view(row: RecordingSummary) -> RecordingView:
    return RecordingView(
        call_id=row.call_id,
        version=row.plugin_version,
        package_digest=row.package_digest,
        function=row.function,
        outcome=row.outcome,
        recorded_at=row.recorded_at,
        size_bytes=row.size_bytes,
    )


def _cursor(row: RecordingSummary) -> str:
    return f"{row.recorded_at.isoformat()}{_BETWEEN}{row.call_id}"


def _read_cursor(text: str) -> tuple[datetime, str]:
    when, between, call_id = text.partition(_BETWEEN)
    try:
        moment = datetime.fromisoformat(when)
    except ValueError as exc:
        raise InvalidArguments("This is not where a page ends.", path="before") from exc
    if not between or moment.tzinfo is None:
        raise InvalidArguments("This is not where a page ends.", path="before")
    return moment, call_id
