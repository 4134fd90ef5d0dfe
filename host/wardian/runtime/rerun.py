"""One recorded call run again, with the answers that the host gave then."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from wardian.config import overlaid
from wardian.crypto.identifiers import new_id
from wardian.errors import CallError, InvalidArguments, NotFound, WardianError
from wardian.plugins import Manifest
from wardian.policy.levels import Level
from wardian.policy.limits import Limits, limits_from
from wardian.policy.redaction import MARKER, TooMuch
from wardian.policy.usage import Usage
from wardian.runtime.differences import Difference, difference, differences
from wardian.runtime.executor.job import Job
from wardian.runtime.ports import Executor
from wardian.runtime.recorded import RecordedError, Recording, encode_recording
from wardian.runtime.redacting import redacted_result, texts_of_type
from wardian.runtime.script import Differences, Script
from wardian.sandbox import Description

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
        same: whether every one was run, and did what it had done.
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
