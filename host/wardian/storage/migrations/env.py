"""Alembic's entry point: migrate over the connection that the host hands in."""

from __future__ import annotations

from alembic import context

from wardian.storage.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
# No transaction of its own: the host's one spans every step, so a start that is killed in the
# middle leaves the old schema whole.
context.run_migrations()
