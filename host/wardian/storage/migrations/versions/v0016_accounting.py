"""What calls used, what tenants used of their quotas, and where ledgers are folded to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0013"
branch_labels = None
depends_on = None

POLICY = "of_the_tenant"
OF_TENANTS = ("usage", "usage_days", "tenant_quotas")

_IS_ENTERED = (
    "tenant = current_setting('wardian.tenant', true) "
    "OR current_setting('wardian.tenant', true) = '*'"
)

_AMOUNTS = (
    "calls",
    "asked",
    "wall_us",
    "fuel",
    "memory_bytes",
    "memory_kib_ms",
    "host_calls",
    "http_requests",
    "sent",
    "received",
)


def upgrade() -> None:
    _create_usage()
    _create_days()
    op.create_table(
        "usage_ledgers",
        sa.Column("id", sa.String(length=36), nullable=False),
        _amount("segment"),
        _amount("position"),
        sa.Column("folded_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_usage_ledgers"),
    )
    op.create_table(
        "tenant_quotas",
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("overrides", sa.JSON(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_by", sa.String(length=200), nullable=False),
        _of_tenant("tenant_quotas"),
        sa.PrimaryKeyConstraint("tenant", name="pk_tenant_quotas"),
    )
    if op.get_bind().dialect.name == "postgresql":
        for table in OF_TENANTS:
            _keep_tenants_apart(table)


def downgrade() -> None:
    for table in ("tenant_quotas", "usage_ledgers", "usage_days", "usage"):
        op.drop_table(table)


def _keep_tenants_apart(table: str) -> None:
    op.execute(f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY')
    op.execute(f'ALTER TABLE "{table}" FORCE ROW LEVEL SECURITY')
    op.execute(
        f'CREATE POLICY {POLICY} ON "{table}" USING ({_IS_ENTERED}) WITH CHECK ({_IS_ENTERED})'
    )


def _of_tenant(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["tenant"], ["tenants.name"], name=f"fk_{table}_tenant")


def _amount(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=False)


def _create_usage() -> None:
    op.create_table(
        "usage",
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("grain", sa.String(length=8), nullable=False),
        sa.Column("start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("series", sa.String(length=32), nullable=False),
        sa.Column("plugin", sa.String(length=64), nullable=False),
        sa.Column("version", sa.String(length=64), nullable=False),
        sa.Column("function", sa.String(length=200), nullable=False),
        sa.Column("outcome", sa.String(length=32), nullable=False),
        sa.Column("prices", sa.String(length=200), nullable=False),
        *(_amount(name) for name in _AMOUNTS),
        sa.Column("latency", sa.LargeBinary(), nullable=False),
        _of_tenant("usage"),
        sa.PrimaryKeyConstraint("tenant", "grain", "start", "series", name="pk_usage"),
    )
    op.create_index("ix_usage_grain_start", "usage", ["grain", "start"])


def _create_days() -> None:
    op.create_table(
        "usage_days",
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        _amount("calls"),
        _amount("fuel"),
        _amount("egress_bytes"),
        sa.Column("told", sa.Integer(), nullable=False),
        _of_tenant("usage_days"),
        sa.PrimaryKeyConstraint("tenant", "day", name="pk_usage_days"),
    )
    op.create_index("ix_usage_days_day", "usage_days", ["day"])
