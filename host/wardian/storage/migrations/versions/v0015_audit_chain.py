"""The audit trail as a chain: from where, who decided, and the hash of each entry."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

from wardian.storage.tables import UtcDateTime

revision = "0015"
down_revision = "0011"
branch_labels = None
depends_on = None

_AUDIT = sa.table(
    "audit",
    sa.column("position", sa.BigInteger),
    sa.column("tenant", sa.String),
    sa.column("time", UtcDateTime),
    sa.column("actor", sa.String),
    sa.column("action", sa.String),
    sa.column("subject", sa.String),
    sa.column("detail", sa.JSON),
    sa.column("key_id", sa.String),
    sa.column("address", sa.String),
    sa.column("request_id", sa.String),
    sa.column("decision", sa.String),
    sa.column("layer", sa.String),
    sa.column("sequence", sa.BigInteger),
    sa.column("previous", sa.String),
    sa.column("hash", sa.String),
)

_TEXTS = {
    "key_id": (36, ""),
    "address": (64, ""),
    "request_id": (128, ""),
    "decision": (16, "allowed"),
    "layer": (80, ""),
    "previous": (64, ""),
    "hash": (64, ""),
}

_PAGE = 500


def upgrade() -> None:
    for name, (length, before) in _TEXTS.items():
        column = sa.Column(name, sa.String(length=length), nullable=False, server_default=before)
        op.add_column("audit", column)
    op.add_column(
        "audit", sa.Column("sequence", sa.BigInteger(), nullable=False, server_default="0")
    )
    for tenant in op.get_bind().scalars(sa.select(_AUDIT.c.tenant).distinct()).all():
        _chain(tenant)
    op.drop_index("ix_audit_tenant_position", "audit")
    op.create_index("ix_audit_tenant_sequence", "audit", ["tenant", "sequence"], unique=True)


def downgrade() -> None:
    op.drop_index("ix_audit_tenant_sequence", "audit")
    with op.batch_alter_table("audit", table_kwargs={"sqlite_autoincrement": True}) as audit:
        for name in (*_TEXTS, "sequence"):
            audit.drop_column(name)
    op.create_index("ix_audit_tenant_position", "audit", ["tenant", "position"])


def _chain(tenant: str) -> None:
    """Bind a tenant's entries together, in the order in which they were written."""
    connection = op.get_bind()
    previous, sequence, position = "0" * 64, 0, -1
    while True:
        page = connection.execute(
            sa.select(_AUDIT)
            .where(_AUDIT.c.tenant == tenant, _AUDIT.c.position > position)
            .order_by(_AUDIT.c.position)
            .limit(_PAGE)
        )
        rows = [dict(row) for row in page.mappings()]
        for row in rows:
            sequence, position = sequence + 1, row.pop("position")
            row |= {"sequence": sequence, "previous": previous}
            previous = _hash(row)
            connection.execute(
                sa.update(_AUDIT)
                .where(_AUDIT.c.position == position)
                .values(sequence=sequence, previous=row["previous"], hash=previous)
            )
        if len(rows) < _PAGE:
            return


def _hash(row: dict[str, Any]) -> str:
    time: datetime = row["time"]
    written = time.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    fields = {name: value for name, value in row.items() if name != "hash"} | {"time": written}
    text = json.dumps(
        fields, ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False
    )
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
