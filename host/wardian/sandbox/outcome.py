"""What a call that succeeded answers."""

from __future__ import annotations

from typing import Any

from wardian.policy.usage import Usage


class Outcome:
    """The result of a call as a plain Python value (see ``values``), and what it spent.

    Attributes:
        result: the value.
        encoded: the value as MessagePack, where measuring it took encoding it.
    """

    __slots__ = ("_usage", "encoded", "result")

    def __init__(self, result: Any, usage: Usage) -> None:
        self.result = result
        self.encoded: bytes | None = None
        self._usage: Usage | None = usage

    @property
    def usage(self) -> Usage:
        """What the call spent."""
        if self._usage is None:
            self._usage = self._measure()
        return self._usage

    def _measure(self) -> Usage:
        """Make the report, for a kind of outcome that does so when it is first asked for."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"Outcome(result={self.result!r}, usage={self.usage!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Outcome):
            return NotImplemented
        return bool(self.result == other.result and self.usage == other.usage)

    __hash__ = None  # type: ignore[assignment]  # a result is any value
