"""Jobs: calls that nobody waits for."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0016"
branch_labels = None
depends_on = None

POLICY = "of_the_tenant"

_IS_ENTERED = (
    "tenant = current_setting('wardian.tenant', true) "
    "OR current_setting('wardian.tenant', true) = '*'"
)


def upgrade() -> None:
    position = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "jobs",
        sa.Column("position", position, autoincrement=True, nullable=False),
        _text("tenant", 64),
        _text("id", 36),
        _text("plugin", 64),
        _text("plugin_id", 36),
        sa.Column("function", sa.Text(), nullable=False),
        _text("state", 16),
        sa.Column("retry", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        _text("subject", 200),
        _text("api_key_id", 36, nullable=True),
        _text("correlation_id", 200),
        _text("traceparent", 256, nullable=True),
        _text("notify", 36, nullable=True),
        _text("call_id", 36, nullable=True),
        _moment("lease_until"),
        _moment("not_before", nullable=False),
        _moment("created_at", nullable=False),
        _moment("began_at"),
        _moment("ended_at"),
        _text("error", 64),
        sa.Column("request", sa.LargeBinary(), nullable=True),
        sa.Column("request_bytes", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.LargeBinary(), nullable=True),
        sa.Column("outcome_bytes", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.name"], name="fk_jobs_tenant"),
        sa.PrimaryKeyConstraint("position", name="pk_jobs"),
        sa.UniqueConstraint("id", name="uq_jobs_id"),
        sqlite_autoincrement=True,
    )
    for columns in (
        ["tenant", "position"],
        ["tenant", "state", "position"],
        ["state", "tenant", "position"],
        ["state", "lease_until"],
    ):
        op.create_index(f"ix_jobs_{'_'.join(columns)}", "jobs", columns)
    if op.get_bind().dialect.name == "postgresql":
        _keep_tenants_apart("jobs")


def downgrade() -> None:
    op.drop_table("jobs")


def _keep_tenants_apart(table: str) -> None:
    op.execute(f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY')
    op.execute(f'ALTER TABLE "{table}" FORCE ROW LEVEL SECURITY')
    op.execute(
        f'CREATE POLICY {POLICY} ON "{table}" USING ({_IS_ENTERED}) WITH CHECK ({_IS_ENTERED})'
    )


def _text(name: str, length: int, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(length=length), nullable=nullable)


def _moment(name: str, *, nullable: bool = True) -> sa.Column[datetime]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)
