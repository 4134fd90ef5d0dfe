"""Health checks: plugins that can say how they feel are asked.

A check is an ordinary call, with a worker, a budget and a deadline. It does not count as one in the
plugin's statistics, and what the host could not ask is held against nobody. Each result is written
on the plugin's row; a change of state goes through the life cycle.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from wardian.errors import Conflict, NotFound, WardianError
from wardian.plugins import Installed, Registry
from wardian.plugins.states import CALLABLE
from wardian.runtime.calls import CallRequest, Calls
from wardian.runtime.conditions import Condition, Rules, Status
from wardian.runtime.gates import Gates
from wardian.runtime.lifecycle import Lifecycle, lifecycle_function
from wardian.storage import Database
from wardian.storage.health import HealthRepository
from wardian.storage.rows import HealthRow, now

ANSWER_BYTES_MAX = 64 * 1024
"""A condition is a sentence: a larger answer fails the check."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthParts:
    """What checks are made with.

    Attributes:
        now: the clock; when a check began is kept in the database, so it is the wall's.
    """

    database: Database
    registry: Registry
    lifecycle: Lifecycle
    calls: Calls
    gates: Gates
    now: Callable[[], datetime] = now


class Health:
    """Asks plugins how they feel."""

    def __init__(self, parts: HealthParts, *, interval_seconds: float) -> None:
        """``interval_seconds`` is for plugins whose manifest says nothing."""
        self._parts = parts
        self._interval_seconds = interval_seconds

    async def probe(self, plugin: Installed) -> Condition:
        """Ask a version how it feels, whatever its state; of one without ``health`` it is unknown.

        What goes wrong is the answer, and no exception.
        """
        function = lifecycle_function(plugin, "health")
        if function is None:
            return Condition(Status.UNKNOWN)
        rules = self.rules(plugin)
        request = CallRequest(
            function=function,
            arguments={},
            limits={"wall_seconds": rules.timeout_seconds, "result_bytes": ANSWER_BYTES_MAX},
            counted=False,
            is_kept=True,
        )
        try:
            outcome = await self._parts.calls.run(plugin, request)
        except WardianError as error:
            return Condition.failed(error)
        return Condition.answered(outcome.result)

    async def complaint(self, plugin: Installed) -> str | None:
        """Tell why a version must not take the place of another; None if it may."""
        condition = await self.probe(plugin)
        if condition.status in (Status.HEALTHY, Status.DEGRADED):
            return None
        if lifecycle_function(plugin, "health") is None:
            return None
        return condition.text or "it did not say why"

    def rules(self, plugin: Installed) -> Rules:
        """Return how a plugin is checked."""
        return Rules.of(plugin, self._interval_seconds)

    async def found(self, plugin: Installed) -> HealthRow | None:
        """Return what a plugin's checks found; None if it is not installed any more."""
        async with self._parts.database.reading() as connection:
            return await HealthRepository(connection, plugin.tenant).health(plugin.id)

    async def check(self, tenant: str, name: str) -> Condition:
        """Check a plugin that takes calls now, whenever it is due.

        Raises:
            NotFound: no such plugin, or it has no ``health``.
            Conflict: it takes no calls.
        """
        plugin = await self._parts.registry.get(tenant, name)
        if not plugin.is_callable:
            raise Conflict(f"{name} is {plugin.state}, and only what takes calls can be checked.")
        if lifecycle_function(plugin, "health") is None:
            raise NotFound(
                f"{name} has no health check: it exports no `lifecycle` with a `health`."
            )
        begun = None
        while begun is None:  # one of the schedule may have begun at the same moment
            row = await self.found(plugin)
            if row is None:
                raise NotFound(f"{name} was uninstalled meanwhile.")
            begun = await self.begin(plugin, row.last_health_check)
        return await self.finish(tenant, name, begun)

    async def begin(self, plugin: Installed, before: datetime | None) -> HealthRow | None:
        """Begin a check, and return the row as it is then; None if one has begun since ``before``.

        Hosts that share a database so take turns: each plugin is checked by one of them at a time.
        """
        at = self._parts.now()
        async with self._parts.database.transaction() as connection:
            repository = HealthRepository(connection, plugin.tenant)
            if not await repository.claim(plugin.id, before, at):
                return None
            return await repository.health(plugin.id)

    async def finish(self, tenant: str, name: str, begun: HealthRow) -> Condition:
        """End a check that has begun: ask, and act on the answer.

        Raises:
            NotFound: it was uninstalled meanwhile.
        """
        plugin = await self._parts.registry.get(tenant, name)
        # Nothing is awaited from here to the start of the call: what is asked is what is there.
        if not plugin.is_callable or self._parts.gates.is_closed(plugin):
            return Condition(Status.UNKNOWN, "it takes no calls at the moment")
        condition = await self.probe(plugin)
        at = begun.last_health_check or self._parts.now()
        row = self.rules(plugin).noted(begun, condition, at)
        if row == begun or await self._written(plugin, row):
            await self._settled(plugin, row)
        return condition

    async def _settled(self, plugin: Installed, row: HealthRow) -> None:
        """Change the plugin's state if that follows from what is known now."""
        # As it is now: it may have been degraded, or recovered, while it was asked.
        present = await self._parts.registry.get(plugin.tenant, plugin.name)
        if (present.id, present.package_digest) != (plugin.id, plugin.package_digest):
            return
        move = self.rules(present).move(present.state, present.degraded_by, row)
        if move is not None:
            await self._parts.lifecycle.settle(present, move)

    async def _written(self, plugin: Installed, row: HealthRow) -> bool:
        async with self._parts.database.transaction() as connection:
            repository = HealthRepository(connection, plugin.tenant)
            return await repository.record(plugin.id, plugin.package_digest, CALLABLE, row)
