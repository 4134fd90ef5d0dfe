"""Calls between plugins: who answers, in whose name, and what the caller gets to hear."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec

from wardian.capabilities import CallContext, Refused
from wardian.capabilities.plugins import Wanted
from wardian.errors import (
    CallError,
    DeadlineExceeded,
    Forbidden,
    GuestError,
    InvalidArguments,
    MemoryExceeded,
    NotFound,
    OutOfFuel,
    ResultTooLarge,
    WardianError,
)
from wardian.plugins import Installed, Registry
from wardian.plugins.offers import choose
from wardian.plugins.text import escaped
from wardian.plugins.versions import VersionRange, parse_range
from wardian.runtime.calls import CallRequest
from wardian.runtime.entrance import Entrance
from wardian.sandbox import to_json
from wardian.storage.documents import parse_json
from wardian.worlds.contract import PACKAGE

RANGE_CHARACTERS_MAX = 128
REASON_CHARACTERS_MAX = 500

LARGE_BYTES = 16 * 1024
"""Longer JSON text is read and written in a thread: it takes longer than others are to wait."""

_EXHAUSTED = (DeadlineExceeded, OutOfFuel, MemoryExceeded, ResultTooLarge)


@dataclass(frozen=True, slots=True)
class Reply:
    """What a called function answered: ``ok`` or ``err``, and a value."""

    tag: str
    value: Any
    output_bytes: int


class Exchange:
    """Connects a plugin's call with the plugin that answers it.

    It is one of the services by which calls are made, and makes calls itself; so the way in is
    given to it by `connect`, once there is one.
    """

    def __init__(self, registry: Registry, *, depth_max: int) -> None:
        """``depth_max`` is how many plugins a chain may have."""
        self._registry = registry
        self._depth_max = depth_max
        self._entrance: Entrance | None = None

    def connect(self, entrance: Entrance) -> None:
        """Make calls through this from now on."""
        self._entrance = entrance

    async def call(self, caller: CallContext, wanted: Wanted) -> dict[str, Any]:
        """Call the plugin that offers a capability, in the name of the one that asks.

        Raises:
            Refused: it was not called, or did not answer; says why, for the asking plugin.
        """
        if self._entrance is None:
            raise Refused("unavailable", "This host does not offer calls between plugins.")
        check_depth(caller, self._depth_max, f"{wanted.capability} is not called")
        accepts = _range(wanted.version)
        arguments = await _arguments(caller, wanted.arguments)
        request = CallRequest(
            function=wanted.function,
            arguments=arguments,
            subject=f"plugin:{caller.facts.plugin}",
            correlation_id=caller.facts.correlation_id,
            traceparent=caller.facts.traceparent,
            tracestate=caller.facts.tracestate,
            caller=caller,
            scopes=caller.facts.scopes,
        )
        find = partial(self._find, caller, wanted, accepts)
        reply = await self._reply(self._entrance, find, request)
        return await _written(caller, reply)

    async def _reply(self, entrance: Entrance, find: partial[Any], request: CallRequest) -> Reply:
        try:
            outcome = await entrance.call(find, request)
        except GuestError as error:
            size = 0 if error.usage is None else error.usage.output_bytes
            return Reply("err", error.payload, size)
        except WardianError as error:
            raise _refusal(request, error) from error
        return Reply("ok", outcome.result, outcome.usage.output_bytes)

    async def _find(self, caller: CallContext, wanted: Wanted, accepts: VersionRange) -> Installed:
        """Return the plugin that answers, if it may be called from here.

        Raises:
            NotFound, Conflict: there is none.
            Refused: it is in the chain already, or the function is not for plugins.
        """
        installed = await self._registry.all(caller.facts.tenant)
        plugin = choose(wanted.capability, accepts, installed, asking=caller.facts.plugin)
        if any(call.facts.plugin == plugin.name for call in caller.line()):
            raise Refused(
                "denied",
                f"{plugin.name} cannot be called from within a call of its own: "
                f"{caller.chain(plugin.name)}.",
            )
        function = plugin.description.resolve(wanted.function)
        if function.startswith(f"{PACKAGE}/"):
            raise Refused(
                "denied", f"{function} of {plugin.name} is for the host to call, and no plugin."
            )
        return plugin


def check_depth(caller: CallContext, depth_max: int, consequence: str) -> None:
    """Check that a chain may have one more plugin.

    Raises:
        Refused: it has as many as it may; says so, and the ``consequence``.
    """
    if sum(1 for _ in caller.line()) >= depth_max:
        raise Refused(
            "exhausted",
            f"A chain of calls has no more than {depth_max} plugins, and {caller.chain()} has as "
            f"many; {consequence}.",
        )


def _range(text: str) -> VersionRange:
    try:
        if len(text) > RANGE_CHARACTERS_MAX:
            raise ValueError("it is too long")
        return parse_range(text)
    except ValueError as exc:
        raise Refused(
            "invalid",
            f"{text[:80]!r} is no range of versions such as '^1.2', '>=1.0, <2' or '*'.",
        ) from exc


async def _arguments(caller: CallContext, text: str) -> dict[str, Any]:
    """Parse arguments, as strictly as those of any call."""
    parse = partial(parse_json, text, max_bytes=caller.budget.limits.argument_bytes)
    try:
        found = parse() if len(text) <= LARGE_BYTES else await asyncio.to_thread(parse)
    except InvalidArguments as exc:
        raise Refused("invalid", f"The arguments are no JSON: {exc.message}") from exc
    if not isinstance(found, dict):
        raise Refused("invalid", "The arguments are the JSON text of an object, by parameter name.")
    return found


async def _written(caller: CallContext, reply: Reply) -> dict[str, Any]:
    """Return a reply of the WIT, if it is no larger than the caller may be given."""
    write = partial(_json, reply.value)
    text = write() if reply.output_bytes <= LARGE_BYTES else await asyncio.to_thread(write)
    most = caller.budget.limits.result_bytes
    if len(text) > most:
        raise Refused(
            "exhausted", f"The answer is {len(text)} bytes of JSON, more than the limit of {most}."
        )
    return {"tag": reply.tag, "val": text.decode()}


def _json(value: Any) -> bytes:
    return msgspec.json.encode(to_json(value))


def _refusal(request: CallRequest, error: WardianError) -> Refused:
    """Say why there is no answer, to a plugin: what happened inside another is not its business."""
    text = escaped(error.message, REASON_CHARACTERS_MAX)
    if isinstance(error, InvalidArguments):
        return Refused("invalid", text)
    if isinstance(error, Forbidden):
        return Refused("denied", text)
    if isinstance(error, NotFound):
        return Refused("not-found", text)
    if isinstance(error, CallError):
        text = f"{escaped(request.function, 200)} did not answer: {text}"
    return Refused("exhausted" if isinstance(error, _EXHAUSTED) else "unavailable", text)
