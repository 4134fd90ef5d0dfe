"""Questions to agents, and what tenants may spend on them."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

POLICY = "of_the_tenant"

_IS_ENTERED = (
    "tenant = current_setting('wardian.tenant', true) "
    "OR current_setting('wardian.tenant', true) = '*'"
)

_TABLES = ("asks", "agent_budgets", "agent_spending", "agent_holds")


def upgrade() -> None:
    _create_asks()
    _create_budgets()
    if op.get_bind().dialect.name == "postgresql":
        for table in _TABLES:
            _keep_tenants_apart(table)


def downgrade() -> None:
    for table in reversed(_TABLES):
        op.drop_table(table)


def _create_asks() -> None:
    position = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "asks",
        sa.Column("position", position, autoincrement=True, nullable=False),
        _text("tenant", 64),
        _text("id", 36),
        _moment("at"),
        _text("capability", 200),
        _text("subject", 200),
        _text("agent", 64),
        _text("plugin_id", 36),
        _text("version", 64),
        _text("capability_version", 64),
        _text("ending", 32),
        _text("strategy", 64),
        _text("rule", 200, nullable=True),
        sa.Column("cost_nanos", sa.BigInteger(), nullable=False),
        sa.Column("units", sa.BigInteger(), nullable=False),
        sa.Column("latency_ms", sa.Float(), nullable=False),
        sa.Column("cached", sa.Boolean(), nullable=False),
        _text("arm", 64, nullable=True),
        sa.Column("attempts", sa.JSON(), nullable=False),
        _of_tenant("asks"),
        sa.PrimaryKeyConstraint("position", name="pk_asks"),
        sa.UniqueConstraint("id", name="uq_asks_id"),
        sqlite_autoincrement=True,
    )
    for columns in (["tenant", "position"], ["tenant", "at"]):
        op.create_index(f"ix_asks_{'_'.join(columns)}", "asks", columns)


def _create_budgets() -> None:
    op.create_table(
        "agent_budgets",
        _text("tenant", 64),
        _text("capability", 200),
        _text("period", 8),
        sa.Column("limit_nanos", sa.BigInteger(), nullable=False),
        _moment("changed_at"),
        _text("changed_by", 200),
        _of_tenant("agent_budgets"),
        sa.PrimaryKeyConstraint("tenant", "capability", "period", name="pk_agent_budgets"),
    )
    op.create_table(
        "agent_spending",
        _text("tenant", 64),
        _text("capability", 200),
        _text("period", 8),
        _moment("start"),
        sa.Column("spent_nanos", sa.BigInteger(), nullable=False),
        _of_tenant("agent_spending"),
        sa.PrimaryKeyConstraint(
            "tenant", "capability", "period", "start", name="pk_agent_spending"
        ),
    )
    op.create_table(
        "agent_holds",
        _text("tenant", 64),
        _text("id", 36),
        _text("host", 36),
        _text("capability", 200),
        sa.Column("nanos", sa.BigInteger(), nullable=False),
        _moment("at"),
        _moment("lease_until"),
        _of_tenant("agent_holds"),
        sa.PrimaryKeyConstraint("tenant", "id", name="pk_agent_holds"),
    )
    for column in ("host", "lease_until"):
        op.create_index(f"ix_agent_holds_{column}", "agent_holds", [column])


def _keep_tenants_apart(table: str) -> None:
    op.execute(f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY')
    op.execute(f'ALTER TABLE "{table}" FORCE ROW LEVEL SECURITY')
    op.execute(
        f'CREATE POLICY {POLICY} ON "{table}" USING ({_IS_ENTERED}) WITH CHECK ({_IS_ENTERED})'
    )


def _of_tenant(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["tenant"], ["tenants.name"], name=f"fk_{table}_tenant")


def _text(name: str, length: int, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(length=length), nullable=nullable)


def _moment(name: str) -> sa.Column[datetime]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False)
