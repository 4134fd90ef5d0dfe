"""Rows: the only package that knows SQLAlchemy. Every repository is bound to one tenant."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wardian.storage.database import Connection, Database

__all__ = ["Connection", "Database"]


def __getattr__(name: str) -> Any:
    # Loaded at the first use, because SQLAlchemy takes half a second to load, and a command that
    # packs or runs a component has no database.
    if name not in __all__:
        raise AttributeError(f"module 'wardian.storage' has no attribute {name!r}")
    return getattr(import_module("wardian.storage.database"), name)
