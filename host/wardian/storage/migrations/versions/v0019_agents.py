"""Agents: what operators set of them, what was seen of them, and by which rules one is chosen."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0014"
branch_labels = None
depends_on = None

POLICY = "of_the_tenant"
TABLES = ("agents", "agent_measures", "agent_loads", "agent_rules")

_IS_ENTERED = (
    "tenant = current_setting('wardian.tenant', true) "
    "OR current_setting('wardian.tenant', true) = '*'"
)

_SUMS = ("as_of", "good", "bad", "answered", "failed", "units", "timed", "latency_ms")


def upgrade() -> None:
    op.create_table(
        "agents",
        *_key("plugin_id"),
        sa.Column("overrides", sa.JSON(), nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        *_changed(),
        *_of_plugin("agents"),
        sa.PrimaryKeyConstraint("tenant", "plugin_id", name="pk_agents"),
    )
    _create_measures()
    op.create_table(
        "agent_loads",
        *_key("plugin_id"),
        sa.Column("host", sa.String(length=36), nullable=False),
        sa.Column("in_flight", sa.Integer(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        *_of_plugin("agent_loads"),
        sa.PrimaryKeyConstraint("tenant", "plugin_id", "host", name="pk_agent_loads"),
    )
    op.create_table(
        "agent_rules",
        *_key(),
        sa.Column("rules", sa.JSON(), nullable=False),
        *_changed(),
        _of_tenant("agent_rules"),
        sa.PrimaryKeyConstraint("tenant", name="pk_agent_rules"),
    )
    if op.get_bind().dialect.name == "postgresql":
        for table in TABLES:
            _keep_tenants_apart(table)


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)


def _create_measures() -> None:
    op.create_table(
        "agent_measures",
        *_key("plugin_id"),
        sa.Column("version", sa.String(length=64), nullable=False),
        sa.Column("capability", sa.String(length=200), nullable=False),
        *(sa.Column(name, sa.Float(), nullable=False) for name in _SUMS),
        sa.Column("asked", sa.BigInteger(), nullable=False),
        sa.Column("written_at", sa.Float(), nullable=False),
        *_of_plugin("agent_measures"),
        sa.PrimaryKeyConstraint(
            "tenant", "plugin_id", "version", "capability", name="pk_agent_measures"
        ),
    )
    op.create_index("ix_agent_measures_written_at", "agent_measures", ["written_at"])


def _key(*ids: str) -> list[sa.Column[str]]:
    tenant = sa.Column("tenant", sa.String(length=64), nullable=False)
    return [tenant, *(sa.Column(name, sa.String(length=36), nullable=False) for name in ids)]


def _changed() -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_by", sa.String(length=200), nullable=False),
    )


def _of_tenant(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["tenant"], ["tenants.name"], name=f"fk_{table}_tenant")


def _of_plugin(table: str) -> tuple[sa.ForeignKeyConstraint, ...]:
    plugin = sa.ForeignKeyConstraint(
        ["tenant", "plugin_id"],
        ["plugins.tenant", "plugins.id"],
        name=f"fk_{table}_tenant_plugin_id",
        ondelete="CASCADE",
    )
    return _of_tenant(table), plugin


def _keep_tenants_apart(table: str) -> None:
    op.execute(f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY')
    op.execute(f'ALTER TABLE "{table}" FORCE ROW LEVEL SECURITY')
    op.execute(
        f'CREATE POLICY {POLICY} ON "{table}" USING ({_IS_ENTERED}) WITH CHECK ({_IS_ENTERED})'
    )
