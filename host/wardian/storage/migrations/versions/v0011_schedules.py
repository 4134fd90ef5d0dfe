"""Schedules of plugins, and their runs."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

POLICY = "of_the_tenant"

_IS_ENTERED = (
    "tenant = current_setting('wardian.tenant', true) "
    "OR current_setting('wardian.tenant', true) = '*'"
)


def upgrade() -> None:
    _create_schedules()
    _create_runs()
    if op.get_bind().dialect.name == "postgresql":
        for table in ("schedules", "schedule_runs"):
            _keep_tenants_apart(table)


def downgrade() -> None:
    op.drop_table("schedule_runs")
    op.drop_table("schedules")


def _keep_tenants_apart(table: str) -> None:
    op.execute(f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY')
    op.execute(f'ALTER TABLE "{table}" FORCE ROW LEVEL SECURITY')
    op.execute(
        f'CREATE POLICY {POLICY} ON "{table}" USING ({_IS_ENTERED}) WITH CHECK ({_IS_ENTERED})'
    )


def _of_tenant(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["tenant"], ["tenants.name"], name=f"fk_{table}_tenant")


def _moment(name: str, *, nullable: bool = True) -> sa.Column[datetime]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _create_schedules() -> None:
    op.create_table(
        "schedules",
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("plugin_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("timing", sa.String(length=256), nullable=False),
        _moment("anchor", nullable=False),
        _moment("next_tick"),
        _moment("due_at"),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("missed", sa.BigInteger(), nullable=False),
        sa.Column("run_id", sa.String(length=36), nullable=True),
        sa.Column("lease_owner", sa.String(length=36), nullable=True),
        _moment("lease_until"),
        sa.ForeignKeyConstraint(
            ["tenant", "plugin_id"],
            ["plugins.tenant", "plugins.id"],
            name="fk_schedules_tenant_plugin_id",
            ondelete="CASCADE",
        ),
        _of_tenant("schedules"),
        sa.PrimaryKeyConstraint("tenant", "plugin_id", "name", name="pk_schedules"),
    )
    for column in ("due_at", "lease_until"):
        op.create_index(f"ix_schedules_{column}", "schedules", [column])


def _create_runs() -> None:
    position = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "schedule_runs",
        sa.Column("position", position, autoincrement=True, nullable=False),
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("plugin_id", sa.String(length=36), nullable=False),
        sa.Column("schedule", sa.String(length=64), nullable=False),
        sa.Column("cause", sa.String(length=16), nullable=False),
        _moment("tick"),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        _moment("began_at", nullable=False),
        _moment("ended_at"),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "plugin_id", "schedule"],
            ["schedules.tenant", "schedules.plugin_id", "schedules.name"],
            name="fk_schedule_runs_tenant_plugin_id_schedule",
            ondelete="CASCADE",
        ),
        _of_tenant("schedule_runs"),
        sa.PrimaryKeyConstraint("position", name="pk_schedule_runs"),
        sa.UniqueConstraint("id", name="uq_schedule_runs_id"),
        sa.UniqueConstraint(
            "tenant",
            "plugin_id",
            "schedule",
            "tick",
            name="uq_schedule_runs_tenant_plugin_id_schedule_tick",
        ),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_schedule_runs_tenant_plugin_id_schedule_position",
        "schedule_runs",
        ["tenant", "plugin_id", "schedule", "position"],
    )
