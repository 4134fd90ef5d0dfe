"""Requests that are carried out once, and their answers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0018"
branch_labels = None
depends_on = None

POLICY = "of_the_tenant"
TABLES = ("idempotency_keys", "idempotency_totals")

_IS_ENTERED = (
    "tenant = current_setting('wardian.tenant', true) "
    "OR current_setting('wardian.tenant', true) = '*'"
)


def upgrade() -> None:
    _create_keys()
    _create_totals()
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


def _create_keys() -> None:
    op.create_table(
        "idempotency_keys",
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("api_key_id", sa.String(length=36), nullable=False),
        sa.Column("mark", sa.String(length=64), nullable=False),
        sa.Column("claim", sa.String(length=36), nullable=False),
        sa.Column("request", sa.String(length=64), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("lease_owner", sa.String(length=36), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        _of_tenant("idempotency_keys"),
        sa.PrimaryKeyConstraint("tenant", "api_key_id", "mark", name="pk_idempotency_keys"),
    )
    op.create_index("ix_idempotency_keys_tenant_until", "idempotency_keys", ["tenant", "until"])
    op.create_index("ix_idempotency_keys_lease_owner", "idempotency_keys", ["lease_owner"])


def _create_totals() -> None:
    op.create_table(
        "idempotency_totals",
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("api_key_id", sa.String(length=36), nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        _of_tenant("idempotency_totals"),
        sa.PrimaryKeyConstraint("tenant", "api_key_id", name="pk_idempotency_totals"),
    )
