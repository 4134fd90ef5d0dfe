"""Since when an agent does not answer, whatever trials of it failed meanwhile."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

_BREAKERS = sa.table(
    "agent_breakers", sa.column("state"), sa.column("since"), sa.column("ill_since")
)


def upgrade() -> None:
    op.add_column("agent_breakers", sa.Column("ill_since", sa.DateTime(timezone=True)))
    # Of those that are open now, this is as much as was written down.
    is_open = _BREAKERS.c.state != "closed"
    op.execute(sa.update(_BREAKERS).where(is_open).values(ill_since=_BREAKERS.c.since))


def downgrade() -> None:
    with op.batch_alter_table("agent_breakers") as breakers:
        breakers.drop_column("ill_since")
