"""Sums kept in memory: each is written once, whatever goes wrong in between."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text

from wardian.errors import WardianError
from wardian.runtime.tally import Plugin, Tally
from wardian.storage import Connection, Database

pytestmark = pytest.mark.anyio

ONE, OTHER = ("default", "one"), ("default", "other")


class Names(list[str]):
    """A sum whose order can be told."""

    def add_all(self, other: list[str]) -> None:
        self.extend(other)


class Rows:
    """What was written; the first time something goes wrong, if it shall."""

    def __init__(self) -> None:
        self.written: list[tuple[Plugin, list[str]]] = []
        self.fault: WardianError | None = None
        self.begun = asyncio.Event()
        self.may_end = asyncio.Event()
        self.may_end.set()

    async def write(self, connection: Connection, plugin: Plugin, names: Names) -> None:
        self.begun.set()
        await self.may_end.wait()
        await connection.execute(text("SELECT 1"))
        if self.fault is not None:
            raise self.fault
        self.written.append((plugin, list(names)))


async def test_every_sum_is_written_once_in_order_of_plugins(database: Database) -> None:
    rows = Rows()
    tally = Tally(database, "It", Names, rows.write)
    tally.of(OTHER).append("a")
    tally.of(ONE).append("b")
    tally.of(OTHER).append("c")

    await tally.flush()
    await tally.flush()

    assert rows.written == [(ONE, ["b"]), (OTHER, ["a", "c"])]
    assert tally.found(ONE) is None


async def test_what_cannot_be_written_is_kept_before_what_came_meanwhile(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    rows = Rows()
    rows.fault = WardianError("The disk is full.")
    rows.may_end.clear()
    tally = Tally(database, "It", Names, rows.write)
    tally.of(ONE).append("before")
    flush = asyncio.create_task(tally.flush())
    await rows.begun.wait()
    tally.of(ONE).append("meanwhile")
    rows.may_end.set()
    await flush

    assert "It could not be written: The disk is full." in caplog.text
    assert tally.found(ONE) == ["before", "meanwhile"]
    rows.fault = None
    await tally.flush()
    assert rows.written == [(ONE, ["before", "meanwhile"])]


async def test_a_flush_that_is_cancelled_loses_nothing(database: Database) -> None:
    rows = Rows()
    rows.may_end.clear()
    tally = Tally(database, "It", Names, rows.write)
    tally.of(ONE).append("kept")
    flush = asyncio.create_task(tally.flush())
    await rows.begun.wait()
    flush.cancel()
    with pytest.raises(asyncio.CancelledError):
        await flush

    assert tally.found(ONE) == ["kept"]


async def test_what_is_dropped_is_not_written(database: Database) -> None:
    rows = Rows()
    tally = Tally(database, "It", Names, rows.write)
    tally.of(ONE).append("gone")
    tally.drop(ONE)
    tally.drop(OTHER)
    await tally.flush()
    assert rows.written == []
