"""A database that is away is told from one that was asked wrongly."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import text

from wardian.api.problems import status_of
from wardian.errors import HostUnusable, Unavailable, WardianError
from wardian.storage import Database
from wardian.storage.away import is_away, told_of
from wardian.storage.engines import engines_of

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


async def test_what_is_told_has_neither_the_address_nor_the_name_nor_the_statement(
    caplog: pytest.LogCaptureFixture,
) -> None:
    url = "postgresql://secretive:hunter2@127.0.0.1:1/hidden"
    with pytest.raises(Unavailable) as found:
        async with Database(engines_of(url)).transaction():
            pass

    assert found.value.message == "The database did not answer as it should: Connection refused."
    assert "127.0.0.1" in caplog.text  # the operator's, who knows where it is
    assert "hunter2" not in caplog.text


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ("08006", "it cannot be reached"),
        ("25006", "it can only be read"),
        ("40P01", "others are changing the same"),
        ("53300", "there is no room for more, or no connection"),
        ("55P03", "others hold what this waits for"),
        ("57014", "it took too long"),
        ("57P01", "its server is stopped, or starts"),
    ],
)
def test_what_a_server_has_no_room_or_time_for_now_may_be_asked_again(
    state: str, told: str
) -> None:
    refused = Refused("connection to 10.0.0.7 as secretive")
    refused.sqlstate = state
    assert is_away(refused)
    assert told_of(refused) == told


@pytest.mark.parametrize("state", ["23505", "42P01", "28P01", "22P02", "55000"])
def test_what_a_server_was_asked_wrongly_is_a_fault_of_which_nothing_is_told(state: str) -> None:
    refused = Refused("duplicate key: (name)=(secret)")
    refused.sqlstate = state
    assert not is_away(refused)
    assert "secret" not in told_of(refused)


class Refused(Exception):
    """What a driver raises."""

    sqlstate = ""


async def test_a_fault_of_the_host_s_own_stays_one(database: Database) -> None:
    with pytest.raises(WardianError) as found:
        async with database.transaction() as connection:
            await connection.execute(text("SELECT nothing"))
    assert not isinstance(found.value, Unavailable)
    assert "nothing" not in found.value.message
    assert (status_of(type(found.value)), status_of(Unavailable)) == (500, 503)


@pytest.mark.parametrize("rest", ["hunter2@h:port/x", "hunter2:/x"])
def test_a_url_that_is_none_does_not_have_its_password_repeated(rest: str) -> None:
    with pytest.raises(HostUnusable, match="its port is no number") as refused:
        engines_of(f"postgresql://joe:{rest}")
    assert "hunter2" not in refused.value.message
