"""Data beside rows, as operators and host apps see it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from wardian.plugins.row_data import RowData
from wardian.storage.rows import AwareRow


class RowDataView(msgspec.Struct, frozen=True, kw_only=True):
    """What a plugin keeps beside one row.

    Attributes:
        schema_version: of the schema that the data fits.
        version: grows with each change.
        fault: why the data was not migrated to the plugin's schema; empty if nothing is wrong.
    """

    plugin: str
    kind: str
    row: str
    data: dict[str, Any]
    schema_version: int
    version: int
    fault: str
    updated_at: datetime
    updated_by: str


class RowKindView(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of rows that a plugin keeps data beside.

    Attributes:
        schema_version: of ``data_schema``, which its data is to fit.
        rows: how many have data.
        outdated: how many of these have data of another version of the schema.
        faults: how many could not be migrated.
    """

    kind: str
    schema_version: int
    data_schema: dict[str, Any]
    rows: int
    outdated: int
    faults: int


def data_view(plugin: str, row: AwareRow) -> RowDataView:
    return RowDataView(
        plugin=plugin,
        kind=row.kind,
        row=row.row_id,
        data=dict(row.plugin_metadata),
        schema_version=row.schema_version,
        version=row.version,
        fault=row.fault,
        updated_at=row.updated_at,
        updated_by=row.updated_by,
    )


def kind_view(asked: RowData, counts: dict[tuple[str, int], tuple[int, int]]) -> RowKindView:
    mine = {version: found for (kind, version), found in counts.items() if kind == asked.kind}
    return RowKindView(
        kind=asked.kind,
        schema_version=asked.version,
        data_schema=asked.data_schema,
        rows=sum(count for count, _ in mine.values()),
        outdated=sum(count for version, (count, _) in mine.items() if version != asked.version),
        faults=sum(faulty for _, faulty in mine.values()),
    )
