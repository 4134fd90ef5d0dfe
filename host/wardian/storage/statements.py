"""What statements are built of that are built once, and given their values when they run.

SQLAlchemy makes a statement and finds its compiled text again for 60 to 200 µs, most of which is
spent once where the statement is one and the same object. Those that calls and upgrades wait for
are such objects.

The names of these parameters are no columns' names, because an UPDATE would set those.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Table, and_, bindparam

IN_TENANT: BindParameter[Any] = bindparam("in_tenant")
OF_PLUGIN: BindParameter[Any] = bindparam("of_plugin")
OF_NAME: BindParameter[Any] = bindparam("of_name")
OF_DIGEST: BindParameter[Any] = bindparam("of_digest")
OF_ID: BindParameter[Any] = bindparam("of_id")
AT: BindParameter[Any] = bindparam("at")


def mine(table: Table, *conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return the condition for rows of the tenant `IN_TENANT` that meet ``conditions``."""
    return and_(table.c.tenant == IN_TENANT, *conditions)
