"""Calls that are recorded: heard while they run, written down after they were answered."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import islice
from operator import itemgetter

from wardian.errors import WardianError
from wardian.plugins import Installed
from wardian.policy.leaks import Leaks
from wardian.policy.limits import MIB
from wardian.policy.redaction import TooMuch
from wardian.runtime.executor.job import HostCalls
from wardian.runtime.recorded import encode_recording, read_recording
from wardian.runtime.redacting import redacted, texts_of_type
from wardian.runtime.tape import NOT_PLAIN, TOO_LARGE, Ending, RecordedCall, Tape
from wardian.storage import Database
from wardian.storage.recordings import RecordingRepository
from wardian.storage.rows import RecordingRow
from wardian.telemetry import Telemetry

QUEUE_BYTES_MAX = 16 * MIB
"""What may wait to be written; what comes while it is full is not kept."""

BATCH_MAX = 32
BATCH_BYTES_MAX = 2 * MIB
"""How many, and how many bytes after the first, are written in one transaction, for which whatever
else writes has to wait."""

HELD_SECONDS = 0.1
"""How long a recording may wait for others: together they cost less, and of many only the last are
kept."""

KEPT = "kept"
QUEUE_FULL = "queue-full"
TOO_MUCH = "too-much-to-redact"
NOT_WRITTEN = "not-written"

_COUNTED_PLUGINS_MAX = 1_000
_log = logging.getLogger("wardian.recording")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingPolicy:
    """What the operator allows every plugin's recordings.

    Attributes:
        calls_max: how many calls of a plugin can be kept.
        bytes_max: size of one recording.
        plugin_bytes_max: of all of a plugin's.
    """

    calls_max: int = 100
    bytes_max: int = MIB
    plugin_bytes_max: int = 64 * MIB


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A recording that is not yet written, with its secrets still in it."""

    plugin: Installed
    content: bytes
    known: Leaks | None


class Recorder:
    """Writes recordings down once the calls were answered; nothing of it fails one.

    What cannot be kept is dropped whole and counted, by reason.
    """

    def __init__(self, database: Database, telemetry: Telemetry, policy: RecordingPolicy) -> None:
        self.policy = policy
        self._database = database
        self._telemetry = telemetry
        self._ended: list[tuple[Tape, Ending]] = []
        self._queue: deque[_Waiting] = deque()
        self._queue_bytes = 0
        self._due = asyncio.Event()
        self._writing = asyncio.Lock()
        self._dropped: OrderedDict[str, Counter[str]] = OrderedDict()

    def tape(self, call: RecordedCall, answer: HostCalls) -> Tape:
        """Return what listens to a call whose host calls ``answer`` answers."""
        return Tape(call, answer, self._take, self.policy.bytes_max)

    def _take(self, tape: Tape, how: Ending) -> None:
        """Take a call that has ended; from within a running event loop."""
        self._ended.append((tape, how))
        if len(self._ended) == 1:
            # Not now: whoever waits for the call is to have its answer first.
            asyncio.get_running_loop().call_soon(self._take_in)

    def dropped(self, plugin_id: str) -> dict[str, int]:
        """Return how many calls of a plugin were not kept since the start, by reason."""
        return dict(self._dropped.get(plugin_id, ()))

    async def flush(self) -> None:
        """Write down every call that has ended."""
        self._take_in()
        while self._queue:
            await self._write_some()

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Write what comes while this is open, and the rest at its end."""
        task = asyncio.create_task(self._write_forever(), name="wardian-recording")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await self.flush()

    async def _write_forever(self) -> None:
        while True:
            await self._due.wait()
            await asyncio.sleep(HELD_SECONDS)
            await self.flush()

    def _take_in(self) -> None:
        ended, self._ended = self._ended, []
        for tape, how in ended:
            content = tape.encoded(how, self.policy.bytes_max)
            if isinstance(content, str):
                self._drop(tape.plugin, content)
            elif self._queue_bytes + len(content) > QUEUE_BYTES_MAX:
                self._drop(tape.plugin, QUEUE_FULL)
            else:
                self._queue.append(_Waiting(tape.plugin, content, how.known))
                self._queue_bytes += len(content)
                self._due.set()

    async def _write_some(self) -> None:
        async with self._writing:
            self._forget_outdated()
            batch = self._batch()
            if not batch:
                return
            made = await asyncio.to_thread(self._make, batch)
            try:
                await self._write(made)
            except WardianError as error:
                _log.warning("%d recordings could not be written: %s", len(made), error)
                for plugin, _ in made:
                    self._drop(plugin, NOT_WRITTEN)
            for waiting in batch:
                self._queue.popleft()
                self._queue_bytes -= len(waiting.content)
            if not self._queue:
                self._due.clear()

    def _forget_outdated(self) -> None:
        """Leave out what waits behind as many newer calls of its plugin as are kept."""
        newer: Counter[str] = Counter()
        wanted: deque[_Waiting] = deque()
        for waiting in reversed(self._queue):
            newer[waiting.plugin.id] += 1
            if newer[waiting.plugin.id] <= min(waiting.plugin.recorded, self.policy.calls_max):
                wanted.appendleft(waiting)
            else:
                self._queue_bytes -= len(waiting.content)
        self._queue = wanted

    def _batch(self) -> list[_Waiting]:
        batch: list[_Waiting] = []
        size = 0
        for waiting in islice(self._queue, BATCH_MAX):
            if batch and size + len(waiting.content) > BATCH_BYTES_MAX:
                break
            batch.append(waiting)
            size += len(waiting.content)
        return batch

    def _make(self, batch: list[_Waiting]) -> list[tuple[Installed, RecordingRow | str]]:
        return [(each.plugin, self._row(each)) for each in batch]

    def _row(self, waiting: _Waiting) -> RecordingRow | str:
        """Take the secrets out; in a thread, because that may take a while."""
        plugin = waiting.plugin
        try:
            recording = read_recording(waiting.content)
            kept = texts_of_type(plugin.description.functions.get(recording.function))
            recording = redacted(recording, plugin.manifest.config_schema, kept, waiting.known)
            document = encode_recording(recording)
        except (TooMuch, RecursionError):
            return TOO_MUCH
        except Exception:  # noqa: BLE001 -- the recordings of others are still to be written
            _log.exception("A call of %s could not be recorded", plugin.name)
            return NOT_PLAIN
        if len(document) > self.policy.bytes_max:
            return TOO_LARGE
        return RecordingRow(
            call_id=recording.call_id,
            plugin_id=plugin.id,
            plugin_version=recording.version,
            package_digest=recording.package_digest,
            function=recording.function,
            outcome=recording.outcome,
            recorded_at=recording.recorded_at,
            size_bytes=len(document),
            document=document,
        )

    async def _write(self, made: list[tuple[Installed, RecordingRow | str]]) -> None:
        rows: dict[tuple[str, str], list[RecordingRow]] = {}
        for plugin, row in made:
            if not isinstance(row, str):
                rows.setdefault((plugin.tenant, plugin.id), []).append(row)
        kept = 0
        async with self._database.transaction() as connection:
            # In order, because two hosts that lock tenants in turn would wait for each other.
            for (tenant, plugin_id), several in sorted(rows.items(), key=itemgetter(0)):
                repository = RecordingRepository(connection, tenant)
                kept += await self._keep(repository, plugin_id, several)
        for plugin, row in made:
            if isinstance(row, str):
                self._drop(plugin, row)
        self._telemetry.recording_ended(KEPT, kept)

    async def _keep(
        self, repository: RecordingRepository, plugin_id: str, rows: list[RecordingRow]
    ) -> int:
        """Keep calls of a plugin, unless it was uninstalled or is not recorded any more."""
        policy = self.policy
        calls = min(await repository.calls(plugin_id), policy.calls_max)
        if calls == 0:
            return 0
        for row in rows:
            await repository.add(row)
        await repository.prune(plugin_id, calls=calls, bytes_max=policy.plugin_bytes_max)
        return len(rows)

    def _drop(self, plugin: Installed, reason: str) -> None:
        self._telemetry.recording_ended(reason)
        self._dropped.setdefault(plugin.id, Counter())[reason] += 1
        self._dropped.move_to_end(plugin.id)
        if len(self._dropped) > _COUNTED_PLUGINS_MAX:
            self._dropped.popitem(last=False)
