"""What PostgreSQL would be told, and what is told where it is not there; without a server."""

from __future__ import annotations

import sys

import pytest
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from wardian.errors import HostUnusable
from wardian.storage import Database
from wardian.storage.tables import metadata


@pytest.mark.parametrize("name", sorted(metadata.tables))
def test_every_table_can_be_made_in_postgresql(name: str) -> None:
    table = metadata.tables[name]
    dialect = postgresql.asyncpg.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy's own

    text = str(CreateTable(table).compile(dialect=dialect))
    for index in table.indexes:
        assert name in str(CreateIndex(index).compile(dialect=dialect))

    assert f"CREATE TABLE {name}" in text
    if name in ("events", "audit"):
        assert "position BIGSERIAL" in text
    if name == "kv":
        assert "key BYTEA" in text


@pytest.mark.anyio
async def test_a_server_that_is_not_there_is_told() -> None:
    with pytest.raises(HostUnusable, match="cannot be opened for writing"):
        async with Database.open("postgresql://nobody@127.0.0.1:1/none"):
            pass


@pytest.mark.anyio
async def test_without_its_driver_the_package_to_install_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "asyncpg", None)

    with pytest.raises(HostUnusable, match=r"install wardian\[postgres\]"):
        async with Database.open("postgresql://nobody@127.0.0.1:1/none"):
            pass
