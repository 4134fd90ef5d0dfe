"""Credentials, the keys that seal them, and people away at an OAuth provider."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

NEW_TABLES = ("data_keys", "credentials", "oauth_flows")


def upgrade() -> None:
    _create_data_keys()
    _create_credentials()
    _create_oauth_flows()


def downgrade() -> None:
    for table in reversed(NEW_TABLES):
        op.drop_table(table)


def _of_tenant(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["tenant"], ["tenants.name"], name=f"fk_{table}_tenant")


def _of_plugin(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant", "plugin_id"],
        ["plugins.tenant", "plugins.id"],
        name=f"fk_{table}_tenant_plugin_id",
        ondelete="CASCADE",
    )


def _of_data_key(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant", "key_id"],
        ["data_keys.tenant", "data_keys.id"],
        name=f"fk_{table}_tenant_key_id",
    )


def _tenant() -> sa.Column[str]:
    return sa.Column("tenant", sa.String(length=64), nullable=False)


def _create_data_keys() -> None:
    op.create_table(
        "data_keys",
        _tenant(),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("root_key", sa.String(length=128), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("sealings", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        _of_tenant("data_keys"),
        sa.PrimaryKeyConstraint("tenant", "id", name="pk_data_keys"),
        sa.UniqueConstraint("tenant", "number", name="uq_data_keys_tenant_number"),
    )


def _create_credentials() -> None:
    op.create_table(
        "credentials",
        _tenant(),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("plugin_id", sa.String(length=36), nullable=True),
        sa.Column("owner", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("public", sa.JSON(), nullable=False),
        sa.Column("bound", sa.JSON(), nullable=False),
        sa.Column("key_id", sa.String(length=36), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rotate_days", sa.Integer(), nullable=True),
        sa.Column("rotated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.String(length=200), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        _of_data_key("credentials"),
        _of_plugin("credentials"),
        _of_tenant("credentials"),
        sa.PrimaryKeyConstraint("tenant", "id", name="pk_credentials"),
        sa.UniqueConstraint("tenant", "owner", "name", name="uq_credentials_tenant_owner_name"),
    )
    op.create_index("ix_credentials_tenant_key_id", "credentials", ["tenant", "key_id"])


def _create_oauth_flows() -> None:
    op.create_table(
        "oauth_flows",
        _tenant(),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("state_digest", sa.String(length=64), nullable=False),
        sa.Column("browser_digest", sa.String(length=64), nullable=False),
        sa.Column("client_id", sa.String(length=36), nullable=False),
        sa.Column("plugin_id", sa.String(length=36), nullable=True),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("redirect_uri", sa.Text(), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("key_id", sa.String(length=36), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("started_by", sa.String(length=200), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "client_id"],
            ["credentials.tenant", "credentials.id"],
            name="fk_oauth_flows_tenant_client_id",
            ondelete="CASCADE",
        ),
        _of_data_key("oauth_flows"),
        _of_plugin("oauth_flows"),
        _of_tenant("oauth_flows"),
        sa.PrimaryKeyConstraint("tenant", "id", name="pk_oauth_flows"),
        sa.UniqueConstraint("state_digest", name="uq_oauth_flows_state_digest"),
    )
