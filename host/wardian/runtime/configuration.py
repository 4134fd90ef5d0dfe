"""Configurations of plugins: read, changed, explained, taken back, read anew from files."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from wardian.config import lookup
from wardian.errors import Conflict, NotFound
from wardian.plugins import Installed
from wardian.plugins.registry import read_all_installed, read_installed
from wardian.policy.layers import TENANT_WIDE, ConfigLayer, Environment, Origin, slot
from wardian.runtime.config_changes import (
    Rewrite,
    check_version,
    judged,
    refusal,
    write,
)
from wardian.runtime.config_edits import Edit, Place
from wardian.runtime.config_explaining import (
    Traced,
    entries_of,
    explained,
    explained_tenant_wide,
)
from wardian.runtime.config_files import ConfigFiles
from wardian.runtime.config_judging import names_of, resolved, tenant_wide, warnings_of
from wardian.runtime.config_views import (
    ConfigJudgement,
    ConfigView,
    Explanation,
    HistoryPage,
    ReloadReport,
)
from wardian.runtime.journal import Change, Journal
from wardian.storage import Connection, Database
from wardian.storage.config import ConfigRepository
from wardian.storage.rows import ScopeRow
from wardian.tenants.tenants import require_tenant

PAGE_MAX = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigPolicy:
    """What the operator set for every tenant.

    Attributes:
        environment: that of this host.
        history_max: how many changes of a scope are kept.
    """

    environment: Environment = Environment.PRODUCTION
    history_max: int = 100


class Configuration:
    """Configurations of every tenant's plugins.

    A name is a plugin's; None stands for the values that are for all of the tenant's plugins.

    Attributes:
        environment: that of this host.
        files: the layer that files give.
    """

    def __init__(
        self,
        database: Database,
        journal: Journal,
        files: ConfigFiles,
        policy: ConfigPolicy,
    ) -> None:
        self._database = database
        self._journal = journal
        self._kept = policy.history_max
        self.files = files
        self.environment = policy.environment

    async def get(
        self, name: str | None, key: str | None = None, *, tenant: str = "default"
    ) -> Any:
        """Return a resolved configuration, or what is at ``key`` of it.

        Raises:
            NotFound: no such plugin, or nothing at this key.
        """
        values = (await self.show(Place(plugin=name), resolve=True, tenant=tenant)).configuration
        return values if key is None else lookup(values, key)

    async def show(self, place: Place, *, resolve: bool, tenant: str = "default") -> ConfigView:
        """Return a resolved configuration, or what was set in one layer of it; with its version.

        Raises:
            NotFound: no such plugin.
            InvalidArguments: the layer has no such environment.
        """
        wanted = place.slot(self.environment)
        async with self._database.reading() as connection:
            await require_tenant(connection, tenant)
            row = await ConfigRepository(connection, tenant).find(place.scope, Origin.API)
            # From the same moment as its version, so that no change in between is lost.
            values = await self._resolved(connection, tenant, place)
        if not resolve:
            values = {} if row is None else dict(row.layers.get(wanted, {}))
        return ConfigView(configuration=values, version=0 if row is None else row.version)

    async def change(
        self,
        place: Place,
        edit: Edit,
        *,
        expected: int | None = None,
        tenant: str = "default",
        actor: str = "host",
    ) -> ConfigView:
        """Change a layer, and return the resolved configuration.

        Calls that are running keep the configuration that they began with; later ones have the new.

        Args:
            expected: the version of what the change was made from; None takes any.

        Raises:
            NotFound: no such plugin, or nothing to unset at a key.
            InvalidArguments: what comes of it does not fit the schema of a plugin, holds what that
                calls a secret, or is too large; with the path of the fault.
            Conflict: the version is another.
        """
        async with self._changing(tenant, actor) as change:
            rewrite, plugins = await self._rewrite(change.connection, tenant, place, edit)
            check_version(rewrite, expected)
            await self._apply(change, rewrite, plugins)
            return await self._present(change, place)

    async def judge(self, place: Place, edit: Edit, *, tenant: str = "default") -> ConfigJudgement:
        """Tell what `change` would do, and everything that would stop it; nothing is changed.

        Raises:
            NotFound, InvalidArguments: it is no change that could be judged.
        """
        async with self._database.reading() as connection:
            rewrite, plugins = await self._rewrite(connection, tenant, place, edit)
            found = await asyncio.to_thread(judged, [rewrite], plugins, rewrite.environment)
            values = await self._resolved(connection, tenant, place)
        warnings = warnings_of(rewrite.after, plugins, tenant_wide=not rewrite.scope)
        if not found.faults:
            values = found.configuration(rewrite)
        return ConfigJudgement(
            valid=not found.faults,
            faults=found.faults,
            warnings=warnings,
            configuration=values,
            changed=rewrite.paths(),
            plugins=found.plugins,
        )

    async def explain(self, name: str | None, *, tenant: str = "default") -> Explanation:
        """Tell of every value which layer, scope and origin it came from, who set it and when, and
        what it lies over.

        Raises:
            NotFound: no such plugin.
        """
        scope = name or TENANT_WIDE
        async with self._database.reading() as connection:
            await require_tenant(connection, tenant)
            rows = await ConfigRepository(connection, tenant).of_scope(scope)
            traced = Traced.of(rows, self.environment, self.files.place_of(tenant))
            plugin = None if name is None else await read_installed(connection, tenant, name)
        if plugin is None:
            values = await asyncio.to_thread(explained_tenant_wide, traced)
        else:
            values = await asyncio.to_thread(explained, plugin, traced)
        return Explanation(
            plugin=name,
            environment=self.environment,
            version=_version(rows, scope),
            values=values,
            faults=self.files.faults(tenant),
        )

    async def history(
        self,
        name: str | None,
        *,
        limit: int = 20,
        before: int | None = None,
        tenant: str = "default",
    ) -> HistoryPage:
        """Return the last changes of a configuration, the newest first; secrets are not shown.

        Raises:
            NotFound: no such plugin.
        """
        limit = max(1, min(limit, PAGE_MAX))
        schema = None
        async with self._database.reading() as connection:
            await require_tenant(connection, tenant)
            if name is not None:
                plugin = await read_installed(connection, tenant, name)
                schema = plugin.manifest.config_schema
            repository = ConfigRepository(connection, tenant)
            rows = await repository.history(name or TENANT_WIDE, limit=limit + 1, before=before)
        shown = rows[:limit]
        return HistoryPage(
            entries=await asyncio.to_thread(entries_of, shown, schema),
            next=shown[-1][0] if len(rows) > limit else None,
        )

    async def revert(
        self,
        name: str | None,
        to: int,
        *,
        note: str = "",
        expected: int | None = None,
        tenant: str = "default",
        actor: str = "host",
    ) -> ConfigView:
        """Have a layer be again what it was after one of its changes; see `change` and `history`.

        It is judged by the present schemas, as any other change.

        Raises:
            NotFound: no such plugin, or no such change is kept.
            Conflict: the change was a file's; or the version is another.
            InvalidArguments: what the layer was does not fit any more; with the path of the fault.
        """
        scope = name or TENANT_WIDE
        async with self._changing(tenant, actor) as change:
            row = await ConfigRepository(change.connection, tenant).change(scope, to)
            if row is None:
                raise NotFound(
                    f"The history has no change {to}; `wardian config history` has them."
                )
            if row.origin == Origin.FILE:
                raise Conflict(
                    f"Change {to} came from a file. Change the file, and it is read anew."
                )
            environment = None if row.environment is None else Environment(row.environment)
            place = Place(plugin=name, layer=ConfigLayer(row.layer), environment=environment)
            edit = Edit(values=row.after, note=note or f"back to change {to}")
            rewrite, plugins = await self._rewrite(change.connection, tenant, place, edit)
            check_version(rewrite, expected)
            await self._apply(change, rewrite, plugins)
            return await self._present(change, place)

    async def reload(self, *, tenant: str = "default") -> ReloadReport:
        """Read the tenant's file now; see `ConfigFiles.take`.

        Raises:
            NotFound: no such tenant.
        """
        async with self._database.reading() as connection:
            await require_tenant(connection, tenant)
        return await self.files.take(tenant)

    @asynccontextmanager
    async def _changing(self, tenant: str, actor: str) -> AsyncIterator[Change]:
        async with self._journal.change(tenant, actor) as change:
            await require_tenant(change.connection, tenant)
            await ConfigRepository(change.connection, tenant).hold()
            yield change

    async def _rewrite(
        self, connection: Connection, tenant: str, place: Place, edit: Edit
    ) -> tuple[Rewrite, list[Installed]]:
        """Return a change of one layer as it would be, and the plugins that are in its scope."""
        environment = place.within(self.environment)
        plugins = await _in_scope(connection, tenant, place)
        row = await ConfigRepository(connection, tenant).find(place.scope, Origin.API)
        settings = {} if row is None else row.layers.get(slot(place.layer, environment), {})
        # A name with a dot that any layer has is what is read at such a key.
        known = await self._resolved(connection, tenant, place)
        rewrite = Rewrite(
            scope=place.scope,
            origin=Origin.API,
            layer=place.layer,
            environment=environment,
            row=row,
            after=edit.applied(settings, {*names_of(plugins), *known}),
            note=edit.note,
        )
        return rewrite, plugins

    async def _apply(self, change: Change, rewrite: Rewrite, plugins: Sequence[Installed]) -> None:
        # What strangers' schemas say of many values may take longer than others are to wait.
        found = await asyncio.to_thread(judged, [rewrite], plugins, rewrite.environment)
        if found.faults:
            raise refusal(found.faults, rewrite.scope)
        if rewrite.environment is not self.environment:
            found = replace(found, plugins=[])  # nothing of it is in force on this host
        await write(change, rewrite, found, self._kept)

    async def _present(self, change: Change, place: Place) -> ConfigView:
        values = await self._resolved(change.connection, change.tenant, place)
        row = await ConfigRepository(change.connection, change.tenant).find(place.scope, Origin.API)
        return ConfigView(configuration=values, version=0 if row is None else row.version)

    async def _resolved(self, connection: Connection, tenant: str, place: Place) -> dict[str, Any]:
        if place.plugin is not None:
            plugin = await read_installed(connection, tenant, place.plugin)
            return resolved(plugin.manifest, plugin.documents, self.environment)
        documents = await ConfigRepository(connection, tenant).documents(TENANT_WIDE)
        return tenant_wide(documents, self.environment)


async def _in_scope(connection: Connection, tenant: str, place: Place) -> list[Installed]:
    if place.plugin is None:
        await require_tenant(connection, tenant)
        return await read_all_installed(connection, tenant)
    return [await read_installed(connection, tenant, place.plugin)]


def _version(rows: Sequence[ScopeRow], scope: str) -> int:
    found = [row.version for row in rows if row.scope == scope and row.origin == Origin.API]
    return found[0] if found else 0
