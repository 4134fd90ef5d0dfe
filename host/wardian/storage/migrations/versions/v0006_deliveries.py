"""Events on their way to plugins, and where each came from."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("events", sa.Column("hops", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("events", sa.Column("origin", sa.String(length=36), nullable=True))
    _create_subscribers()
    _create_deliveries()


def downgrade() -> None:
    op.drop_table("deliveries")
    op.drop_table("subscribers")
    op.drop_column("events", "origin")
    op.drop_column("events", "hops")


def _of_tenant(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["tenant"], ["tenants.name"], name=f"fk_{table}_tenant")


def _of_plugin(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant", "plugin_id"],
        ["plugins.tenant", "plugins.id"],
        name=f"fk_{table}_tenant_plugin_id",
        ondelete="CASCADE",
    )


def _tenant() -> sa.Column[str]:
    return sa.Column("tenant", sa.String(length=64), nullable=False)


def _create_subscribers() -> None:
    op.create_table(
        "subscribers",
        _tenant(),
        sa.Column("plugin_id", sa.String(length=36), nullable=False),
        sa.Column("queued", sa.BigInteger(), nullable=False),
        sa.Column("dropped", sa.BigInteger(), nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        _of_plugin("subscribers"),
        _of_tenant("subscribers"),
        sa.PrimaryKeyConstraint("tenant", "plugin_id", name="pk_subscribers"),
    )


def _create_deliveries() -> None:
    position = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "deliveries",
        sa.Column("position", position, autoincrement=True, nullable=False),
        _tenant(),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("plugin_id", sa.String(length=36), nullable=False),
        sa.Column("event_id", sa.String(length=36), nullable=False),
        sa.Column("key", sa.String(length=256), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lease_owner", sa.String(length=36), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        _of_plugin("deliveries"),
        _of_tenant("deliveries"),
        sa.PrimaryKeyConstraint("position", name="pk_deliveries"),
        sa.UniqueConstraint("id", name="uq_deliveries_id"),
        sqlite_autoincrement=True,
    )
    for columns in (
        ["tenant", "plugin_id", "state", "position"],
        ["tenant", "plugin_id", "key", "position"],
        ["tenant", "event_id"],
    ):
        op.create_index(f"ix_deliveries_{'_'.join(columns)}", "deliveries", columns)
