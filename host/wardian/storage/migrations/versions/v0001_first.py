"""The first schema: tenants, keys, plugins and what belongs to them, events, audit."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_tenants()
    _create_api_keys()
    _create_packages()
    _create_plugins()
    _create_grants()
    _create_config()
    _create_kv()
    _create_kv_usage()
    _create_events()
    _create_audit()


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)


TABLES = (
    "tenants",
    "api_keys",
    "packages",
    "plugins",
    "grants",
    "config",
    "kv",
    "kv_usage",
    "events",
    "audit",
)


def _create_tenants() -> None:
    op.create_table(
        "tenants",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_tenants"),
    )


def _create_api_keys() -> None:
    op.create_table(
        "api_keys",
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("prefix", sa.String(length=16), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.name"], name="fk_api_keys_tenant"),
        sa.PrimaryKeyConstraint("tenant", "id", name="pk_api_keys"),
        sa.UniqueConstraint("digest", name="uq_api_keys_digest"),
    )


def _create_packages() -> None:
    op.create_table(
        "packages",
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.name"], name="fk_packages_tenant"),
        sa.PrimaryKeyConstraint("tenant", "digest", name="pk_packages"),
    )


def _create_plugins() -> None:
    op.create_table(
        "plugins",
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("plugin_version", sa.String(length=128), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("level", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("state_reason", sa.Text(), nullable=False),
        sa.Column("manifest", sa.JSON(), nullable=False),
        sa.Column("description", sa.JSON(), nullable=False),
        sa.Column("installed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("installed_by", sa.String(length=200), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("schema_version", sa.Integer(), nullable=False),
        sa.Column("migration_path", sa.JSON(), nullable=False),
        sa.Column("rollback_data", sa.JSON(), nullable=True),
        sa.Column("health_status", sa.String(length=16), nullable=False),
        sa.Column("last_health_check", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error_count", sa.BigInteger(), nullable=False),
        sa.Column("total_requests", sa.BigInteger(), nullable=False),
        sa.Column("avg_response_time", sa.Float(), nullable=False),
        sa.Column("success_rate", sa.Float(), nullable=False),
        sa.Column("plugin_metadata", sa.JSON(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "digest"],
            ["packages.tenant", "packages.digest"],
            name="fk_plugins_tenant_digest",
        ),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.name"], name="fk_plugins_tenant"),
        sa.PrimaryKeyConstraint("tenant", "id", name="pk_plugins"),
        sa.UniqueConstraint("tenant", "name", name="uq_plugins_tenant_name"),
    )


def _create_grants() -> None:
    op.create_table(
        "grants",
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("plugin_id", sa.String(length=36), nullable=False),
        sa.Column("permission", sa.String(length=512), nullable=False),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("granted_by", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "plugin_id"],
            ["plugins.tenant", "plugins.id"],
            name="fk_grants_tenant_plugin_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.name"], name="fk_grants_tenant"),
        sa.PrimaryKeyConstraint("tenant", "plugin_id", "permission", name="pk_grants"),
    )


def _create_config() -> None:
    op.create_table(
        "config",
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("plugin_id", sa.String(length=36), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "plugin_id"],
            ["plugins.tenant", "plugins.id"],
            name="fk_config_tenant_plugin_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.name"], name="fk_config_tenant"),
        sa.PrimaryKeyConstraint("tenant", "plugin_id", name="pk_config"),
    )


def _create_kv() -> None:
    op.create_table(
        "kv",
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("plugin_id", sa.String(length=36), nullable=False),
        sa.Column("key", sa.LargeBinary(length=512), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant", "plugin_id"],
            ["plugins.tenant", "plugins.id"],
            name="fk_kv_tenant_plugin_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.name"], name="fk_kv_tenant"),
        sa.PrimaryKeyConstraint("tenant", "plugin_id", "key", name="pk_kv"),
    )
    op.create_index(
        "ix_kv_tenant_plugin_id_expires_at",
        "kv",
        ["tenant", "plugin_id", "expires_at"],
        unique=False,
    )


def _create_kv_usage() -> None:
    op.create_table(
        "kv_usage",
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("plugin_id", sa.String(length=36), nullable=False),
        sa.Column("used_bytes", sa.BigInteger(), nullable=False),
        sa.Column("used_keys", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "plugin_id"],
            ["plugins.tenant", "plugins.id"],
            name="fk_kv_usage_tenant_plugin_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.name"], name="fk_kv_usage_tenant"),
        sa.PrimaryKeyConstraint("tenant", "plugin_id", name="pk_kv_usage"),
    )


def _create_events() -> None:
    op.create_table(
        "events",
        sa.Column(
            "position",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("topic", sa.String(length=200), nullable=False),
        sa.Column("source", sa.String(length=200), nullable=False),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("correlation_id", sa.String(length=200), nullable=False),
        sa.Column("key", sa.String(length=256), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.name"], name="fk_events_tenant"),
        sa.PrimaryKeyConstraint("position", name="pk_events"),
        sa.UniqueConstraint("id", name="uq_events_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_events_tenant_position", "events", ["tenant", "position"], unique=False)


def _create_audit() -> None:
    op.create_table(
        "audit",
        sa.Column(
            "position",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.name"], name="fk_audit_tenant"),
        sa.PrimaryKeyConstraint("position", name="pk_audit"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_audit_tenant_position", "audit", ["tenant", "position"], unique=False)
