"""Endpoints of host apps, what is to be posted to them, and how that went."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0007"
branch_labels = None
depends_on = None

TABLES = ("endpoints", "endpoint_deliveries", "endpoint_attempts")
POLICY = "of_the_tenant"

_IS_ENTERED = (
    "tenant = current_setting('wardian.tenant', true) "
    "OR current_setting('wardian.tenant', true) = '*'"
)


def upgrade() -> None:
    _create_endpoints()
    _create_deliveries()
    _create_attempts()
    if op.get_bind().dialect.name == "postgresql":
        for table in TABLES:
            op.execute(f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY')
            op.execute(f'ALTER TABLE "{table}" FORCE ROW LEVEL SECURITY')
            op.execute(
                f'CREATE POLICY {POLICY} ON "{table}" '
                f"USING ({_IS_ENTERED}) WITH CHECK ({_IS_ENTERED})"
            )


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)


def _tenant() -> sa.Column[str]:
    return sa.Column("tenant", sa.String(length=64), nullable=False)


def _position() -> sa.Column[int]:
    kind = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    return sa.Column("position", kind, autoincrement=True, nullable=False)


def _moment(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _text(name: str, length: int | None = None, *, nullable: bool = False) -> sa.Column[str]:
    kind = sa.Text() if length is None else sa.String(length=length)
    return sa.Column(name, kind, nullable=nullable)


def _of_tenant(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["tenant"], ["tenants.name"], name=f"fk_{table}_tenant")


def _of(
    table: str, column: str, other: str, *, ondelete: str | None = None
) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant", column],
        [f"{other}.tenant", f"{other}.id"],
        name=f"fk_{table}_tenant_{column}",
        ondelete=ondelete,
    )


def _index(table: str, *columns: str) -> None:
    op.create_index(f"ix_{table}_{'_'.join(columns)}", table, list(columns))


def _create_endpoints() -> None:
    op.create_table(
        "endpoints",
        _tenant(),
        _text("id", 36),
        _text("url"),
        sa.Column("topics", sa.JSON(), nullable=False),
        _text("description"),
        _text("api_key_id", 36),
        sa.Column("paused", sa.Boolean(), nullable=False),
        _text("reason"),
        sa.Column("queued", sa.BigInteger(), nullable=False),
        sa.Column("dropped", sa.BigInteger(), nullable=False),
        sa.Column("failures", sa.BigInteger(), nullable=False),
        _moment("failing_since", nullable=True),
        _moment("last_success_at", nullable=True),
        _text("key_id", 36),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        _moment("created_at"),
        _text("created_by", 200),
        _moment("updated_at"),
        _text("updated_by", 200),
        _of("endpoints", "api_key_id", "api_keys"),
        _of("endpoints", "key_id", "data_keys"),
        _of_tenant("endpoints"),
        sa.PrimaryKeyConstraint("tenant", "id", name="pk_endpoints"),
    )
    _index("endpoints", "tenant", "api_key_id")
    _index("endpoints", "tenant", "key_id")


def _create_deliveries() -> None:
    op.create_table(
        "endpoint_deliveries",
        _position(),
        _tenant(),
        _text("id", 36),
        _text("endpoint_id", 36),
        _text("event_id", 36),
        _text("key", 256, nullable=True),
        _text("state", 16),
        sa.Column("attempt", sa.Integer(), nullable=False),
        _moment("not_before"),
        _text("lease_owner", 36, nullable=True),
        _moment("lease_until", nullable=True),
        _text("last_error"),
        _moment("created_at"),
        _moment("updated_at"),
        _of("endpoint_deliveries", "endpoint_id", "endpoints", ondelete="CASCADE"),
        _of_tenant("endpoint_deliveries"),
        sa.PrimaryKeyConstraint("position", name="pk_endpoint_deliveries"),
        sa.UniqueConstraint("id", name="uq_endpoint_deliveries_id"),
        sqlite_autoincrement=True,
    )
    _index("endpoint_deliveries", "tenant", "endpoint_id", "state", "position")
    _index("endpoint_deliveries", "tenant", "endpoint_id", "key", "position")
    _index("endpoint_deliveries", "tenant", "event_id")


def _create_attempts() -> None:
    op.create_table(
        "endpoint_attempts",
        _position(),
        _tenant(),
        _text("endpoint_id", 36),
        _text("event_id", 36),
        _text("topic", 200),
        sa.Column("attempt", sa.Integer(), nullable=False),
        _text("outcome", 16),
        sa.Column("status", sa.Integer(), nullable=True),
        _text("reason"),
        _text("response"),
        sa.Column("milliseconds", sa.Integer(), nullable=False),
        _moment("at"),
        _of("endpoint_attempts", "endpoint_id", "endpoints", ondelete="CASCADE"),
        _of_tenant("endpoint_attempts"),
        sa.PrimaryKeyConstraint("position", name="pk_endpoint_attempts"),
        sqlite_autoincrement=True,
    )
    _index("endpoint_attempts", "tenant", "endpoint_id", "position")
