"""Host calls: a guest's question, checked, counted and answered by a capability.

Everything here is total: whatever happens, the guest gets a WIT result.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from wardian.capabilities import CallContext, Refused
from wardian.errors import InvalidArguments, WardianError
from wardian.runtime.sinks import Sinks, without
from wardian.telemetry import Telemetry
from wardian.telemetry.steps import host_call
from wardian.worlds import Contract
from wardian.worlds.contract import HostFunction

Denied = Callable[[CallContext, str, Refused], None]

_log = logging.getLogger("wardian.host_calls")


@dataclass(frozen=True, slots=True)
class _Answerable:
    function: HostFunction
    answer: Callable[..., Awaitable[Any]]


class HostFunctions:
    """Every function of the contract with the capability that answers it.

    Attributes:
        sinks: keep credentials out of what plugins write.
    """

    def __init__(
        self,
        contract: Contract,
        capabilities: Mapping[str, object],
        telemetry: Telemetry,
        sinks: Sinks,
        denied: Denied = lambda call, function, refused: None,
    ) -> None:
        """``denied`` is told of each permission that was refused."""
        self.sinks = sinks
        self._denied = denied
        self._telemetry = telemetry
        self._functions = {
            (interface, name): _Answerable(
                function, getattr(capabilities[interface], name.replace("-", "_"))
            )
            for interface, functions in contract.imports.items()
            for name, function in functions.items()
        }

    def serving(self, call: CallContext) -> HostCallsOfOneCall:
        """Return what answers the host calls of ``call``."""
        return HostCallsOfOneCall(self, call)

    async def answer(
        self, call: CallContext, interface: str, function: str, arguments: list[Any]
    ) -> dict[str, Any]:
        """Answer one host call with a WIT result as a plain value."""
        is_known = (interface, function) in self._functions
        trail = host_call(interface, function) if is_known else None
        if trail is None:
            answer, outcome = await self._answered(call, interface, function, arguments)
        else:
            with trail:
                answer, outcome = await self._answered(call, interface, function, arguments)
                trail.note({"wardian.outcome": outcome})
                if outcome != "ok":
                    trail.fail(outcome)
        if is_known:
            self._telemetry.host_call_ended(interface, outcome)
        return answer

    async def _answered(
        self, call: CallContext, interface: str, function: str, arguments: list[Any]
    ) -> tuple[dict[str, Any], str]:
        """Return the answer, and how it went: ``ok`` or the case of the refusal."""
        outcome: str
        try:
            value = await self._answer(call, interface, function, arguments)
        except Refused as refused:
            answer, outcome = _err(refused.case, refused.text), refused.case
            self._note(call, f"{interface}.{function}", refused)
        except InvalidArguments as error:
            answer, outcome = _err("invalid", error.message), "invalid"
        except WardianError as error:
            _log.warning("%s.%s of call %s: %s", interface, function, call.facts.call_id, error)
            answer, outcome = _err("unavailable", error.message), "unavailable"
        except Exception:  # noqa: BLE001 -- a guest must not be able to raise in the host
            _log.exception("%s.%s of call %s failed", interface, function, call.facts.call_id)
            answer, outcome = _err("unavailable", "The host met a fault."), "unavailable"
        else:
            answer, outcome = {"tag": "ok", "val": value}, "ok"
        if call.leaks and answer["tag"] == "err":
            answer = without(call.leaks, answer, call.given_out)
        return answer, outcome

    def _note(self, call: CallContext, function: str, refused: Refused) -> None:
        if refused.case == "denied":
            self._denied(call, function, refused)

    async def _answer(
        self, call: CallContext, interface: str, function: str, arguments: list[Any]
    ) -> Any:
        try:
            call.budget.spend("host_calls")
        except Refused:
            # A line that is not kept counts as dropped, whichever of its two limits it met.
            call.budget.usage.dropped_log_lines += interface == "logging"
            raise
        known = self._functions.get((interface, function))
        if known is None:
            raise Refused("unavailable", "This host does not offer this function.")
        arguments = known.function.check(arguments)
        if call.leaks is not None:
            arguments = await self.sinks.arguments(call, interface, function, arguments)
        return await known.answer(call, *arguments)


class HostCallsOfOneCall:
    """The executor's way to ask on behalf of one call."""

    def __init__(self, functions: HostFunctions, call: CallContext) -> None:
        self._functions = functions
        self._call = call

    async def __call__(self, interface: str, function: str, arguments: list[Any]) -> Any:
        """Answer one host call with a WIT result; never raises."""
        course = self._call.course
        if course is None:
            return await self._functions.answer(self._call, interface, function, arguments)
        course.begin(interface, function)
        answer = await self._functions.answer(self._call, interface, function, arguments)
        course.end("ok" if answer["tag"] == "ok" else answer["val"]["tag"])
        return answer


def _err(case: str, text: str) -> dict[str, Any]:
    return {"tag": "err", "val": {"tag": case, "val": text}}
