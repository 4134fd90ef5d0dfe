"""What plugins keep beside rows that are not theirs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0015"
branch_labels = None
depends_on = None

TABLE = "plugin_aware_rows"
POLICY = "of_the_tenant"

_IS_ENTERED = (
    "tenant = current_setting('wardian.tenant', true) "
    "OR current_setting('wardian.tenant', true) = '*'"
)


def upgrade() -> None:
    op.create_table(
        TABLE,
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("plugin_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("row_id", sa.String(length=200), nullable=False),
        sa.Column("plugin_metadata", sa.JSON(), nullable=False),
        sa.Column("schema_version", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("before", sa.JSON(), nullable=True),
        sa.Column("before_version", sa.Integer(), nullable=True),
        sa.Column("fault", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.name"], name=f"fk_{TABLE}_tenant"),
        sa.ForeignKeyConstraint(
            ["tenant", "plugin_id"],
            ["plugins.tenant", "plugins.id"],
            name=f"fk_{TABLE}_tenant_plugin_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant", "plugin_id", "kind", "row_id", name=f"pk_{TABLE}"),
    )
    for columns in (
        ["tenant", "kind", "row_id"],
        ["tenant", "plugin_id", "kind", "schema_version"],
    ):
        op.create_index(f"ix_{TABLE}_{'_'.join(columns)}", TABLE, columns)
    _hold()


def downgrade() -> None:
    op.drop_table(TABLE)


def _hold() -> None:
    """Keep tenants' rows apart, on PostgreSQL; see the revision 0007."""
    if op.get_bind().dialect.name != "postgresql":
        return
    op.execute(f'ALTER TABLE "{TABLE}" ENABLE ROW LEVEL SECURITY')
    op.execute(f'ALTER TABLE "{TABLE}" FORCE ROW LEVEL SECURITY')
    op.execute(
        f'CREATE POLICY {POLICY} ON "{TABLE}" USING ({_IS_ENTERED}) WITH CHECK ({_IS_ENTERED})'
    )
