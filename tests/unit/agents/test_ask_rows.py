"""Questions written down behind their answers: at once in a file, and then as rows."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import NoReturn

import pytest

from wardian.agents.asking import jottings
from wardian.agents.asking.ask_rows import AskRows
from wardian.agents.asking.jottings import Jottings
from wardian.errors import Unavailable
from wardian.events import Events
from wardian.runtime.journal import Journal
from wardian.storage import Connection, Database
from wardian.storage.asks import AskRepository, AskRow
from wardian.tenants import bootstrap

pytestmark = pytest.mark.anyio

_NO_SUBJECTS = (("x", "\ud800"), ("y", "a\0b"))
"""Names that one database or the other does not take."""

AT = datetime(2025, 5, 4, 3, 2, 1, tzinfo=UTC)


def _row(name: str) -> AskRow:
    return AskRow(
        id=name,
        at=AT,
        capability="summarize",
        subject="me",
        ending="answered",
        agent="one",
        cost_nanos=5,
        latency_ms=1.5,
        rule=None,
        attempts=[{"agent": "one", "ending": "answered", "latency_ms": 1.5, "cost": 5e-9}],
    )


async def _written(database: Database, tenant: str = "default") -> list[AskRow]:
    async with database.reading() as connection:
        return await AskRepository(connection, tenant).page(limit=1_000)


async def _ids(database: Database) -> list[str]:
    return sorted(row.id for row in await _written(database))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "asks"


@pytest.fixture
async def tenants(database: Database) -> Database:
    journal = Journal(database, Events(database))
    for tenant in ("default", "other"):
        await bootstrap(journal, tenant=tenant)
    return database


async def test_question_is_noted_when_it_is_added_and_a_row_soon(
    tenants: Database, folder: Path
) -> None:
    rows = AskRows(tenants, Jottings(folder))
    await rows.add("default", _row("a"))

    [(_, noted)] = Jottings(folder).left()
    await rows.caught_up("default")
    [written] = await _written(tenants)
    [(_, left)] = Jottings(folder).left()
    await rows.close()

    assert noted == [("default", _row("a"))]
    assert (written.id, written.attempts) == ("a", _row("a").attempts)
    assert left == []
    assert list(folder.iterdir()) == []


async def test_host_writes_once_what_the_one_before_it_has_noted(
    tenants: Database, folder: Path
) -> None:
    killed = Jottings(folder)
    for tenant, name in (("default", "a"), ("other", "b"), ("default", "c"), ("gone", "d")):
        killed.note(tenant, _row(name))
    await AskRows(tenants).add("default", _row("a"))
    files = {path.name: path.read_bytes() for path in folder.iterdir()}

    await AskRows(tenants, Jottings(folder)).recover()
    left = list(folder.iterdir())
    for name, content in files.items():
        (folder / name).write_bytes(content)
    await AskRows(tenants, Jottings(folder)).recover()

    assert await _ids(tenants) == ["a", "c"]
    assert [row.id for row in await _written(tenants, "other")] == ["b"]
    assert left == list(folder.iterdir()) == []


async def test_note_that_was_cut_ends_its_file_and_takes_nothing_else_with_it(
    folder: Path,
) -> None:
    killed = Jottings(folder)
    for name in "abc":
        killed.note("default", _row(name))
    [path] = folder.iterdir()
    whole = path.read_bytes()

    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        [(_, found)] = Jottings(folder).left()
        assert [row.id for _, row in found] == ["a", "b", "c"][: 3 * length // len(whole)]
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    [(_, found)] = Jottings(folder).left()
    assert [row.id for _, row in found] == ["a", "b"]


async def test_files_do_not_grow_while_there_is_always_something_to_be_written(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jottings, "FILE_BYTES_MAX", 2_000)
    made = Jottings(folder)
    notes = [made.note("default", _row(f"{number}")) for number in range(50)]
    before = len(list(folder.iterdir()))
    for note in notes[:-1]:
        assert note is not None
        note.done()

    [path] = folder.iterdir()
    assert before > 5
    assert path.stat().st_size <= 2_500


async def test_where_nothing_can_be_noted_a_question_is_a_row_before_its_answer(
    tenants: Database, folder: Path
) -> None:
    folder.touch()
    rows = AskRows(tenants, Jottings(folder))

    await rows.add("default", _row("a"))

    assert await _ids(tenants) == ["a"]


async def test_questions_one_after_the_other_are_written_many_at_once(
    tenants: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, transaction = count(), tenants.transaction

    @asynccontextmanager
    async def counted() -> AsyncIterator[Connection]:
        next(begun)
        async with transaction() as connection:
            yield connection

    monkeypatch.setattr(tenants, "transaction", counted)
    rows = AskRows(tenants, Jottings(folder))
    for number in range(200):
        await rows.add("default", _row(f"{number}"))
    await rows.close()

    assert len(await _ids(tenants)) == 200
    assert next(begun) <= 20


async def test_question_that_cannot_be_a_row_is_told_and_noted_no_more(
    tenants: Database, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = AskRows(tenants, Jottings(folder))
    await rows.add("default", _row("a"))
    await rows.caught_up("default")

    with caplog.at_level(logging.WARNING):
        await rows.add("default", _row("a"))
        await rows.close()

    assert "a was not written down" in caplog.text
    assert list(folder.iterdir()) == []


async def test_question_that_cannot_be_a_row_takes_no_others_along(
    tenants: Database, folder: Path
) -> None:
    rows = AskRows(tenants, Jottings(folder))
    good = [_row(f"{number}") for number in range(20)]
    bad = [replace(_row(name), subject=subject) for name, subject in _NO_SUBJECTS]
    for row in (*good[:7], *bad, *good[7:]):
        await rows.add("default", row)
    await rows.close()

    assert set(await _ids(tenants)) >= {row.id for row in good}


async def test_note_that_cannot_be_a_row_takes_no_others_along(
    tenants: Database, folder: Path
) -> None:
    killed = Jottings(folder)
    for row in (_row("a"), replace(_row("b"), units=1 << 63), _row("c")):
        killed.note("default", row)
    killed.note("other", _row("d"))

    await AskRows(tenants, Jottings(folder)).recover()

    assert await _ids(tenants) == ["a", "c"]
    assert [row.id for row in await _written(tenants, "other")] == ["d"]
    assert list(folder.iterdir()) == []


async def test_question_that_ends_while_the_database_is_away_is_a_row_when_it_is_back(
    tenants: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = AskRows(tenants, Jottings(folder))
    with monkeypatch.context() as patched:
        patched.setattr(tenants, "transaction", _away)
        for name in "abc":
            await rows.add("default", _row(name))
            await rows.caught_up("default")
    await rows.add("default", _row("d"))
    await rows.caught_up("default")

    assert await _ids(tenants) == ["a", "b", "c", "d"]
    await rows.close()
    assert list(folder.iterdir()) == []


async def test_question_that_ends_while_the_database_is_away_for_good_is_the_next_hosts_to_write(
    tenants: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = AskRows(tenants, Jottings(folder))
    with monkeypatch.context() as patched:
        patched.setattr(tenants, "transaction", _away)
        await rows.add("default", _row("a"))
        await rows.close()
    await AskRows(tenants, Jottings(folder)).recover()

    assert await _ids(tenants) == ["a"]


async def test_question_that_had_not_ended_when_its_host_was_killed_is_told_as_lost(
    tenants: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jottings, "FILE_BYTES_MAX", 1)  # each note in a file of its own
    rows = AskRows(tenants, Jottings(folder))
    begun = {name: rows.begun("default", replace(_row(name), ending="lost")) for name in "abc"}
    await rows.add("default", _row("a"), begun["a"])
    await rows.caught_up("default")
    Jottings(folder).note("default", _row("b"))

    await AskRows(tenants, Jottings(folder)).recover()

    endings = {row.id: row.ending for row in await _written(tenants)}
    assert endings == {"a": "answered", "b": "answered", "c": "lost"}
    assert list(folder.iterdir()) == []


def _away() -> NoReturn:
    raise Unavailable("The database does not answer.")
