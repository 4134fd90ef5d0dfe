"""On PostgreSQL, no row of a tenant without saying which: row-level security, forced."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

POLICY = "of_the_tenant"

_IS_ENTERED = (
    "tenant = current_setting('wardian.tenant', true) "
    "OR current_setting('wardian.tenant', true) = '*'"
)


def upgrade() -> None:
    for table in _tables():
        op.execute(f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY')
        op.execute(f'ALTER TABLE "{table}" FORCE ROW LEVEL SECURITY')
        op.execute(
            f'CREATE POLICY {POLICY} ON "{table}" USING ({_IS_ENTERED}) WITH CHECK ({_IS_ENTERED})'
        )


def downgrade() -> None:
    for table in _tables():
        op.execute(f'DROP POLICY {POLICY} ON "{table}"')
        op.execute(f'ALTER TABLE "{table}" NO FORCE ROW LEVEL SECURITY')
        op.execute(f'ALTER TABLE "{table}" DISABLE ROW LEVEL SECURITY')


def _tables() -> list[str]:
    """Return the tables that have a tenant, as they are at this revision."""
    connection = op.get_bind()
    if connection.dialect.name != "postgresql":
        return []
    inspected = sa.inspect(connection)
    return [
        table
        for table in sorted(inspected.get_table_names())
        if any(column["name"] == "tenant" for column in inspected.get_columns(table))
    ]
