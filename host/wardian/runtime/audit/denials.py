"""What was refused, written into the audit trail, a few at a time.

A plugin may be refused as often as it makes host calls, and a key as often as it asks. So what is
refused to one of them, for one reason, is an entry when it happens first, and one an hour after
that, with the count. Of each, so many reasons are told apart; the rest is one more.
"""

from __future__ import annotations

import logging
import time
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from wardian.capabilities import CallContext, Refused
from wardian.errors import (
    Forbidden,
    PermissionDenied,
    Revoked,
    SignatureInvalid,
    WardianError,
)
from wardian.plugins.text import escaped
from wardian.policy.origin import Origin
from wardian.runtime.flushing import flushed
from wardian.runtime.journal import Journal

WRITES_SECONDS = 2.0
AGAIN_SECONDS = 3_600.0
"""How long it takes until what is refused again is an entry again."""

DISTINCT_MAX = 32
"""Reasons of one plugin, or of one key, that are told apart until they are forgotten."""

KNOWN_MAX = 8_192
AT_ONCE = 50
"""Entries in one transaction: other writers of the tenant are to have their turn."""

FURTHER = "further"

_TEXT_CHARACTERS = 300
_SUBJECT_CHARACTERS = 200

_LAYERS: Mapping[type[WardianError], str] = {
    Forbidden: "scope",
    SignatureInvalid: "trust",
    Revoked: "trust",
    PermissionDenied: "grant",
}
"""Who refuses a request with such an error, where the error does not say."""

_log = logging.getLogger("wardian.audit")


@dataclass(frozen=True, slots=True)
class _Whose:
    """Whom something is refused to."""

    tenant: str
    action: str
    actor: str


@dataclass(frozen=True, slots=True)
class _What:
    """What is refused, and by whom; ``name`` is a permission, or the type of an error."""

    subject: str
    layer: str
    function: str
    name: str


@dataclass(slots=True)
class _Counted:
    due_at: float
    source: Origin
    detail: dict[str, Any] = field(default_factory=dict)
    count: int = 0


def is_denial(error: WardianError) -> bool:
    """Tell whether an error says that somebody may not do what they asked for."""
    return _layer_of(error) is not None


def _layer_of(error: WardianError) -> str | None:
    return next((_LAYERS[kind] for kind in type(error).__mro__ if kind in _LAYERS), None)


class Denials:
    """Counts refusals until they are written down."""

    def __init__(self, journal: Journal, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._journal = journal
        self._clock = clock
        self._known: OrderedDict[tuple[_Whose, _What], _Counted] = OrderedDict()
        self._distinct: Counter[_Whose] = Counter()

    def host_call(self, call: CallContext, function: str, refused: Refused) -> None:
        """Count what a plugin was refused by a host function; must not fail."""
        facts = call.facts
        permission = refused.permission
        if permission is not None and call.leaks is not None:
            permission = call.leaks.redacted(permission)
        self._count(
            _Whose(facts.tenant, "permission.denied", f"plugin:{facts.plugin}"),
            _What(
                facts.plugin, refused.layer, function, escaped(permission or "", _TEXT_CHARACTERS)
            ),
            Origin(address="", request_id=facts.correlation_id),
            {"version": facts.version, "call_id": facts.call_id, "caller": facts.subject},
        )

    def request(self, source: Origin, subject: str, error: WardianError) -> None:
        """Count a request of a known key that was refused, if that is what the error says."""
        layer = _layer_of(error)
        if layer is None or not source.key_id:
            return
        self._count(
            _Whose(source.tenant, "api.denied", source.key_name),
            _What(
                escaped(subject, _SUBJECT_CHARACTERS),
                str(error.details().get("layer", layer)),
                "",
                error.type,
            ),
            source,
            {},
        )

    async def flush(self) -> None:
        """Write down what is due."""
        await self._write(self._clock())

    async def write_all(self) -> None:
        """Write down everything, whenever it would be due."""
        await self._write(float("inf"))

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Write down what is refused while this is open, and all of it at the end."""
        async with flushed(self.flush, seconds=WRITES_SECONDS, name="wardian-denials"):
            yield
        await self.write_all()

    def _count(self, whose: _Whose, what: _What, source: Origin, detail: dict[str, Any]) -> None:
        key = whose, what
        if key not in self._known and self._distinct[whose] >= DISTINCT_MAX:
            key = whose, _What(FURTHER, what.layer, "", "")
        counted = self._known.get(key)
        if counted is None:
            counted = self._known[key] = _Counted(self._clock(), source)
            self._distinct[whose] += 1
            self._forget_oldest()
        counted.source, counted.detail = source, detail
        counted.count += 1

    def _forget_oldest(self) -> None:
        while len(self._known) > KNOWN_MAX:
            (whose, _), _ = self._known.popitem(last=False)
            self._forgot(whose)

    def _forgot(self, whose: _Whose) -> None:
        self._distinct[whose] -= 1
        if not self._distinct[whose]:
            del self._distinct[whose]

    async def _write(self, moment: float) -> None:
        due = []
        for key, counted in list(self._known.items()):
            if counted.due_at > moment:
                continue
            if counted.count:
                due.append((key, counted))
            else:
                # An hour without one: it is news again.
                del self._known[key]
                self._forgot(key[0])
        due.sort(key=lambda each: each[0][0].tenant)
        for tenant, found in groupby(due, key=lambda each: each[0][0].tenant):
            of_tenant = list(found)
            for at in range(0, len(of_tenant), AT_ONCE):
                await self._write_some(tenant, of_tenant[at : at + AT_ONCE])

    async def _write_some(
        self, tenant: str, some: list[tuple[tuple[_Whose, _What], _Counted]]
    ) -> None:
        counts = [counted.count for _, counted in some]
        try:
            async with self._journal.change(tenant, "host") as change:
                for ((whose, what), counted), count in zip(some, counts, strict=True):
                    told = {"function": what.function, "name": what.name, **counted.detail}
                    detail = {name: value for name, value in told.items() if value}
                    await change.note_denied(
                        whose.action,
                        what.subject,
                        detail | {"count": count},
                        source=counted.source,
                        actor=whose.actor,
                        layer=what.layer,
                    )
        except WardianError as error:
            _log.warning("What was refused is not in the audit trail yet: %s", error)
            return
        for (_, counted), count in zip(some, counts, strict=True):
            counted.count -= count
            counted.due_at = self._clock() + AGAIN_SECONDS
