"""Packages with their signatures, kept versions, upgrades, trust, what is observed of plugins."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

NEW_TABLES = (
    "versions",
    "seen_versions",
    "upgrades",
    "kv_snapshots",
    "publishers",
    "publisher_keys",
    "trust_policies",
    "revocation_lists",
    "revocations",
    "permission_uses",
    "recordings",
)

_PACKAGE_COLUMNS = ("component_digest", "publisher", "key_id", "envelope")
_PLUGIN_COLUMNS = (
    "package_digest",
    "health_detail",
    "health_failures",
    "health_successes",
    "degraded_by",
    "monitored",
    "recorded",
)


def upgrade() -> None:
    _extend_packages()
    _extend_plugins()
    _create_versions()
    _create_seen_versions()
    _create_upgrades()
    _create_kv_snapshots()
    _create_publishers()
    _create_publisher_keys()
    _create_trust_policies()
    _create_revocation_lists()
    _create_revocations()
    _create_permission_uses()
    _create_recordings()
    _keep_what_is_installed()


def downgrade() -> None:
    for table in reversed(NEW_TABLES):
        op.drop_table(table)
    with op.batch_alter_table("plugins") as plugins:
        plugins.drop_constraint("fk_plugins_tenant_package_digest", type_="foreignkey")
        for name in _PLUGIN_COLUMNS:
            plugins.drop_column(name)
        plugins.create_foreign_key(
            "fk_plugins_tenant_digest", "packages", ["tenant", "digest"], ["tenant", "digest"]
        )
    with op.batch_alter_table("packages") as packages:
        for name in _PACKAGE_COLUMNS:
            packages.drop_column(name)


def _extend_packages() -> None:
    """What was installed until now was kept as a bare component, and stays that."""
    with op.batch_alter_table("packages") as packages:
        packages.add_column(sa.Column("component_digest", sa.String(length=64), nullable=True))
        packages.add_column(sa.Column("publisher", sa.String(length=64), nullable=True))
        packages.add_column(sa.Column("key_id", sa.String(length=64), nullable=True))
        packages.add_column(sa.Column("envelope", sa.Text(), nullable=True))
    op.execute("UPDATE packages SET component_digest = digest")
    with op.batch_alter_table("packages") as packages:
        packages.alter_column("component_digest", existing_type=sa.String(64), nullable=False)


def _extend_plugins() -> None:
    none = sa.text("0")
    with op.batch_alter_table("plugins") as plugins:
        plugins.add_column(sa.Column("package_digest", sa.String(length=64), nullable=True))
        plugins.add_column(
            sa.Column("health_detail", sa.Text(), nullable=False, server_default=sa.text("''"))
        )
        plugins.add_column(
            sa.Column("health_failures", sa.Integer(), nullable=False, server_default=none)
        )
        plugins.add_column(
            sa.Column("health_successes", sa.Integer(), nullable=False, server_default=none)
        )
        plugins.add_column(
            sa.Column(
                "degraded_by", sa.String(length=16), nullable=False, server_default=sa.text("''")
            )
        )
        plugins.add_column(
            sa.Column("monitored", sa.Boolean(), nullable=False, server_default=sa.false())
        )
        plugins.add_column(sa.Column("recorded", sa.Integer(), nullable=False, server_default=none))
    op.execute("UPDATE plugins SET package_digest = digest")
    with op.batch_alter_table("plugins") as plugins:
        plugins.drop_constraint("fk_plugins_tenant_digest", type_="foreignkey")
        plugins.alter_column("package_digest", existing_type=sa.String(64), nullable=False)
        for name in _PLUGIN_COLUMNS[1:]:
            plugins.alter_column(name, server_default=None)
        plugins.create_foreign_key(
            "fk_plugins_tenant_package_digest",
            "packages",
            ["tenant", "package_digest"],
            ["tenant", "digest"],
        )


def _of_tenant(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["tenant"], ["tenants.name"], name=f"fk_{table}_tenant")


def _of_plugin(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant", "plugin_id"],
        ["plugins.tenant", "plugins.id"],
        name=f"fk_{table}_tenant_plugin_id",
        ondelete="CASCADE",
    )


def _tenant() -> sa.Column[str]:
    return sa.Column("tenant", sa.String(length=64), nullable=False)


def _create_versions() -> None:
    op.create_table(
        "versions",
        _tenant(),
        sa.Column("plugin_id", sa.String(length=36), nullable=False),
        sa.Column("package_digest", sa.String(length=64), nullable=False),
        sa.Column("plugin_version", sa.String(length=128), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("level", sa.String(length=16), nullable=False),
        sa.Column("manifest", sa.JSON(), nullable=False),
        sa.Column("description", sa.JSON(), nullable=False),
        sa.Column("installed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("installed_by", sa.String(length=200), nullable=False),
        _of_plugin("versions"),
        sa.ForeignKeyConstraint(
            ["tenant", "package_digest"],
            ["packages.tenant", "packages.digest"],
            name="fk_versions_tenant_package_digest",
        ),
        _of_tenant("versions"),
        sa.PrimaryKeyConstraint("tenant", "plugin_id", "package_digest", name="pk_versions"),
    )


def _create_seen_versions() -> None:
    op.create_table(
        "seen_versions",
        _tenant(),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("plugin_version", sa.String(length=128), nullable=False),
        sa.Column("package_digest", sa.String(length=64), nullable=False),
        sa.Column("publisher", sa.String(length=64), nullable=True),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        _of_tenant("seen_versions"),
        sa.PrimaryKeyConstraint("tenant", "name", name="pk_seen_versions"),
    )


def _create_upgrades() -> None:
    op.create_table(
        "upgrades",
        _tenant(),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("plugin_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("from_version", sa.String(length=128), nullable=False),
        sa.Column("to_version", sa.String(length=128), nullable=False),
        sa.Column("from_package", sa.String(length=64), nullable=False),
        sa.Column("to_package", sa.String(length=64), nullable=False),
        sa.Column("step", sa.String(length=16), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("migrated", sa.Boolean(), nullable=False),
        sa.Column("report", sa.JSON(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("actor", sa.String(length=200), nullable=False),
        _of_plugin("upgrades"),
        _of_tenant("upgrades"),
        sa.PrimaryKeyConstraint("tenant", "id", name="pk_upgrades"),
    )
    op.create_index("ix_upgrades_tenant_plugin_id", "upgrades", ["tenant", "plugin_id"])


def _create_kv_snapshots() -> None:
    op.create_table(
        "kv_snapshots",
        _tenant(),
        sa.Column("upgrade_id", sa.String(length=36), nullable=False),
        sa.Column("key", sa.LargeBinary(length=512), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant", "upgrade_id"],
            ["upgrades.tenant", "upgrades.id"],
            name="fk_kv_snapshots_tenant_upgrade_id",
            ondelete="CASCADE",
        ),
        _of_tenant("kv_snapshots"),
        sa.PrimaryKeyConstraint("tenant", "upgrade_id", "key", name="pk_kv_snapshots"),
    )


def _create_publishers() -> None:
    op.create_table(
        "publishers",
        _tenant(),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("plugins", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        _of_tenant("publishers"),
        sa.PrimaryKeyConstraint("tenant", "name", name="pk_publishers"),
    )


def _create_publisher_keys() -> None:
    op.create_table(
        "publisher_keys",
        _tenant(),
        sa.Column("key_id", sa.String(length=64), nullable=False),
        sa.Column("publisher", sa.String(length=64), nullable=False),
        sa.Column("public_key", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("added_by", sa.String(length=200), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "publisher"],
            ["publishers.tenant", "publishers.name"],
            name="fk_publisher_keys_tenant_publisher",
            ondelete="CASCADE",
        ),
        _of_tenant("publisher_keys"),
        sa.PrimaryKeyConstraint("tenant", "key_id", name="pk_publisher_keys"),
    )


def _create_trust_policies() -> None:
    op.create_table(
        "trust_policies",
        _tenant(),
        sa.Column("unsigned", sa.String(length=16), nullable=False),
        sa.Column("stale", sa.String(length=16), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.String(length=200), nullable=False),
        _of_tenant("trust_policies"),
        sa.PrimaryKeyConstraint("tenant", name="pk_trust_policies"),
    )


def _create_revocation_lists() -> None:
    op.create_table(
        "revocation_lists",
        _tenant(),
        sa.Column("publisher", sa.String(length=64), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("envelope", sa.Text(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "publisher"],
            ["publishers.tenant", "publishers.name"],
            name="fk_revocation_lists_tenant_publisher",
            ondelete="CASCADE",
        ),
        _of_tenant("revocation_lists"),
        sa.PrimaryKeyConstraint("tenant", "publisher", name="pk_revocation_lists"),
    )


def _create_revocations() -> None:
    op.create_table(
        "revocations",
        _tenant(),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("package_digest", sa.String(length=64), nullable=True),
        sa.Column("name", sa.String(length=64), nullable=True),
        sa.Column("versions", sa.String(length=128), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_by", sa.String(length=200), nullable=False),
        _of_tenant("revocations"),
        sa.PrimaryKeyConstraint("tenant", "id", name="pk_revocations"),
    )


def _create_permission_uses() -> None:
    op.create_table(
        "permission_uses",
        _tenant(),
        sa.Column("plugin_id", sa.String(length=36), nullable=False),
        sa.Column("permission", sa.String(length=512), nullable=False),
        sa.Column("refused_by", sa.String(length=16), nullable=False),
        sa.Column("uses", sa.BigInteger(), nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_call_id", sa.String(length=200), nullable=False),
        _of_plugin("permission_uses"),
        _of_tenant("permission_uses"),
        sa.PrimaryKeyConstraint(
            "tenant", "plugin_id", "permission", "refused_by", name="pk_permission_uses"
        ),
    )


def _create_recordings() -> None:
    op.create_table(
        "recordings",
        _tenant(),
        sa.Column("call_id", sa.String(length=200), nullable=False),
        sa.Column("plugin_id", sa.String(length=36), nullable=False),
        sa.Column("plugin_version", sa.String(length=128), nullable=False),
        sa.Column("package_digest", sa.String(length=64), nullable=False),
        sa.Column("function", sa.String(length=512), nullable=False),
        sa.Column("outcome", sa.String(length=64), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        _of_plugin("recordings"),
        _of_tenant("recordings"),
        sa.PrimaryKeyConstraint("tenant", "call_id", name="pk_recordings"),
    )
    op.create_index(
        "ix_recordings_tenant_plugin_id_recorded_at",
        "recordings",
        ["tenant", "plugin_id", "recorded_at"],
    )


def _keep_what_is_installed() -> None:
    op.execute(
        "INSERT INTO versions (tenant, plugin_id, package_digest, plugin_version, digest, level, "
        "manifest, description, installed_at, installed_by) SELECT tenant, id, package_digest, "
        "plugin_version, digest, level, manifest, description, installed_at, installed_by "
        "FROM plugins"
    )
    op.execute(
        "INSERT INTO seen_versions (tenant, name, plugin_version, package_digest, seen_at) "
        "SELECT tenant, name, plugin_version, package_digest, installed_at FROM plugins"
    )
