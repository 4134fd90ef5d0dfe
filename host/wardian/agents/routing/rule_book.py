"""By which rules a tenant's agents are chosen: kept, checked, and known on every host."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from wardian.agents.routing.rules import RuleSet, parse_rules
from wardian.agents.routing.strategies import DEFAULT, NAMES
from wardian.agents.views import RulesView, RuleView
from wardian.crypto.digests import sha256_hex
from wardian.errors import InvalidArguments
from wardian.events import Event, Events
from wardian.plugins import Registry
from wardian.runtime.journal import Journal
from wardian.storage import Database
from wardian.storage.agents import AgentRepository
from wardian.tenants.tenants import require_tenant

TOLD_BYTES_MAX = 64 * 1024
"""Of rules that are longer, auditors and subscribers are told the digest alone."""

CHANGED = "tenant.agent-rules-set"

_NO_RULES: Mapping[str, Any] = {"rules": [], "default": DEFAULT}

_log = logging.getLogger("wardian.agents")


@dataclass(frozen=True, slots=True)
class RuleBookParts:
    """What rules are kept with."""

    database: Database
    events: Events
    journal: Journal
    plugins: Registry


@dataclass(frozen=True, slots=True)
class _Known:
    """A tenant's rules, and the list of its plugins when they were read.

    That list is another one after anything that may have been missed: a host that lost the
    database forgets all that it remembers, and those lists with it.
    """

    rules: RuleSet
    installed: Sequence[object]


class RuleBook:
    """The rules of every tenant."""

    def __init__(self, parts: RuleBookParts) -> None:
        self._parts = parts
        self._none = RuleSet()
        self._known: dict[str, _Known] = {}
        self._changes = 0
        self._reading = asyncio.Lock()
        parts.events.subscribe(CHANGED, self._hear)

    async def refresh(self, tenant: str) -> None:
        """Have a tenant's rules in memory; a look at two dicts where they are.

        Raises:
            WardianError: the database did not answer.
        """
        installed = await self._parts.plugins.all(tenant)
        if not self._is_known(tenant, installed):
            async with self._reading:
                await self._read(tenant)

    def of(self, tenant: str) -> RuleSet:
        """Return a tenant's rules as they were when they were last refreshed."""
        known = self._known.get(tenant)
        return self._none if known is None else known.rules

    async def get(self, tenant: str) -> RulesView:
        """Return a tenant's rules as they were set; those of a tenant that has set none are none,
        and the strategy `DEFAULT`.

        Raises:
            NotFound: no such tenant.
        """
        async with self._parts.database.reading() as connection:
            await require_tenant(connection, tenant)
            stored = await AgentRepository(connection, tenant).rules()
        return _view(_NO_RULES if stored is None else stored)

    async def set(self, tenant: str, value: Any, actor: str) -> RulesView:
        """Put rules in the place of a tenant's, all of them at once; None removes them.

        Questions that are under way go by the rules before; other hosts know of these within a
        second.

        Args:
            value: ``{"rules": [{"name", "strategy", "when"}, …], "default": strategy}``.

        Raises:
            InvalidArguments: they cannot be; with the path of the fault. Nothing is changed.
            NotFound: no such tenant.
        """
        checked = None if value is None else self._checked(value)
        async with self._parts.journal.change(tenant, actor) as change:
            await require_tenant(change.connection, tenant)
            agents = AgentRepository(change.connection, tenant)
            if checked != await agents.rules():
                await agents.write_rules(checked, actor)
                told = _told(_NO_RULES if checked is None else checked)
                await change.note_access("tenant.agent-rules-set", tenant, told)
        await self.refresh(tenant)
        return await self.get(tenant)

    def _checked(self, value: Any) -> dict[str, Any]:
        try:
            plain = msgspec.to_builtins(value, str_keys=True)
        except (TypeError, ValueError, RecursionError) as exc:
            raise InvalidArguments("Rules are a JSON object.", path="rules") from exc
        parse_rules(plain)
        rules = [
            {"name": rule["name"], "strategy": rule["strategy"], "when": rule.get("when") or {}}
            for rule in plain.get("rules") or ()
        ]
        return {"rules": rules, "default": plain.get("default") or DEFAULT}

    def _is_known(self, tenant: str, installed: Sequence[object]) -> bool:
        known = self._known.get(tenant)
        return known is not None and known.installed is installed

    async def _read(self, tenant: str) -> None:
        plugins = self._parts.plugins
        installed, changes = await plugins.all(tenant), self._changes
        # What was read before a change is not what holds after it.
        while not self._is_known(tenant, installed) or changes != self._changes:
            changes = self._changes
            async with self._parts.database.reading() as connection:
                stored = await AgentRepository(connection, tenant).rules()
            if changes == self._changes:
                self._known[tenant] = _Known(self._understood(tenant, stored), installed)
            installed = await plugins.all(tenant)

    def _understood(self, tenant: str, stored: Any) -> RuleSet:
        if stored is None:
            return self._none
        try:
            return parse_rules(stored)
        except InvalidArguments as error:
            # A later version of the host has written them, and this one does not know them all.
            _log.warning("The agent rules of %s are not understood: %s", tenant, error)
            return self._none

    def _hear(self, event: Event) -> None:
        self._changes += 1
        self._known.pop(event.tenant, None)


def _view(stored: Mapping[str, Any]) -> RulesView:
    return RulesView(
        rules=msgspec.convert(stored["rules"], list[RuleView]),
        default=stored["default"],
        strategies=list(NAMES),
    )


def _told(rules: Mapping[str, Any]) -> dict[str, Any]:
    text = msgspec.json.encode(rules, order="sorted")
    told: dict[str, Any] = {
        "default": rules["default"],
        "count": len(rules["rules"]),
        "sha256": sha256_hex(text),
    }
    if len(text) <= TOLD_BYTES_MAX:
        told["rules"] = rules["rules"]
    return told
