"""What a command that did not succeed says, and with which exit code it ends."""

from __future__ import annotations

from typing import Any

from wardian.errors import CallError, Fault, WardianError
from wardian.policy.usage import Usage
from wardian.sandbox import to_json

FAILED = 1
INTERRUPTED = 130


class Failure(Exception):
    """A command did not succeed.

    Attributes:
        error: ``type``, ``title``, ``detail`` and what else is known, as JSON values.
        usage: what the call spent, if there was one.
        notes: further sentences for people; programs have them in ``error``.
    """

    def __init__(self, error: dict[str, Any], usage: Any = None) -> None:
        super().__init__(error["detail"])
        self.error = error
        self.usage = usage
        self.notes = _further_faults(error)


def _further_faults(error: dict[str, Any]) -> list[str]:
    """Return all faults of a manifest but the first, which is the error's detail."""
    faults = error.get("faults")
    return [
        str(Fault(str(fault.get("message")), str(fault.get("path", "")) or None, fault.get("line")))
        for fault in (faults[1:] if isinstance(faults, list) else [])
        if isinstance(fault, dict)
    ]


def failure(kind: str, title: str, detail: str) -> Failure:
    """Make a failure of the command line's own, one that no host reported."""
    return Failure({"type": kind, "title": title, "detail": detail})


def failure_of(error: WardianError) -> Failure:
    """Describe an error of this process's own host or sandbox."""
    described = {"type": error.type, "title": type(error).title(), "detail": error.message}
    usage: Usage | None = error.usage if isinstance(error, CallError) else None
    return Failure({**described, **to_json(error.details())}, usage)
