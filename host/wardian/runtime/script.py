"""The host calls of a replay: answered as they were answered before, and in no other way."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from wardian.errors import InvalidArguments
from wardian.policy.redaction import MARKER, TooMuch
from wardian.runtime.differences import Difference, Kind, alike, difference
from wardian.runtime.recorded import CONFIG, LOGGING, RecordedHostCall
from wardian.runtime.redacting import configured_answer, redacted_arguments
from wardian.worlds import contract

DIFFERENCES_MAX = 100
"""How many are described; further ones are counted."""

_LOOKED_AT = 16
"""Calls with secrets in their arguments that are compared with one that the guest makes."""

_LARGE_BYTES = 8 * 1024
"""Arguments of more take a while to look at, for which nobody else is to wait."""

_OK = {"tag": "ok", "val": None}
_encode = msgspec.msgpack.Encoder().encode


class Differences:
    """What was found to differ, the first of it described."""

    def __init__(self) -> None:
        self.described: list[Difference] = []
        self.left_out = 0

    def add(self, found: Difference) -> None:
        """Add one."""
        if len(self.described) < DIFFERENCES_MAX:
            self.described.append(found)
        else:
            self.left_out += 1


@dataclass(slots=True)
class _Cue:
    """One recorded host call, and whether the guest has made it again.

    Attributes:
        number: among those that matter, from 1.
        answered: it was made, with the same arguments.
        met: it was made with others.
    """

    number: int
    call: RecordedHostCall
    answered: bool = False
    met: bool = False


class Script:
    """Answers the host calls of one replay.

    A call gets the answer of the next recorded one of the same function with equal arguments. Any
    other is a difference, and answered ``unavailable``: nothing real happens. Lines for the log are
    dropped, and the configuration is asked as often as a guest likes.
    """

    def __init__(
        self,
        calls: Sequence[RecordedHostCall],
        configuration: Mapping[str, Any],
        found: Differences,
    ) -> None:
        self._configuration = configuration
        self._found = found
        self._cues = [
            _Cue(number, call)
            for number, call in enumerate(
                (each for each in calls if each.interface not in (LOGGING, CONFIG)), start=1
            )
        ]
        self._plain: dict[tuple[str, str, bytes], deque[_Cue]] = {}
        self._marked: dict[tuple[str, str], list[_Cue]] = {}
        self._by_function: dict[tuple[str, str], deque[_Cue]] = {}
        for cue in self._cues:
            self._sort_in(cue)
        self._made = 0
        self._last = 0

    async def __call__(self, interface: str, function: str, arguments: list[Any]) -> Any:
        """Answer one host call; never raises."""
        refusal = _refusal(interface, function, arguments)
        if refusal is not None:
            return refusal
        if interface == LOGGING:
            return _OK
        if interface == CONFIG:
            return configured_answer(self._configuration, function, arguments)
        self._made += 1
        if len(_encode(arguments)) > _LARGE_BYTES:
            return await asyncio.to_thread(self._answer, interface, function, arguments)
        return self._answer(interface, function, arguments)

    def end(self) -> None:
        """Note which of the recorded calls the guest did not make."""
        for cue in self._cues:
            if not cue.answered and not cue.met:
                self._note(cue.number, _said(cue.call), None, "removed")

    def _answer(self, interface: str, function: str, arguments: list[Any]) -> Any:
        try:
            arguments = redacted_arguments(interface, function, arguments)
        except (TooMuch, RecursionError):
            said = {"function": f"{interface}.{function}", "arguments": "too much to compare"}
            self._note(self._made, None, said, "added")
            return _unrecorded(interface, function)
        now = RecordedHostCall(
            interface=interface, function=function, arguments=arguments, answer=None
        )
        cue = self._cue_for(now)
        if cue is None:
            self._note_other(now)
            return _unrecorded(interface, function)
        cue.answered = True
        if cue.number < self._last:
            self._note(self._made, {"number": cue.number, **_said(cue.call)}, _said(now), "moved")
        self._last = max(self._last, cue.number)
        return cue.call.answer

    def _cue_for(self, now: RecordedHostCall) -> _Cue | None:
        same = self._plain.get((now.interface, now.function, _encode(now.arguments)))
        if same:
            return same.popleft()
        marked = self._marked.get((now.interface, now.function), [])
        for cue in marked[:_LOOKED_AT]:
            if alike(cue.call.arguments, now.arguments):
                marked.remove(cue)
                return cue
        return None

    def _note_other(self, now: RecordedHostCall) -> None:
        """Note a call that was not recorded, beside the next of the same function that was."""
        due = self._by_function.get((now.interface, now.function), deque())
        while due and (due[0].answered or due[0].met):
            due.popleft()
        if not due:
            self._note(self._made, None, _said(now), "added")
            return
        due[0].met = True
        self._note(due[0].number, _said(due[0].call), _said(now), "changed")

    def _note(self, number: int, before: Any, after: Any, kind: Kind) -> None:
        self._found.add(difference(f"host-call {number}", before, after, kind))

    def _sort_in(self, cue: _Cue) -> None:
        call = cue.call
        function = call.interface, call.function
        self._by_function.setdefault(function, deque()).append(cue)
        encoded = _encode(call.arguments)
        if MARKER.encode() in encoded:
            self._marked.setdefault(function, []).append(cue)
        else:
            self._plain.setdefault((*function, encoded), deque()).append(cue)


def _refusal(interface: str, function: str, arguments: list[Any]) -> Any:
    """Refuse what is no call of a host function: what a worker sends is only a claim."""
    known = contract().imports.get(interface, {}).get(function)
    if known is None:
        return _err("unavailable", "This host does not offer this function.")
    try:
        known.check(arguments)
    except InvalidArguments as error:
        return _err("invalid", error.message)
    return None


def _said(call: RecordedHostCall) -> dict[str, Any]:
    return {"function": f"{call.interface}.{call.function}", "arguments": call.arguments}


def _unrecorded(interface: str, function: str) -> Any:
    return _err(
        "unavailable",
        f"replay: {interface}.{function} was not called so when the call was recorded.",
    )


def _err(case: str, text: str) -> dict[str, Any]:
    return {"tag": "err", "val": {"tag": case, "val": text}}
