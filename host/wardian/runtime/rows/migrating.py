"""Data beside rows is brought to the schema of the plugin's version, after an upgrade or rollback.

It is a pass over what is outdated, row by row, which may be interrupted anywhere: the next goes on.
What was is kept beside what it became, so that a rollback has it back unless somebody changed it
since. What cannot be brought along stays as it was, with the reason.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import msgspec

from wardian.errors import GuestError, InvalidArguments, NotFound, WardianError
from wardian.events import Event, Events
from wardian.plugins import Installed, Registry
from wardian.plugins.row_data import RowData
from wardian.plugins.text import escaped
from wardian.runtime.calls import CallRequest
from wardian.runtime.entrance import Entrance
from wardian.runtime.journal import Journal
from wardian.runtime.rows.rows import migrated_row
from wardian.runtime.rows.schemas import DATA_BYTES_MAX, RowSchemas
from wardian.storage import Database
from wardian.storage.aware import PluginAwareBase
from wardian.storage.documents import dump_json, parse_json
from wardian.storage.plugins import PluginRepository
from wardian.storage.rows import AwareRow
from wardian.tenants import Tenants

BEGINNINGS = ("plugin.upgraded", "plugin.rolled-back", "plugin.active")
"""With these, data may be outdated, and there is somebody to bring it along."""

LANES = 4
"""How many tenants' data is migrated at a time, on one host; of one tenant, one plugin's."""

PAGE = 50
FAULT_CHARACTERS_MAX = 500
AFTER_FAULT_SECONDS = 5.0

_log = logging.getLogger("wardian.rows")


class Migrated(msgspec.Struct, frozen=True, kw_only=True):
    """What a pass over the data beside rows of one kind came to."""

    kind: str
    schema_version: int
    migrated: int
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationParts:
    """What data is migrated with."""

    database: Database
    events: Events
    registry: Registry
    journal: Journal
    tenants: Tenants
    entrance: Entrance
    schemas: RowSchemas


class RowMigrations:
    """Brings plugins' data beside rows along."""

    def __init__(self, parts: MigrationParts) -> None:
        self._parts = parts
        self._waiting: dict[str, dict[str, None]] = {}
        self._busy: set[str] = set()
        self._woken = asyncio.Event()

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Migrate what is outdated while this is open."""
        parts = self._parts
        ends = [parts.events.subscribe(topic, self._hear) for topic in BEGINNINGS]
        for tenant in await parts.tenants.list():
            for plugin in await parts.registry.all(tenant.name):
                self._add(plugin.tenant, plugin.name)
        task = asyncio.create_task(self._run(), name="wardian-row-data")
        try:
            yield
        finally:
            for end in ends:
                end()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def migrate(self, name: str, *, tenant: str = "default") -> list[Migrated]:
        """Bring along what of a plugin's data is outdated, also what failed before.

        Raises:
            NotFound: no such plugin.
        """
        found = []
        async with self._parts.journal.alone_with(tenant, f"row data {name}"):
            plugin = await self._parts.registry.get(tenant, name)
            for asked in plugin.manifest.row_data if plugin.is_readable else ():
                done = await self._pass(plugin, asked)
                if done.migrated or done.failed:
                    found.append(done)
        return found

    def _hear(self, event: Event) -> None:
        if event.plugin is not None:
            self._add(event.tenant, event.plugin)

    def _add(self, tenant: str, plugin: str) -> None:
        self._waiting.setdefault(tenant, {})[plugin] = None
        self._woken.set()

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as lanes:
            for _ in range(LANES):
                lanes.create_task(self._lane())

    async def _lane(self) -> None:
        """Bring along what waits, of a tenant that no other lane has.

        Because: a function that migrates may take its time for each of many rows, and those who
        wait for it are to be its own tenant's.
        """
        while True:
            found = self._next()
            if found is None:
                self._woken.clear()
                await self._woken.wait()
                continue
            self._busy.add(found[0])
            try:
                await self._bring(*found)
            finally:
                self._busy.discard(found[0])
                self._woken.set()

    def _next(self) -> tuple[str, str] | None:
        """Take the tenant that has waited longest, and is free, and of it one plugin."""
        tenant = next((each for each in self._waiting if each not in self._busy), None)
        if tenant is None:
            return None
        plugins = self._waiting.pop(tenant)
        name = next(iter(plugins))
        del plugins[name]
        if plugins:
            self._waiting[tenant] = plugins
        return tenant, name

    async def _bring(self, tenant: str, name: str) -> None:
        try:
            await self.migrate(name, tenant=tenant)
        except NotFound:
            return  # it was uninstalled
        except WardianError as error:
            _log.warning("Data beside rows of %s waits: %s", name, error)
            asyncio.get_running_loop().call_later(
                AFTER_FAULT_SECONDS, partial(self._add, tenant, name)
            )
        except Exception:  # noqa: BLE001 -- the next plugin's data is to be migrated too
            _log.exception("Data beside rows of %s was not migrated.", name)

    async def _pass(self, plugin: Installed, asked: RowData) -> Migrated:
        migrated = failed = 0
        after = ""
        while page := await self._page(plugin, asked, after):
            for row in page:
                changed = await self._changed(plugin, asked, row)
                if await self._written(plugin, row, changed):
                    migrated += not changed.fault
                    failed += bool(changed.fault)
            after = page[-1].row_id
        done = Migrated(
            kind=asked.kind, schema_version=asked.version, migrated=migrated, failed=failed
        )
        if migrated or failed:
            async with self._parts.journal.change(plugin.tenant, "host") as change:
                await change.note("row-data-migrated", plugin.name, msgspec.to_builtins(done))
        return done

    async def _page(self, plugin: Installed, asked: RowData, after: str) -> list[AwareRow]:
        async with self._parts.database.reading() as connection:
            return await PluginAwareBase(connection, plugin.tenant, plugin.id).outdated(
                asked.kind, asked.version, after=after, limit=PAGE
            )

    async def _changed(self, plugin: Installed, asked: RowData, row: AwareRow) -> AwareRow:
        try:
            if row.before is not None and row.before_version == asked.version:
                self._parts.schemas.check(plugin, asked, row.before)
                return migrated_row(row, row.before, asked.version, keeps=False)
            data = await self._brought(plugin, asked, row)
            self._parts.schemas.check(plugin, asked, data)
        except GuestError as error:
            return _failed(row, str(error.payload))
        except WardianError as error:
            return _failed(row, error.message)
        return migrated_row(row, data, asked.version)

    async def _brought(self, plugin: Installed, asked: RowData, row: AwareRow) -> Mapping[str, Any]:
        if asked.migrate is None or row.schema_version > asked.version:
            return row.plugin_metadata
        entrance = self._parts.entrance
        outcome = await entrance.call(
            partial(entrance.named, plugin.tenant, plugin.name),
            CallRequest(
                function=asked.migrate,
                arguments={
                    "kind": asked.kind,
                    "from-version": row.schema_version,
                    "data": dump_json(dict(row.plugin_metadata)),
                },
                is_kept=True,
            ),
        )
        if not isinstance(outcome.result, str):
            raise InvalidArguments(f"{asked.migrate} did not return text.")
        data = parse_json(outcome.result, max_bytes=DATA_BYTES_MAX)
        if not isinstance(data, dict):
            raise InvalidArguments(f"{asked.migrate} returned JSON that is no object.")
        return data

    async def _written(self, plugin: Installed, before: AwareRow, after: AwareRow) -> bool:
        """Write a row down, unless it, or its plugin, was changed meanwhile."""
        async with self._parts.database.transaction() as connection:
            repository = PluginAwareBase(connection, plugin.tenant, plugin.id)
            present = await repository.find(before.kind, before.row_id)
            if present is None or present.version != before.version:
                return False
            now_there = await PluginRepository(connection, plugin.tenant).find(plugin.name)
            if now_there is None or now_there.package_digest != plugin.package_digest:
                return False
            await repository.write(after)
        return True


def _failed(row: AwareRow, why: str) -> AwareRow:
    return replace(row, version=row.version + 1, fault=escaped(why, FAULT_CHARACTERS_MAX))
