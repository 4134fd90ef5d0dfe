"""Room for versions that are as long as a manifest may have them, wherever one is written down;
which judgements count; and questions by who asked them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_COLUMNS = {
    "usage": {"version": 128},
    "agent_measures": {"version": 128},
    "agent_feedback": {"version": 128},
    "agent_trials": {"active_version": 128, "other_version": 128},
    "asks": {"version": 128, "capability_version": 200, "arm": 128},
}
_BEFORE = 64

_OF_SUBJECT = "ix_asks_tenant_subject_position"

_FEEDBACK = sa.table("agent_feedback", sa.column("score"), sa.column("counts", sa.Boolean()))

_OLD_INDEX = "ix_agent_feedback_tenant_plugin_id"
_NEW_INDEX = "ix_agent_feedback_tenant_plugin_id_by_at"


def upgrade() -> None:
    _make(_COLUMNS)
    op.drop_index(_OLD_INDEX, "agent_feedback")
    op.create_index(_NEW_INDEX, "agent_feedback", ["tenant", "plugin_id", "by", "at"])
    op.create_index(_OF_SUBJECT, "asks", ["tenant", "subject", "position"])
    with op.batch_alter_table("agent_feedback") as feedback:
        feedback.add_column(sa.Column("counts", sa.Boolean(), nullable=True))
    op.execute(sa.update(_FEEDBACK).values(counts=_FEEDBACK.c.score.is_not(None)))
    with op.batch_alter_table("agent_feedback") as feedback:
        feedback.alter_column("counts", existing_type=sa.Boolean(), nullable=False)


def downgrade() -> None:
    with op.batch_alter_table("agent_feedback") as feedback:
        feedback.drop_column("counts")
    op.drop_index(_OF_SUBJECT, "asks")
    op.drop_index(_NEW_INDEX, "agent_feedback")
    op.create_index(_OLD_INDEX, "agent_feedback", ["tenant", "plugin_id"])
    _make({table: dict.fromkeys(columns, _BEFORE) for table, columns in _COLUMNS.items()})


def _make(columns: dict[str, dict[str, int]]) -> None:
    for table, lengths in columns.items():
        # What SQLite counts up must go on doing so in the table that takes this one's place.
        kwargs = {"sqlite_autoincrement": True} if table == "asks" else {}
        with op.batch_alter_table(table, table_kwargs=kwargs) as changed:
            for name, length in lengths.items():
                changed.alter_column(name, type_=sa.String(length))
