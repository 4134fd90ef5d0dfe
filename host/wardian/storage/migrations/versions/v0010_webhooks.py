"""Webhooks that plugins receive: which deliveries were handled, and what became of requests."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

POLICY = "of_the_tenant"

_IS_ENTERED = (
    "tenant = current_setting('wardian.tenant', true) "
    "OR current_setting('wardian.tenant', true) = '*'"
)


def upgrade() -> None:
    _create_deliveries()
    _create_counts()
    for table in ("webhook_deliveries", "webhook_counts"):
        _hold(table)


def downgrade() -> None:
    op.drop_table("webhook_counts")
    op.drop_table("webhook_deliveries")


def _of_tenant(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["tenant"], ["tenants.name"], name=f"fk_{table}_tenant")


def _of_plugin(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant", "plugin_id"],
        ["plugins.tenant", "plugins.id"],
        name=f"fk_{table}_tenant_plugin_id",
        ondelete="CASCADE",
    )


def _create_deliveries() -> None:
    table = "webhook_deliveries"
    op.create_table(
        table,
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("plugin_id", sa.String(length=36), nullable=False),
        sa.Column("webhook", sa.String(length=64), nullable=False),
        sa.Column("mark", sa.String(length=64), nullable=False),
        sa.Column("claim", sa.String(length=36), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        _of_plugin(table),
        _of_tenant(table),
        sa.PrimaryKeyConstraint("tenant", "plugin_id", "webhook", "mark", name=f"pk_{table}"),
    )
    for columns in (
        ["tenant", "claim"],
        ["tenant", "until"],
        ["tenant", "plugin_id", "received_at"],
    ):
        op.create_index(f"ix_{table}_{'_'.join(columns)}", table, columns)


def _create_counts() -> None:
    table = "webhook_counts"
    op.create_table(
        table,
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("plugin_id", sa.String(length=36), nullable=False),
        sa.Column("webhook", sa.String(length=64), nullable=False),
        sa.Column("outcome", sa.String(length=32), nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        _of_plugin(table),
        _of_tenant(table),
        sa.PrimaryKeyConstraint("tenant", "plugin_id", "webhook", "outcome", name=f"pk_{table}"),
    )


def _hold(table: str) -> None:
    """Keep tenants' rows apart, on PostgreSQL; see the revision 0007."""
    if op.get_bind().dialect.name != "postgresql":
        return
    op.execute(f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY')
    op.execute(f'ALTER TABLE "{table}" FORCE ROW LEVEL SECURITY')
    op.execute(
        f'CREATE POLICY {POLICY} ON "{table}" USING ({_IS_ENTERED}) WITH CHECK ({_IS_ENTERED})'
    )
