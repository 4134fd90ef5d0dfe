"""The one table from Wasmtime's error texts to the errors of this project.

The component API carries no trap code; only the text tells a deadline from an exhausted
memory. A test provokes each row with a guest, so a new version of Wasmtime that words one
differently fails that test.
"""

from __future__ import annotations

import re
import unicodedata

from wardian import errors
from wardian.policy.limits import Limits
from wardian.policy.meanings import amount

_TABLE: tuple[tuple[str, type[errors.WardianError], str], ...] = (
    (
        "wasm trap: interrupt",
        errors.DeadlineExceeded,
        "The call was stopped at its deadline of {limits.wall_seconds:g} s.",
    ),
    (
        "all fuel consumed by WebAssembly",
        errors.OutOfFuel,
        "The call used up its fuel of {limits.fuel:,} units.",
    ),
    (
        "wasm trap: call stack exhausted",
        errors.StackOverflow,
        "The call nested deeper than the stack allows.",
    ),
    (
        "forcing trap when growing memory",
        errors.MemoryExceeded,
        "The call asked for more than its {memory} of memory.",
    ),
    (
        "exceeds memory limits",
        errors.MemoryExceeded,
        "The component needs more than the {memory} of memory of this call to start.",
    ),
    (
        "forcing trap when growing table",
        errors.MemoryExceeded,
        "The call asked for more than {limits.table_elements:,} elements in a table.",
    ),
    (
        "exceeds table limits",
        errors.MemoryExceeded,
        "The component needs a table of more than {limits.table_elements:,} elements.",
    ),
    (
        "resource limit exceeded",
        errors.MemoryExceeded,
        "The component creates more instances, memories or tables than this call may "
        "({limits.instances}, {limits.memories}, {limits.tables}).",
    ),
    (
        "mmap failed",
        errors.MemoryExceeded,
        "The process that ran the call could get no more memory.",
    ),
    (
        "Cannot allocate memory",
        errors.MemoryExceeded,
        "The process that ran the call could get no more memory.",
    ),
    (
        "maximum concurrent",
        errors.Overloaded,
        "The sandbox has no room for more instances at once; close some, or call again later.",
    ),
    (
        "fuel allocated for hostcalls has been exhausted",
        errors.ResultTooLarge,
        "A value that crossed the boundary is larger than the runtime transfers at once.",
    ),
)

_LIMITS = {
    "forcing trap when growing memory": "memory_bytes",
    "exceeds memory limits": "memory_bytes",
    "forcing trap when growing table": "table_elements",
    "exceeds table limits": "table_elements",
}
"""Which limit it was, by the mark, where the error's type alone does not tell."""

_NOT_LINKED = "matching implementation was not found in the linker"
_IMPORTED = re.compile(r"imports [a-z ]+ `([^`]{1,200})`")

MAX_TEXT_CHARS = 300


def error_of(text: str, exit_status: int | None, limits: Limits) -> errors.WardianError:
    """Translate a Wasmtime error into one of ours; what no row matches is a trap."""
    if _NOT_LINKED in text:
        return _import_refused(text)
    for mark, kind, message in _TABLE:
        if mark in text:
            error = kind(message.format(limits=limits, memory=_memory(limits)))
            if isinstance(error, errors.CallError):
                error.limit = _LIMITS.get(mark)
            return error
    if exit_status is not None:
        return errors.Trap(f"The plugin ended itself with exit status {exit_status}.")
    return errors.Trap(f"The plugin trapped: {readable(_cause(text))}.")


def _memory(limits: Limits) -> str:
    return amount("memory_bytes", limits.memory_bytes)


def _import_refused(text: str) -> errors.ImportRefused:
    found = _IMPORTED.search(text)
    return errors.ImportRefused(
        f"This host does not offer what the component imports: {readable(text)}.",
        imported=found.group(1) if found else None,
    )


def readable(text: str) -> str:
    """Make text that a guest may have written fit for one line of a log or a terminal."""
    shown = "".join(_visible(char) for char in text[: MAX_TEXT_CHARS * 2])
    shown = " ".join(shown.split())
    return shown if len(shown) <= MAX_TEXT_CHARS else f"{shown[: MAX_TEXT_CHARS - 1]}…"


def _visible(char: str) -> str:
    if char in "\n\t\r":
        return " "
    # Cc and Cf hold control characters, ANSI's escape and the marks that reorder text.
    return f"\\u{ord(char):04x}" if unicodedata.category(char) in {"Cc", "Cf", "Cs"} else char


def _cause(text: str) -> str:
    """The last cause: what comes after the backtrace, whose names are the guest's."""
    _, found, cause = text.rpartition("Caused by:")
    if not found:
        return text
    lines = [re.sub(r"^\s*\d+:\s*", "", line).strip() for line in cause.splitlines()]
    return next((line for line in reversed(lines) if line), cause)
