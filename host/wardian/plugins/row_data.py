"""The tables of a manifest that say which data a plugin keeps beside rows that are not its own."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from wardian.plugins.documents import JsonObject
from wardian.plugins.tables import Table
from wardian.plugins.text import Line, Name

KINDS_MAX = 32
VERSION_MAX = 1_000_000


class RowData(Table):
    """Data that the plugin has beside each row of a kind, and the schema that it must fit."""

    kind: Annotated[
        Name,
        Field(
            description="What the rows are: the host's `keys`, `plugins` or `endpoints`, or a word "
            "for what host apps have, such as `users`."
        ),
    ]
    version: Annotated[
        int,
        Field(
            ge=1,
            le=VERSION_MAX,
            description="The version of the schema; data of an older one is migrated.",
        ),
    ] = 1
    data_schema: Annotated[
        JsonObject, Field(description="A JSON Schema (draft 2020-12) of the data, an object.")
    ]
    migrate: Annotated[
        Line | None,
        Field(
            description="The function that brings older data along: it takes the parameters "
            "`kind`, `from-version` and `data`, JSON text, and returns the new JSON text. Without "
            "one, older data stays where it fits the schema as it is.",
        ),
    ] = None
