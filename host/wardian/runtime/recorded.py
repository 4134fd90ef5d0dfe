"""One recorded call: what it was asked, what it was answered, what came of it.

A recording is kept as MessagePack, in which bytes, integers of 64 bits and every float are what
they were. The file that `wardian recordings export` writes is the very same document.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal

import msgspec

from wardian.errors import InvalidArguments, WardianError
from wardian.policy.levels import Level
from wardian.policy.limits import Limits
from wardian.policy.usage import Usage

FORMAT: Literal["wardian.recording/1"] = "wardian.recording/1"

FILE_BYTES_MAX = 64 * 1024 * 1024
"""No file of a recording is larger, whatever a host's settings were."""

CONFIG = "config"
LOGGING = "logging"

_DEPTH_MAX = 200
_VALUES_MAX = 2_000_000


class RecordedHostCall(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One host call with its answer, a WIT result as a plain value."""

    interface: str
    function: str
    arguments: list[Any]
    answer: Any


class RecordedError(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a call failed: an error's type, its sentence, and what else it says."""

    type: str
    message: str
    details: dict[str, Any] = {}

    @classmethod
    def of(cls, error: WardianError) -> RecordedError:
        """Describe an error."""
        return cls(type=error.type, message=error.message, details=error.details())


class Recording(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One call, without its secrets.

    Attributes:
        version, package_digest, component_digest: of the plugin as it was called.
        level, limits: at which, and within which, it ran.
        lowered: the limits that the request itself lowered.
        configuration: the plugin's resolved values.
        configured: what of these was set, in whatever layer, over the manifest's defaults.
        host_calls: in order, lines for the log too. What the worker answered from the configuration
            by itself is not among them.
        result, error: what came of it; ``error`` is None for a call that succeeded.
    """

    format: Literal["wardian.recording/1"] = FORMAT
    call_id: str
    plugin: str
    version: str
    package_digest: str
    component_digest: str
    level: Level
    function: str
    arguments: dict[str, Any]
    limits: Limits
    lowered: dict[str, Any] = {}
    configuration: dict[str, Any] = {}
    configured: dict[str, Any] = {}
    host_calls: list[RecordedHostCall] = []
    result: Any = None
    error: RecordedError | None = None
    usage: Usage
    recorded_at: datetime

    @property
    def outcome(self) -> str:
        """``ok``, or the error's type."""
        return "ok" if self.error is None else self.error.type


def encode_recording(recording: Recording) -> bytes:
    """Return the document that `read_recording` reads."""
    return msgspec.msgpack.encode(recording)


def read_recording(content: bytes, *, bytes_max: int = FILE_BYTES_MAX) -> Recording:
    """Read a recording from wherever.

    Raises:
        InvalidArguments: not a recording, or larger or nested deeper than one can be; says where.
    """
    if len(content) > bytes_max:
        raise InvalidArguments(f"The recording is larger than {bytes_max} bytes.")
    try:
        found = msgspec.msgpack.decode(content, type=Recording)
    except (msgspec.DecodeError, RecursionError, ValueError, OverflowError) as exc:
        reason = "it nests too deep" if isinstance(exc, RecursionError) else str(exc)[:300]
        raise InvalidArguments(f"This is not a recording of a call: {reason}.") from exc
    _check_plain(found)
    return found


def _check_plain(recording: Recording) -> None:
    """Check that values are what crosses into a guest, and not nested deeper.

    MessagePack has more: extensions, timestamps, keys that are no text.

    Raises:
        InvalidArguments
    """
    free = [recording.arguments, recording.lowered, recording.configuration, recording.configured]
    if recording.error is not None:
        free.append(recording.error.details)
    pending: list[tuple[Any, int]] = [(each, 0) for each in (*free, recording.result)]
    for call in recording.host_calls:
        pending += (call.arguments, 0), (call.answer, 0)
    looked_at = 0
    while pending:
        value, depth = pending.pop()
        looked_at += 1
        if depth > _DEPTH_MAX or looked_at > _VALUES_MAX:
            raise InvalidArguments("This is not a recording of a call: its values are too many.")
        inner = _inner_values(value)
        pending.extend((each, depth + 1) for each in inner)


def _inner_values(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        if all(isinstance(name, str) for name in value):
            return value.values()
    elif isinstance(value, list):
        return value
    elif value is None or isinstance(value, (bool, int, float, str, bytes)):
        return ()
    raise InvalidArguments(
        f"This is not a recording of a call: it holds a {type(value).__name__}, which no guest has."
    )
