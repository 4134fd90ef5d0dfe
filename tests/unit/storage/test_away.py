"""A database that is away is told from one that was asked wrongly."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import text

from wardian.api.problems import status_of
from wardian.errors import Unavailable, WardianError
from wardian.storage import Database
from wardian.storage.away import is_away

pytestmark = pytest.mark.anyio


def raised(path: Path, *statements: str) -> sqlite3.Error:
    try:
        connection = sqlite3.connect(path, timeout=0)
        for statement in statements:
            connection.execute(statement)
    except sqlite3.Error as error:
        return error
    raise AssertionError("nothing was raised")


def test_a_file_that_is_locked_full_or_gone_is_away_and_a_wrong_statement_is_not(
    tmp_path: Path,
) -> None:
    there = tmp_path / "there"
    holder = sqlite3.connect(there, isolation_level=None)
    holder.execute("CREATE TABLE t (a TEXT)")
    full = "PRAGMA max_page_count = 2", "INSERT INTO t VALUES (zeroblob(100000))"
    assert is_away(raised(tmp_path / "no" / "folder"))
    assert is_away(raised(there, *full))
    assert not is_away(raised(there, "SELECT nothing"))
    holder.execute("BEGIN EXCLUSIVE")
    assert is_away(raised(there, "INSERT INTO t VALUES ('a')"))
    holder.close()
    assert is_away(ConnectionRefusedError())
    assert not is_away(ValueError())


async def test_a_fault_of_the_host_s_own_stays_one(database: Database) -> None:
    with pytest.raises(WardianError) as found:
        async with database.transaction() as connection:
            await connection.execute(text("SELECT nothing"))
    assert not isinstance(found.value, Unavailable)
    assert (status_of(type(found.value)), status_of(Unavailable)) == (500, 503)
