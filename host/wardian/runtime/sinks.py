"""Credentials kept out of wherever a plugin can write.

A plugin that may use credentials could meet one: a server echoes what was injected, or the
operator lets it read one. Whatever it writes is looked through, if its manifest asks for a
permission of the kind ``credentials:…``. Plugins that ask for none never meet any.

* Log lines, output and texts of errors are redacted: the operator still wants to read them.
* What is stored or passed on (KV, events, metrics, other plugins, agents) is refused, because a
  plugin must not find later that something else was kept than it gave.
* Results, what an agent says of one before, and errors are redacted for the caller, except for what
  this very call was given by ``reveal``: that is the plugin's to use. It is not the plugin's to
  store; so nothing is excepted where the host writes them down, as it does for its own calls:
  ``init``, ``health``, ``migrate``.

Requests and responses are looked through at egress. What of them a permission is made of is looked
at here, before it is judged, because monitor mode writes down which permissions were needed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, NoReturn, TypeVar

from wardian.capabilities import CallContext, Refused
from wardian.errors import CallError, GuestError
from wardian.policy.leaks import Leaks
from wardian.policy.permissions import Permission
from wardian.policy.secret import Secret
from wardian.telemetry import Telemetry
from wardian.vault.watch import Watch

REFUSED = frozenset(("kv", "kv-namespaces", "events", "metrics", "plugins", "agents"))
REDACTED = frozenset(("logging",))

_JUDGED: Mapping[str, Callable[[list[Any]], list[Any]]] = {
    "http": lambda arguments: [arguments[0][name] for name in ("method", "url", "credential")],
    "credentials": lambda arguments: arguments[:1],
}
"""What permissions are made of, by interface."""

_ASIDE_FROM = 256 * 1024
"""Characters or bytes: to look through more takes so long that others would wait."""

_log = logging.getLogger("wardian.leaks")

T = TypeVar("T")


def may_meet_credentials(asked: Iterable[Permission]) -> bool:
    """Tell whether a plugin that asks for these permissions could meet a credential."""
    return any(each.action.startswith("credentials:") for each in asked)


class Sinks:
    """Looks through what plugins write."""

    def __init__(self, watch: Watch, telemetry: Telemetry) -> None:
        self._watch = watch
        self._telemetry = telemetry

    async def leaks(self, tenant: str, asked: Iterable[Permission]) -> Leaks | None:
        """Return what looks through a call of a plugin that asks for these; None if nothing."""
        return await self._watch.leaks(tenant) if may_meet_credentials(asked) else None

    async def is_clean(self, tenant: str, asked: Iterable[Permission], result: Any) -> bool:
        """Tell whether a result of a plugin that asks for these may be kept, and given to others:
        there is no credential of the tenant in it, not even one that the plugin may answer with."""
        leaks = await self.leaks(tenant, asked)
        if not leaks:
            return True
        return await _aside(result, lambda: without(leaks, result) == result)

    async def arguments(
        self, call: CallContext, interface: str, function: str, arguments: list[Any]
    ) -> list[Any]:
        """Return the arguments of a host call as it is answered.

        Raises:
            Refused: there is a credential in them, and they would be kept or passed on.
        """
        if call.leaks is None:
            return arguments
        # A credential may have changed while the call runs.
        call.leaks = await self._watch.leaks(call.facts.tenant)
        if interface in _JUDGED:
            judged = _JUDGED[interface](arguments)
            if without(call.leaks, judged, call.given_out) != judged:
                self._refuse(call, f"{interface}.{function}")
        if interface not in REFUSED | REDACTED:
            return arguments
        clean = await _aside(arguments, partial(without, call.leaks, arguments))
        if clean == arguments:
            return arguments
        if interface in REFUSED:
            self._refuse(call, f"{interface}.{function}")
        self._tell(call, f"{interface}.{function}")
        return clean

    async def result(self, call: CallContext, result: Any) -> Any:
        """Return a call's result as its caller gets it."""
        if not call.leaks:
            return result
        clean = await _aside(result, partial(without, call.leaks, result, call.answerable))
        if clean != result:
            self._tell(call, "result")
        return clean

    def clean(self, call: CallContext, error: CallError) -> None:
        """Take credentials out of how a call failed."""
        if not call.leaks:
            return
        answerable = call.answerable
        message = call.leaks.redacted(error.message, answerable)
        if message != error.message:
            error.reword(message)
            self._tell(call, "error")
        if isinstance(error, GuestError):
            payload = without(call.leaks, error.payload, answerable)
            if payload != error.payload:
                error.payload = payload
                self._tell(call, "error")

    def output(self, call: CallContext, written: bytes) -> bytes:
        """Return what a guest printed as it is logged."""
        if not call.leaks:
            return written
        clean = call.leaks.redacted(written)
        if clean is not written:
            self._tell(call, "output")
        return clean

    def _refuse(self, call: CallContext, sink: str) -> NoReturn:
        self._tell(call, sink)
        raise Refused(
            "denied",
            f"{sink} is refused by the host: there is a credential of the tenant in what it was "
            "given. Credentials stay in the vault: name one where it is used, and keep or pass on "
            "no copy of it.",
        )

    def _tell(self, call: CallContext, sink: str) -> None:
        facts = call.facts
        self._telemetry.leak_stopped(sink)
        _log.warning(
            "call %s of %s %s: a credential was kept out of its %s",
            facts.call_id,
            facts.plugin,
            facts.version,
            sink,
        )


def without(leaks: Leaks, value: T, besides: Iterable[Secret] = ()) -> T:
    """Return a plain value without credentials in its texts and bytes.

    It never changes ``value``; names of members stay.
    """
    allowed = tuple(besides)

    def clean(each: Any) -> Any:
        kind = type(each)
        if kind is str or kind is bytes:
            return leaks.redacted(each, allowed)
        if kind is dict:
            return {name: clean(inner) for name, inner in each.items()}
        if kind is list or kind is tuple:
            return kind(map(clean, each))
        return each

    return clean(value)  # type: ignore[no-any-return]


async def _aside(value: Any, work: Callable[[], T]) -> T:
    return await asyncio.to_thread(work) if is_longer(value, _ASIDE_FROM) else work()


def is_longer(value: Any, than: int) -> bool:
    """Tell whether a value has more characters and bytes, without looking at all of them."""
    left = than
    pending = [value]
    while pending and left > 0:
        each = pending.pop()
        if isinstance(each, (str, bytes)):
            left -= len(each)
        elif isinstance(each, (list, tuple, dict)):
            left -= len(each)
            if left > 0:
                pending.extend(each.values() if isinstance(each, dict) else each)
    return left <= 0
