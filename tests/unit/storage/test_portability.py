"""What PostgreSQL would be told, and what is told where it is not there; without a server."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

import wardian.storage
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


BOUND_TO_NONE = {"LedgerRepository", "TenantRepository"}
"""The tables of tenants and of ledgers have no tenant."""


def test_every_repository_takes_its_transaction_for_a_tenant() -> None:
    for path in STORAGE.glob("*.py"):
        for body in re.split(r"^(?=class )", path.read_text(), flags=re.MULTILINE)[1:]:
            name = re.match(r"class (\w+)", body)[1]  # type: ignore[index]  # split at it
            inherits = re.match(r"class \w+\(\w*Repository\)", body)
            if name.endswith("Repository") and name not in BOUND_TO_NONE and not inherits:
                assert re.search(r"self\._connection = connection\.of\(tenant", body), name


def test_a_function_that_is_no_repository_s_says_whose_rows_it_is_about() -> None:
    for path in STORAGE.glob("*.py"):
        found = re.findall(r"(?<!\.)\bconnection\.execute\(.*", path.read_text())
        assert found == EXECUTED_AS_IT_IS.get(path.name, []), path.name


EXECUTED_AS_IT_IS = {
    "agents.py": ["connection.execute(_CLOCK)).scalar_one())"],
    "neighbours.py": [
        'connection.execute(_TELL, {"tenant": tenant})',
        'connection.execute(_CLAIM, {"name": name})',
        'connection.execute(_TRY, {"name": name})).scalar_one()',
    ],
    "database.py": ['connection.execute(text("SELECT 1"))'],
    "schema.py": [
        'connection.execute(_ABOUT_EVERY_TENANT, {"tenant": EVERY_TENANT})',
        'connection.execute(_MIGRATE_ALONE, {"tenant": EVERY_TENANT})',
    ],
}
"""These are about no rows."""

STORAGE = Path(wardian.storage.__file__).parent
