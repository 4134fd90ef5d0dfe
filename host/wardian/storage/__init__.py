"""Rows: the only package that knows SQLAlchemy. Every repository is bound to one tenant."""

from wardian.storage.database import Connection, Database

__all__ = ["Connection", "Database"]
