"""Recorded calls run again: by another version, with the answers that the host gave then."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import msgspec

from wardian.config import overlaid
from wardian.crypto.identifiers import new_id
from wardian.errors import CallError, InvalidArguments, NotFound, WardianError
from wardian.plugins import Installed, Manifest, Registry
from wardian.plugins.trust import Trust
from wardian.policy.levels import Level
from wardian.policy.limits import Limits, limits_from
from wardian.policy.redaction import MARKER, TooMuch
from wardian.policy.usage import Usage
from wardian.runtime.calls import CallPolicy
from wardian.runtime.differences import Difference, difference, differences
from wardian.runtime.executor.job import Job
from wardian.runtime.package_files import PackageFiles
from wardian.runtime.ports import Executor
from wardian.runtime.recorded import RecordedError, Recording, encode_recording
from wardian.runtime.recordings import Recordings
from wardian.runtime.redacting import redacted_result, texts_of_type
from wardian.runtime.script import Differences, Script
from wardian.sandbox import Description
from wardian.storage import Database
from wardian.storage.plugins import PluginRepository
from wardian.storage.rows import VersionRow

SECONDS_MAX = 120.0
"""After this time no further recording is begun for an upgrade; it would wait for them."""

_NOT_REPLAYED = ("wasi:clocks/", "wasi:random/")


class ReplayOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """One recorded call, run again.

    Attributes:
        recorded_version, version: the one that was recorded, and the one that ran now.
        same: whether it did what it had done: the same host calls, the same result or error.
        differences: the first of them; ``left_out`` counts the rest.
        before, after: what the call spent.
        notes: what else may tell the two apart, as sentences.
    """

    call_id: str
    function: str
    recorded_version: str
    version: str
    same: bool
    differences: list[Difference]
    left_out: int = 0
    before: Usage
    after: Usage
    notes: list[str] = []


class ReplayReport(msgspec.Struct, frozen=True, kw_only=True):
    """The last recordings of a plugin, run by a version that may take its place.

    Attributes:
        same: whether every one did what it had done.
        replayed, different: how many ran, and how many of these did something else.
        left_out: how many there was no time for.
    """

    version: str
    same: bool
    replayed: int
    different: int
    left_out: int
    outcomes: list[ReplayOutcome]


@dataclass(frozen=True, slots=True, kw_only=True)
class Performer:
    """What runs a recording again.

    Attributes:
        load: fetches the component, if its compiled code is missing.
        limits: that its calls have before a request lowers them.
        package_digest: empty for a component without a package.
        manifest: None for a component without one; its configuration is then the recorded one.
    """

    tenant: str
    version: str
    package_digest: str
    level: Level
    limits: Limits
    description: Description
    load: Callable[[], Awaitable[bytes]]
    manifest: Manifest | None = None

    def configuration(self, recording: Recording) -> Mapping[str, Any]:
        """Return what the operator had set, over this version's own defaults."""
        if self.manifest is None or self.package_digest == recording.package_digest:
            return recording.configuration
        return overlaid(self.manifest.default_config, recording.configured)


async def rerun(executor: Executor, recording: Recording, performer: Performer) -> ReplayOutcome:
    """Run a recorded call once more, in a worker, at the performer's level and within its limits.

    Nothing that it asks of the host happens: see `Script`.

    Raises:
        InvalidArguments: the recording has a limit that there is not.
        Overloaded, HostUnusable: it did not start.
    """
    found = Differences()
    script = Script(recording.host_calls, performer.configuration(recording), found)
    result, error, usage = await _run(executor, recording, performer, script)
    script.end()
    await asyncio.to_thread(_compare, found, recording, performer, (result, error))
    return ReplayOutcome(
        call_id=recording.call_id,
        function=recording.function,
        recorded_version=recording.version,
        version=performer.version,
        same=not found.described,
        differences=found.described,
        left_out=found.left_out,
        before=recording.usage,
        after=usage,
        notes=_notes(recording, performer.description),
    )


class Replays:
    """Runs the recordings of installed plugins."""

    def __init__(self, parts: ReplayParts) -> None:
        self._parts = parts

    async def against(self, plugin: Installed, version: Installed, last: int) -> ReplayReport:
        """Run the last recordings of a plugin, the newest first, by a version that is to be it.

        Args:
            plugin: whose recordings.
            version: the same installation, as it would be with the other version's package; its
                file is kept already.
            last: how many, at most.

        Raises:
            SignatureInvalid, Revoked: the version may not run.
            Overloaded, HostUnusable: one did not start.
        """
        await self._parts.trust.check_load(version)
        ids = await self._parts.recordings.newest(plugin, last)
        performer = self._performer(version)
        outcomes: list[ReplayOutcome] = []
        ends_at = time.monotonic() + SECONDS_MAX
        for call_id in ids:
            if time.monotonic() > ends_at:
                break
            try:
                recording = await self._parts.recordings.find(plugin.tenant, call_id)
            except NotFound:
                continue  # newer ones took its place meanwhile
            outcomes.append(await rerun(self._parts.executor, recording, performer))
        different = sum(not outcome.same for outcome in outcomes)
        return ReplayReport(
            version=version.version,
            same=different == 0,
            replayed=len(outcomes),
            different=different,
            left_out=len(ids) - len(outcomes),
            outcomes=outcomes,
        )

    async def one(self, call_id: str, version: str | None, *, tenant: str) -> ReplayOutcome:
        """Run one recording again.

        Args:
            version: a kept version of the plugin; by default the one that was recorded if that is
                kept, and else the one in use.

        Raises:
            NotFound: the tenant has no such recording, or the plugin no such version.
            SignatureInvalid, Revoked: the version may not run any more.
            Overloaded, HostUnusable: it did not start.
        """
        recording = await self._parts.recordings.find(tenant, call_id)
        plugin = await self._parts.registry.get(tenant, recording.plugin)
        chosen = await self._version(plugin, recording, version)
        await self._parts.trust.check_load(chosen)
        return await rerun(self._parts.executor, recording, self._performer(chosen))

    async def _version(
        self, plugin: Installed, recording: Recording, version: str | None
    ) -> Installed:
        async with self._parts.database.reading() as connection:
            kept = await PluginRepository(connection, plugin.tenant).versions(plugin.id)
        if version is None:
            found = [row for row in kept if row.package_digest == recording.package_digest]
            return _as_version(plugin, found[0]) if found else plugin
        found = [row for row in kept if row.plugin_version == version]
        if not found:
            known = ", ".join(sorted({row.plugin_version for row in kept}))
            raise NotFound(
                f"No version {version[:80]!r} of {plugin.name} is kept; there is {known}."
            )
        return _as_version(plugin, found[0])

    def _performer(self, version: Installed) -> Performer:
        level = self._parts.policy.level(version)
        return Performer(
            tenant=version.tenant,
            version=version.version,
            package_digest=version.package_digest,
            level=level,
            limits=self._parts.policy.limits(level),
            description=version.description,
            load=partial(self._parts.files.component, version.package_digest),
            manifest=version.manifest,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayParts:
    """What replays are made with."""

    database: Database
    registry: Registry
    recordings: Recordings
    executor: Executor
    files: PackageFiles
    trust: Trust
    policy: CallPolicy


def _as_version(plugin: Installed, row: VersionRow) -> Installed:
    """Return an installation as it would be with another of its versions."""
    return replace(
        plugin,
        version=row.plugin_version,
        digest=row.digest,
        package_digest=row.package_digest,
        level=Level(row.level),
        manifest=Manifest.restored(row.manifest),
        description=msgspec.convert(row.description, Description),
    )


async def _run(
    executor: Executor, recording: Recording, performer: Performer, script: Script
) -> tuple[Any, WardianError | None, Usage]:
    limits = limits_from(recording.lowered, performer.limits)
    try:
        function = performer.description.resolve(recording.function)
    except NotFound as error:
        return None, error, Usage()
    job = Job(
        call_id=new_id(),
        tenant=performer.tenant,
        level=performer.level,
        digest=performer.description.digest,
        load=performer.load,
        function=function,
        arguments=recording.arguments,
        limits=limits,
    )
    try:
        outcome = await executor.call(job, script)
    except CallError as error:
        return None, error, error.usage or Usage()
    except InvalidArguments as error:
        return None, error, Usage()
    return outcome.result, None, outcome.usage


def _compare(
    found: Differences,
    recording: Recording,
    performer: Performer,
    ended: tuple[Any, WardianError | None],
) -> None:
    """Add what differs in the results or errors; in a thread, because they may be large."""
    kept = texts_of_type(performer.description.functions.get(recording.function))
    before = recording.error
    try:
        result, error = ended[0], None if ended[1] is None else RecordedError.of(ended[1])
        result, error = redacted_result(result, error, kept)
    except (TooMuch, RecursionError):
        found.add(difference("result", recording.result, "too much to compare"))
        return
    if before is None and error is None:
        several = differences("result", recording.result, result)
    elif before is None or error is None:
        several = iter([difference("error", _said(before), _said(error))])
    else:
        several = differences("error", _said(before), _said(error))
    for each in several:
        found.add(each)


def _said(error: RecordedError | None) -> dict[str, Any] | None:
    """What of an error is to be the same: a sentence that tells how long it took is not."""
    if error is None:
        return None
    said = {"type": error.type, **error.details}
    return {**said, "message": error.message} if error.type == "trap" else said


def _notes(recording: Recording, description: Description) -> list[str]:
    notes: list[str] = []
    imported = [name for name in description.imports if name.startswith(_NOT_REPLAYED)]
    if imported:
        notes.append(
            f"It imports {', '.join(imported)}: the time and random numbers of WASI are not "
            "recorded, and what depends on them may differ each time."
        )
    if MARKER.encode() in encode_recording(recording):
        notes.append(
            "The recording had secrets, which were taken out: what is computed from them differs."
        )
    return notes
