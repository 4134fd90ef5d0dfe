"""Data of plugins beside rows: read, written against the plugin's schema, removed.

A row is the host's own (`keys`, `plugins`, `endpoints`), and must be there, or a host app's, of
which this host knows its kind and id alone. What is kept goes with its plugin, and with the row
when its owner says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from wardian.errors import Conflict, InvalidArguments, NotFound
from wardian.plugins import Installed, Registry
from wardian.plugins.registry import read_installed
from wardian.runtime.journal import Change, Journal
from wardian.runtime.rows.schemas import RowSchemas, asked_of
from wardian.runtime.rows.views import RowDataView, RowKindView, data_view, kind_view
from wardian.storage import Database
from wardian.storage.aware import HOST_ROWS, PluginAwareBase, beside_row, forget_row, is_there
from wardian.storage.rows import AwareRow, now

PAGE_MAX = 500
ID_CHARACTERS_MAX = 200


class RowsPage(msgspec.Struct, frozen=True, kw_only=True):
    """Data beside some rows, by the rows' ids; `next` asks for those after them."""

    rows: list[RowDataView]
    next: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RowPlace:
    """One row, and the plugin whose data beside it is meant."""

    plugin: str
    kind: str
    row: str
    tenant: str = "default"


class PluginRows:
    """What every tenant's plugins keep beside rows."""

    def __init__(
        self,
        database: Database,
        registry: Registry,
        journal: Journal,
        schemas: RowSchemas,
        *,
        rows_max: int = 100_000,
    ) -> None:
        """A plugin may have data beside ``rows_max`` rows of a tenant."""
        self._database = database
        self._registry = registry
        self._journal = journal
        self._schemas = schemas
        self._rows_max = rows_max

    async def kinds(self, plugin: str, *, tenant: str = "default") -> list[RowKindView]:
        """Return the kinds of rows that a plugin keeps data beside.

        Raises:
            NotFound: no such plugin.
        """
        found = await self._registry.get(tenant, plugin)
        async with self._database.reading() as connection:
            counts = await PluginAwareBase(connection, tenant, found.id).counts()
        return [kind_view(asked, counts) for asked in found.manifest.row_data]

    async def get(self, place: RowPlace) -> RowDataView:
        """Return what a plugin keeps beside a row.

        Raises:
            NotFound: no such plugin, it keeps nothing beside such rows, or nothing beside this one.
        """
        plugin = await self._registry.get(place.tenant, place.plugin)
        asked_of(plugin, place.kind)
        async with self._database.reading() as connection:
            row = await PluginAwareBase(connection, place.tenant, plugin.id).find(
                place.kind, place.row
            )
        if row is None:
            raise _nothing(place)
        return data_view(plugin.name, row)

    async def put(
        self,
        place: RowPlace,
        data: Mapping[str, Any],
        *,
        if_version: int | None = None,
        actor: str = "host",
    ) -> RowDataView:
        """Keep ``data`` beside a row, in place of what there was.

        Args:
            if_version: only if it has this version now; 0 stands for nothing being there.

        Raises:
            NotFound: no such plugin, it keeps nothing beside such rows; or a row of the host's own
                that is not there.
            InvalidArguments: the data does not fit the plugin's schema; with the path of the fault.
            Conflict: another version is there; or as many rows have data as may.
        """
        if not 1 <= len(place.row) <= ID_CHARACTERS_MAX or not place.row.isprintable():
            raise InvalidArguments(
                f"A row is named by 1 to {ID_CHARACTERS_MAX} printable characters.", path="row"
            )
        async with self._journal.change(place.tenant, actor) as change:
            plugin = await read_installed(change.connection, place.tenant, place.plugin)
            asked = asked_of(plugin, place.kind)
            self._schemas.check(plugin, asked, data)
            await _check_row(change, place)
            repository = PluginAwareBase(change.connection, place.tenant, plugin.id)
            before = await repository.find(place.kind, place.row)
            _check_version(before, if_version)
            if before is None:
                await self._check_room(repository, plugin)
            row = AwareRow(
                plugin_id=plugin.id,
                kind=place.kind,
                row_id=place.row,
                plugin_metadata=data,
                schema_version=asked.version,
                version=1 if before is None else before.version + 1,
                before=None,
                before_version=None,
                fault="",
                updated_at=now(),
                updated_by=actor,
            )
            await repository.write(row)
            await _note(change, place, "row-data-set")
        return data_view(plugin.name, row)

    async def remove(
        self, place: RowPlace, *, if_version: int | None = None, actor: str = "host"
    ) -> None:
        """Remove what a plugin keeps beside a row.

        Raises:
            NotFound: no such plugin, or it keeps nothing there.
            Conflict: another version is there.
        """
        async with self._journal.change(place.tenant, actor) as change:
            plugin = await read_installed(change.connection, place.tenant, place.plugin)
            repository = PluginAwareBase(change.connection, place.tenant, plugin.id)
            before = await repository.find(place.kind, place.row)
            if before is None:
                raise _nothing(place)
            _check_version(before, if_version)
            await repository.remove(place.kind, place.row)
            await _note(change, place, "row-data-removed")

    async def page(
        self,
        plugin: str,
        kind: str,
        *,
        after: str = "",
        limit: int = 100,
        tenant: str = "default",
    ) -> RowsPage:
        """Return what a plugin keeps beside rows of a kind, by the rows' ids.

        Raises:
            NotFound: no such plugin, or it keeps nothing beside such rows.
            InvalidArguments: no page of this size.
        """
        if not 1 <= limit <= PAGE_MAX:
            raise InvalidArguments(f"A page has 1 to {PAGE_MAX} rows, not {limit}.", path="limit")
        found = await self._registry.get(tenant, plugin)
        asked_of(found, kind)
        async with self._database.reading() as connection:
            rows = await PluginAwareBase(connection, tenant, found.id).page(
                kind, after=after, limit=limit + 1
            )
        shown = [data_view(found.name, row) for row in rows[:limit]]
        return RowsPage(rows=shown, next=shown[-1].row if len(rows) > limit else None)

    async def beside(self, kind: str, row: str, *, tenant: str = "default") -> list[RowDataView]:
        """Return what every plugin keeps beside one row."""
        async with self._database.reading() as connection:
            found = await beside_row(connection, tenant, kind, row)
        return [data_view(plugin, each) for plugin, each in found]

    async def forget(
        self, kind: str, row: str, *, tenant: str = "default", actor: str = "host"
    ) -> int:
        """Remove what every plugin keeps beside a row that is gone; return of how many."""
        async with self._journal.change(tenant, actor) as change:
            return await forget_row(change.connection, tenant, kind, row)

    async def _check_room(self, repository: PluginAwareBase, plugin: Installed) -> None:
        if await repository.count() >= self._rows_max:
            raise Conflict(
                f"{plugin.name} keeps data beside {self._rows_max:,} rows, which is as many as may "
                "be; see WARDIAN_ROWS_MAX."
            )


def migrated_row(
    row: AwareRow, data: Mapping[str, Any], version: int, *, keeps: bool = True
) -> AwareRow:
    """Return a row as it is after its data was brought to another version of the schema."""
    return replace(
        row,
        plugin_metadata=data,
        schema_version=version,
        version=row.version + 1,
        before=dict(row.plugin_metadata) if keeps else None,
        before_version=row.schema_version if keeps else None,
        fault="",
        updated_at=now(),
        updated_by="host",
    )


async def _check_row(change: Change, place: RowPlace) -> None:
    if not await is_there(change.connection, place.tenant, place.kind, place.row):
        raise NotFound(f"There is no row {place.row[:80]!r} of {place.kind}.")


def _check_version(before: AwareRow | None, wanted: int | None) -> None:
    present = 0 if before is None else before.version
    if wanted is not None and wanted != present:
        raise Conflict(
            f"The data has version {present} now, and not {wanted}: somebody changed it. Look at "
            "it, and try again."
        )


async def _note(change: Change, place: RowPlace, what: str) -> None:
    """Write down changes beside the host's own rows; what host apps do with theirs is their own."""
    if place.kind in HOST_ROWS:
        await change.note(what, place.plugin, {"kind": place.kind, "row": place.row})


def _nothing(place: RowPlace) -> NotFound:
    return NotFound(f"{place.plugin} keeps nothing beside {place.row[:80]!r} of {place.kind}.")
