"""Alembic's migrations; run by `wardian.storage.schema` when a host starts."""
