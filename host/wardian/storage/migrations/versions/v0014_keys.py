"""Keys that expire and are rotated, and how many requests they and their tenants may make."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0012"
branch_labels = None
depends_on = None

_MOMENTS = ("issued_at", "expires_at", "expiry_told_at", "last_used_at", "old_until")
_INDEXED = ("expires_at", "old_digest")


def upgrade() -> None:
    op.add_column(
        "api_keys", sa.Column("description", sa.Text(), nullable=False, server_default="")
    )
    for name in _MOMENTS:
        op.add_column("api_keys", sa.Column(name, sa.DateTime(timezone=True), nullable=True))
    op.add_column("api_keys", sa.Column("old_digest", sa.String(length=64), nullable=True))
    op.add_column("api_keys", sa.Column("rate", sa.String(length=64), nullable=True))
    for name in ("plugins", "networks"):
        op.add_column("api_keys", sa.Column(name, sa.JSON(), nullable=True))
    for name in _INDEXED:
        op.create_index(f"ix_api_keys_{name}", "api_keys", [name])
    for name in ("rate", "key_rate"):
        op.add_column("tenants", sa.Column(name, sa.String(length=64), nullable=True))


def downgrade() -> None:
    for name in ("key_rate", "rate"):
        op.drop_column("tenants", name)
    for name in _INDEXED:
        op.drop_index(f"ix_api_keys_{name}", "api_keys")
    for name in ("networks", "plugins", "rate", "old_digest", *reversed(_MOMENTS), "description"):
        op.drop_column("api_keys", name)
