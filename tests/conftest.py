"""What every test may ask for."""

from __future__ import annotations

import asyncio
import gc
import shutil
from collections.abc import AsyncIterator, Generator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

import jetstreams
import postgres
from skipping import needed
from wardian.policy.levels import LEVELS
from wardian.policy.limits import MAX_WALL_SECONDS
from wardian.storage import Database
from wardian.storage import database as opening
from wardian.storage.schema import bring_up_to_date

BOTH = ("sqlite", "postgresql")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Leave what was imported and collected, which stays, out of every later collection.

    Because to look through it takes a third of a second, and happened every few tests.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
def migrated_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Begin each new SQLite database of a test as a copy of one at the newest schema.

    Because every migration from the first one on takes a tenth of a second of the processor, as
    much as most tests that need a database. The tests of migrations do not use this way in.
    """
    template = tmp_path_factory.mktemp("migrated") / "template.db"
    asyncio.run(_make(template))

    async def copied(engine: AsyncEngine) -> None:
        path = engine.url.database
        if engine.dialect.name == "sqlite" and path is not None and _is_new(Path(path)):
            shutil.copyfile(template, path)
        await bring_up_to_date(engine)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(opening, "bring_up_to_date", copied)
        yield


def _is_new(path: Path) -> bool:
    return not path.exists() or path.stat().st_size == 0  # a host makes it, to say whose it is


async def _make(path: Path) -> None:
    async with Database.open(path):
        pass


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.Server]:
    """A server for the whole session; started for the first test that needs it."""
    with needed(postgres.server()) as running:
        yield running


@pytest.fixture
async def postgres_url(anyio_backend: str, postgres_server: postgres.Server) -> AsyncIterator[str]:
    """A PostgreSQL database of the test's own, at the newest schema, without a row."""
    async with postgres_server.lent() as url:
        yield url


@pytest.fixture(scope="session")
def nats_server() -> Iterator[jetstreams.Server]:
    """A NATS server for the whole session; started for the first test that needs it."""
    with needed(jetstreams.server()) as running:
        yield running


@pytest.fixture(params=("database", "nats"))
def on_both_buses(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Have the hosts of a test, those in other processes too, use each kind of event bus."""
    if request.param == "nats":
        for name, value in request.getfixturevalue("nats_server").settings().items():
            monkeypatch.setenv(name, value)
    return str(request.param)


@pytest.fixture(params=("sqlite", "postgresql", "nats"))
def on_every_bus(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Have the hosts of a test use each database as the bus, and NATS beside PostgreSQL."""
    if request.param != "sqlite":
        monkeypatch.setenv("WARDIAN_DATABASE_URL", request.getfixturevalue("postgres_url"))
    if request.param == "nats":
        for name, value in request.getfixturevalue("nats_server").settings().items():
            monkeypatch.setenv(name, value)
    return str(request.param)


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give calls of every level all the time that there is, in a test of something else than that.

    Because a machine with much to do takes the second of an isolated call for itself.
    """
    for level, policy in LEVELS.items():
        limits = replace(policy.limits, wall_seconds=MAX_WALL_SECONDS)
        monkeypatch.setitem(LEVELS, level, replace(policy, limits=limits))


@pytest.fixture(params=BOTH)
def database_location(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    """Where a database is, on each kind of them."""
    if request.param == "sqlite":
        return tmp_path / "test.db"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
async def database(database_location: Path | str) -> AsyncIterator[Database]:
    """A database at the newest schema, without a row; on SQLite and on PostgreSQL."""
    async with Database.open(database_location) as opened:
        yield opened


@pytest.fixture
async def sqlite_database(tmp_path: Path) -> AsyncIterator[Database]:
    """A database on disk, for what only SQLite has."""
    async with Database.open(tmp_path / "test.db") as opened:
        yield opened


@pytest.fixture
def on_both_databases(database_location: Path | str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the hosts of a test, those in other processes too, use each kind of database."""
    if isinstance(database_location, str):
        monkeypatch.setenv("WARDIAN_DATABASE_URL", database_location)
