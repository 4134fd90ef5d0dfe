"""The rows behind dependencies: one tenant's, and held while a change decides by them."""

from __future__ import annotations

import pytest
from sqlalchemy.dialects import postgresql

from rows import add_plugin, plugin_row
from wardian.storage import Database
from wardian.storage.dependencies import DependencyRepository, holding

pytestmark = pytest.mark.anyio


async def test_the_dependencies_of_one_tenant_are_read_without_the_rest_of_its_rows(
    database: Database,
) -> None:
    needs = {"name": "orders", "version": "1.0.0", "dependencies": {"billing": "^2"}}
    await add_plugin(database, plugin_row("orders", manifest=needs, state="disabled"))
    await add_plugin(database, plugin_row("billing", package_digest="1" * 64))
    await add_plugin(database, plugin_row("orders", tenant="acme"))

    async with database.transaction() as connection:
        repository = DependencyRepository(connection, "default")
        await repository.hold()
        billing, orders = await repository.all()

    assert (billing.name, billing.state, billing.dependencies) == ("billing", "active", {})
    assert (orders.plugin_version, orders.state) == ("1.0.0", "disabled")
    assert orders.dependencies == {"billing": "^2"}


def test_where_writers_do_not_take_turns_the_tenant_s_row_is_locked() -> None:
    dialect = postgresql.asyncpg.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy's own

    text = str(holding("acme").compile(dialect=dialect))

    assert "FROM tenants" in text
    assert text.endswith("FOR NO KEY UPDATE")
