"""Layers and scopes of configurations, and their history."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

from wardian.storage.tables import UtcDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_OLD = sa.table(
    "config",
    sa.column("tenant", sa.String),
    sa.column("plugin_id", sa.String),
    sa.column("settings", sa.JSON),
    sa.column("updated_at", UtcDateTime),
)
_PLUGINS = sa.table(
    "plugins",
    sa.column("tenant", sa.String),
    sa.column("id", sa.String),
    sa.column("name", sa.String),
)
_NEW = sa.table(
    "config_scopes",
    sa.column("tenant", sa.String),
    sa.column("scope", sa.String),
    sa.column("origin", sa.String),
    sa.column("plugin_id", sa.String),
    sa.column("layers", sa.JSON),
    sa.column("origins", sa.JSON),
    sa.column("version", sa.Integer),
    sa.column("updated_at", UtcDateTime),
    sa.column("updated_by", sa.String),
)
_HISTORY = sa.table(
    "config_history",
    sa.column("tenant", sa.String),
    sa.column("scope", sa.String),
    sa.column("origin", sa.String),
    sa.column("plugin_id", sa.String),
    sa.column("layer", sa.String),
    sa.column("before", sa.JSON),
    sa.column("after", sa.JSON),
    sa.column("note", sa.Text),
    sa.column("changed_at", UtcDateTime),
    sa.column("changed_by", sa.String),
)


def upgrade() -> None:
    _create_config_scopes()
    _create_config_history()
    _move(_user_layers())
    op.drop_table("config")


def downgrade() -> None:
    _create_config()
    _move_back()
    op.drop_table("config_history")
    op.drop_table("config_scopes")


def _user_layers() -> list[dict[str, Any]]:
    """What operators had set is the user layer of its plugin."""
    found = op.get_bind().execute(
        sa.select(
            _OLD.c.tenant, _OLD.c.plugin_id, _OLD.c.settings, _OLD.c.updated_at, _PLUGINS.c.name
        ).join(
            _PLUGINS,
            sa.and_(_PLUGINS.c.tenant == _OLD.c.tenant, _PLUGINS.c.id == _OLD.c.plugin_id),
        )
    )
    return [
        _row(row.tenant, row.name, row.plugin_id, row.settings, row.updated_at) for row in found
    ]


def _row(
    tenant: str, name: str, plugin_id: str, settings: dict[str, Any], changed: datetime
) -> dict[str, Any]:
    return {
        "tenant": tenant,
        "scope": name,
        "origin": "api",
        "plugin_id": plugin_id,
        "layers": {"user": settings} if settings else {},
        "origins": {},
        "version": 1,
        "updated_at": changed,
        "updated_by": "",
    }


def _move(rows: list[dict[str, Any]]) -> None:
    if rows:
        op.bulk_insert(_NEW, rows)
        op.bulk_insert(_HISTORY, [_first_entry(row) for row in rows])


def _first_entry(row: dict[str, Any]) -> dict[str, Any]:
    """Something to go back to, of before there was a history."""
    return {
        "tenant": row["tenant"],
        "scope": row["scope"],
        "origin": "api",
        "plugin_id": row["plugin_id"],
        "layer": "user",
        "before": {},
        "after": row["layers"].get("user", {}),
        "note": "set before histories were kept",
        "changed_at": row["updated_at"],
        "changed_by": "",
    }


def _move_back() -> None:
    """A schema without layers has the user layer alone."""
    found = op.get_bind().execute(sa.select(_NEW).where(_NEW.c.plugin_id.is_not(None)))
    rows = [
        {
            "tenant": row.tenant,
            "plugin_id": row.plugin_id,
            "settings": row.layers.get("user", {}),
            "updated_at": row.updated_at,
        }
        for row in found
    ]
    if rows:
        op.bulk_insert(_OLD, rows)


def _of_tenant(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["tenant"], ["tenants.name"], name=f"fk_{table}_tenant")


def _of_plugin(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant", "plugin_id"],
        ["plugins.tenant", "plugins.id"],
        name=f"fk_{table}_tenant_plugin_id",
        ondelete="CASCADE",
    )


def _create_config_scopes() -> None:
    op.create_table(
        "config_scopes",
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("scope", sa.String(length=64), nullable=False),
        sa.Column("origin", sa.String(length=8), nullable=False),
        sa.Column("plugin_id", sa.String(length=36), nullable=True),
        sa.Column("layers", sa.JSON(), nullable=False),
        sa.Column("origins", sa.JSON(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.String(length=200), nullable=False),
        _of_tenant("config_scopes"),
        _of_plugin("config_scopes"),
        sa.PrimaryKeyConstraint("tenant", "scope", "origin", name="pk_config_scopes"),
    )


def _create_config_history() -> None:
    position = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "config_history",
        sa.Column("position", position, autoincrement=True, nullable=False),
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("scope", sa.String(length=64), nullable=False),
        sa.Column("origin", sa.String(length=8), nullable=False),
        sa.Column("plugin_id", sa.String(length=36), nullable=True),
        sa.Column("layer", sa.String(length=16), nullable=False),
        sa.Column("environment", sa.String(length=16), nullable=True),
        sa.Column("before", sa.JSON(), nullable=False),
        sa.Column("after", sa.JSON(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_by", sa.String(length=200), nullable=False),
        _of_tenant("config_history"),
        _of_plugin("config_history"),
        sa.PrimaryKeyConstraint("position", name="pk_config_history"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_config_history_tenant_scope_position", "config_history", ["tenant", "scope", "position"]
    )


def _create_config() -> None:
    op.create_table(
        "config",
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("plugin_id", sa.String(length=36), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        _of_tenant("config"),
        _of_plugin("config"),
        sa.PrimaryKeyConstraint("tenant", "plugin_id", name="pk_config"),
    )
