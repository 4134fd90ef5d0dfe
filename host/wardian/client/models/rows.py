"""What plugins keep beside rows that are not theirs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec


class RowKind(msgspec.Struct, frozen=True, kw_only=True):
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


class RowData(msgspec.Struct, frozen=True, kw_only=True):
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


class RowsPage(msgspec.Struct, frozen=True, kw_only=True):
    """Data beside some rows, by the rows' ids; `next` asks for those after them."""

    rows: list[RowData]
    next: str | None


class Migrated(msgspec.Struct, frozen=True, kw_only=True):
    """What a pass over the data beside rows of one kind came to."""

    kind: str
    schema_version: int
    migrated: int
    failed: int
