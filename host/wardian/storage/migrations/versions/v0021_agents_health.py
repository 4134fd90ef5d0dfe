"""How well agents are, what is thought of their answers, and trials of two versions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

TABLES = ("agent_breakers", "agent_feedback", "agent_trials", "agent_trial_arms")
POLICY = "of_the_tenant"

_IS_ENTERED = (
    "tenant = current_setting('wardian.tenant', true) "
    "OR current_setting('wardian.tenant', true) = '*'"
)


def upgrade() -> None:
    _create_breakers()
    _create_feedback()
    _create_trials()
    _create_arms()
    if op.get_bind().dialect.name == "postgresql":
        for table in TABLES:
            _keep_tenants_apart(table)


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)


def _keep_tenants_apart(table: str) -> None:
    op.execute(f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY')
    op.execute(f'ALTER TABLE "{table}" FORCE ROW LEVEL SECURITY')
    op.execute(
        f'CREATE POLICY {POLICY} ON "{table}" USING ({_IS_ENTERED}) WITH CHECK ({_IS_ENTERED})'
    )


def _of_tenant(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["tenant"], ["tenants.name"], name=f"fk_{table}_tenant")


def _of_plugin(table: str, target: str = "plugins", key: str = "id") -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant", "plugin_id"],
        [f"{target}.tenant", f"{target}.{key}"],
        name=f"fk_{table}_tenant_plugin_id",
        ondelete="CASCADE",
    )


def _text(name: str, length: int, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(length=length), nullable=nullable)


def _said(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def _moment(name: str, *, nullable: bool = True) -> sa.Column[datetime]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _number(name: str, type_: Any, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, type_, nullable=nullable)


def _create_breakers() -> None:
    table = "agent_breakers"
    op.create_table(
        table,
        _text("tenant", 64),
        _text("plugin_id", 36),
        _text("state", 16),
        _said("reason"),
        _number("failures", sa.Integer()),
        _number("opens", sa.Integer()),
        _moment("since"),
        _moment("open_until"),
        _text("trial_by", 36, nullable=True),
        _moment("trial_until"),
        _moment("heard_at"),
        _moment("probed_at"),
        _said("probe"),
        _of_tenant(table),
        _of_plugin(table),
        sa.PrimaryKeyConstraint("tenant", "plugin_id", name=f"pk_{table}"),
    )
    op.create_index(f"ix_{table}_state", table, ["state"])


def _create_feedback() -> None:
    table = "agent_feedback"
    op.create_table(
        table,
        _text("tenant", 64),
        _text("id", 36),
        _text("ask", 36),
        _text("plugin_id", 36),
        _text("version", 64),
        _text("capability", 200),
        _number("score", sa.Float(), nullable=True),
        _text("label", 64),
        _said("comment"),
        _text("by", 200),
        _moment("at", nullable=False),
        _of_tenant(table),
        _of_plugin(table),
        sa.PrimaryKeyConstraint("tenant", "id", name=f"pk_{table}"),
        sa.UniqueConstraint("tenant", "ask", "by", name=f"uq_{table}_tenant_ask_by"),
    )
    op.create_index(f"ix_{table}_tenant_at", table, ["tenant", "at"])
    op.create_index(f"ix_{table}_tenant_plugin_id", table, ["tenant", "plugin_id"])


def _create_trials() -> None:
    table = "agent_trials"
    op.create_table(
        table,
        _text("tenant", 64),
        _text("plugin_id", 36),
        _text("id", 36),
        _text("active_version", 64),
        _text("active_package", 64),
        _text("other_version", 64),
        _text("other_package", 64),
        _number("share", sa.Float()),
        _number("confidence", sa.Float()),
        _number("ends", sa.Boolean()),
        _moment("since", nullable=False),
        _text("by", 200),
        _moment("ended_at"),
        _said("why"),
        _of_tenant(table),
        _of_plugin(table),
        sa.PrimaryKeyConstraint("tenant", "plugin_id", name=f"pk_{table}"),
    )


def _create_arms() -> None:
    table = "agent_trial_arms"
    op.create_table(
        table,
        _text("tenant", 64),
        _text("plugin_id", 36),
        _text("arm", 8),
        *(_number(name, sa.BigInteger()) for name in ("asked", "answered")),
        *(_number(name, sa.Float()) for name in ("weight", "total", "latency_ms")),
        _number("cost_nanos", sa.Float()),
        _of_tenant(table),
        _of_plugin(table, "agent_trials", "plugin_id"),
        sa.PrimaryKeyConstraint("tenant", "plugin_id", "arm", name=f"pk_{table}"),
    )
