"""Circuit breakers: which agents are asked, and who tries one that did not answer.

Each host counts how its own questions end. What opens a breaker on one of them opens it on all: it
is written down, and told. Who may try an agent again is decided by the database, so of all hosts
one has one question let through; if it has none for a while, it gives that right back. All that is
decided while a question waits is in memory, so `admit` asks nobody.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

from wardian.agents.candidates import Candidate, Outcome
from wardian.agents.health.breaker import BreakerLimits, State
from wardian.agents.health.breaker_rows import BreakerRows, BreakerRowsParts, columns_of
from wardian.agents.health.known_breakers import Key, KnownBreakers
from wardian.agents.views import HealthView
from wardian.errors import WardianError
from wardian.events import Event
from wardian.storage.agent_breakers import BreakerRepository, BreakerRow

TEND_SECONDS = 1.0

BEGINNINGS = frozenset({"plugin.enabled", "plugin.upgraded", "plugin.rolled-back"})
"""With these, what was held against a plugin is so no more."""

_log = logging.getLogger("wardian.agents")


class AgentBreakers:
    """The breakers of every tenant's agents; implements `wardian.agents.ports.Breakers`."""

    def __init__(self, parts: BreakerRowsParts, limits: BreakerLimits | None = None) -> None:
        self._parts = parts
        self._known = KnownBreakers(
            limits or BreakerLimits(), lambda: parts.now().timestamp(), parts.changed
        )
        self._rows = BreakerRows(parts, self._known)
        self._news = asyncio.Event()
        parts.events.subscribe("plugin.*", self._hear_plugin)
        parts.events.subscribe("agent.*", self._hear_agent)

    def admit(self, tenant: str, candidate: Candidate) -> bool:
        """Tell whether a question may be put to an agent now.

        Every True is followed by `ended`.
        """
        return self._known.admit((tenant, candidate.plugin_id))

    def ended(self, tenant: str, candidate: Candidate, outcome: Outcome) -> None:
        """Learn how it ended. Of the other version of a trial it says nothing of the agent."""
        if self._known.ended((tenant, candidate.plugin_id), candidate, outcome):
            self._news.set()

    def unavailable(self, tenant: str, plugin_id: str) -> str:
        """Return why no question may be put to an agent, for people; empty if one may."""
        return self._known.why((tenant, plugin_id))

    def may_try(self, tenant: str, plugin_id: str) -> bool:
        """Tell whether the next question here would be the one that tries an agent again."""
        known = self._known.get((tenant, plugin_id))
        return known is not None and known.has_right

    def is_closed(self, tenant: str, plugin_id: str) -> bool:
        """Tell whether an agent's breaker is closed."""
        known = self._known.get((tenant, plugin_id))
        return known is None or known.breaker.state is State.CLOSED

    def states(self) -> list[tuple[str, str, str]]:
        """Return tenant, agent and state of each breaker that this host knows of."""
        return [(key[0], known.agent, known.breaker.state) for key, known in self._known.items()]

    async def find(self, tenant: str, plugin_id: str) -> HealthView:
        """Return how well an agent is."""
        async with self._parts.database.reading() as connection:
            row = await BreakerRepository(connection, tenant).find(plugin_id)
        return self._view((tenant, plugin_id), row)

    async def all(self, tenant: str) -> dict[str, HealthView]:
        """Return how well the tenant's agents are, by their ids; without those of which nothing
        is known."""
        async with self._parts.database.reading() as connection:
            rows = await BreakerRepository(connection, tenant).all()
        here = {key[1] for key, _ in self._known.items() if key[0] == tenant}
        return {each: self._view((tenant, each), rows.get(each)) for each in here | set(rows)}

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Agree with the other hosts while this is open."""
        await self._rows.survey()
        await self.tend()
        task = asyncio.create_task(self._tend_forever(), name="wardian-agent-breakers")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await self.tend()

    async def tend(self) -> None:
        """Write down what changed here, hear what changed elsewhere, and see who may be tried.

        What goes wrong is done the next time, and logged.
        """
        try:
            await self._rows.agree()
        except Exception as error:  # noqa: BLE001 -- whoever stops here is deaf to all others
            is_told = isinstance(error, WardianError)
            _log.warning("Breakers are agreed on later: %s", error, exc_info=not is_told)

    async def _tend_forever(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(TEND_SECONDS):
                    await self._news.wait()
            self._news.clear()
            await self.tend()

    def _view(self, key: Key, row: BreakerRow | None) -> HealthView:
        known = self._known.get(key)
        row = row or BreakerRow(plugin_id=key[1])
        if known is not None and key in self._known.moved:
            row = replace(row, **columns_of(known.breaker))  # what is about to be written down
        failures = row.failures
        if row.state == "closed" and known is not None:
            failures = known.breaker.failures
        return HealthView(
            state=row.state,  # type: ignore[arg-type]  # a column of text holds one of the three
            reason=row.reason,
            failures=failures,
            since=row.since,
            open_until=row.open_until,
            last_probe_at=row.probed_at,
            last_probe=row.probe,
        )

    def _hear_plugin(self, event: Event) -> None:
        name = event.plugin
        if name is None:
            return
        self._known.note_state(event.tenant, name, event.topic)
        if event.topic in BEGINNINGS:
            self._known.begin_anew(event.tenant, name)
        elif event.topic == "plugin.uninstalled":
            self._known.forget(event.tenant, name)

    def _hear_agent(self, event: Event) -> None:
        if event.topic in ("agent.opened", "agent.recovered"):
            self._rows.outdated()
            self._news.set()
