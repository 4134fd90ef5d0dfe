"""A PostgreSQL server of the tests' own: in a temporary directory, on a socket only."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from itertools import count
from pathlib import Path

import asyncpg

from servers import NotInstalled
from wardian.storage import Database

OWNER = "wardian"
"""The role of the application: it owns its database, and is no superuser."""

_TEMPLATE = "wardian_template"
_WAIT_SECONDS = 30.0

_END_OTHERS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)
# References are not looked at, because all that there is goes.
_EMPTY = """
DO $$
DECLARE name text;
BEGIN
  SET LOCAL session_replication_role = replica;
  FOR name IN SELECT tablename FROM pg_tables
    WHERE schemaname = 'public' AND tablename <> 'alembic_version'
  LOOP
    EXECUTE format('DELETE FROM %I', name);
  END LOOP;
END $$
"""

# A test's database does not have to survive a power cut.
_HASTE = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "autovacuum=off")


class Server:
    """One running server; `stop` and `start` are for those who test that it goes away."""

    def __init__(self, binaries: Path, folder: Path, settings: Sequence[str] = _HASTE) -> None:
        self._settings = settings
        self._binaries = binaries
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = count(1)
        self._free: list[str] = []

    def url(self, database: str, user: str = OWNER) -> str:
        return f"postgresql://{user}@/{database}?host={self._folder}"

    def initialise(self) -> None:
        self._run("initdb", "--auth=trust", "--username=postgres", "--encoding=UTF8",
                  "--locale=C", "--no-sync", f"--pgdata={self._folder / 'data'}")  # fmt: skip

    async def start(self) -> None:
        self._spawn()
        await self._answers()

    def _spawn(self) -> None:
        options = [f"unix_socket_directories={self._folder}", "listen_addresses=", *self._settings]
        arguments = [part for option in options for part in ("-c", option)]
        program = [self._binaries / "postgres", "-D", self._folder / "data"]
        self._process = subprocess.Popen(
            [*_as_another(), *program, *arguments],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def stop(self) -> None:
        """End the server at once, with all its connections."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(_WAIT_SECONDS)
            self._process = None

    async def make_template(self) -> None:
        await self.run(f"CREATE ROLE {OWNER} LOGIN NOSUPERUSER NOBYPASSRLS")
        await self.run(f"CREATE DATABASE {_TEMPLATE} OWNER {OWNER}")
        async with Database.open(self.url(_TEMPLATE)):
            pass

    @asynccontextmanager
    async def fresh(self) -> AsyncIterator[str]:
        """Lend the URL of a database of one's own, without a table."""
        name = await self._create("template0")
        try:
            yield self.url(name)
        finally:
            await self.run(f"DROP DATABASE {name} WITH (FORCE)")

    @asynccontextmanager
    async def lent(self) -> AsyncIterator[str]:
        """Lend the URL of a database at the newest schema, without a row.

        It is emptied and lent again, because to make one takes half a second.
        """
        name = self._free.pop() if self._free else await self._create(_TEMPLATE)
        yield self.url(name)
        await self.script([_END_OTHERS, _EMPTY], name)
        self._free.append(name)

    async def end_connections(self, url: str) -> None:
        """End every connection to a database, as a server that is restarted does."""
        await self.run(_END_OTHERS, name_of(url))

    async def _create(self, template: str) -> str:
        name = f"test_{next(self._numbers)}"
        await self.run(f"CREATE DATABASE {name} OWNER {OWNER} TEMPLATE {template}")
        return name

    async def run(self, statement: str, database: str = "postgres") -> list[asyncpg.Record]:
        """Run one statement as the superuser."""
        return await self.script([statement], database)

    async def script(self, statements: list[str], database: str) -> list[asyncpg.Record]:
        """Run statements as the superuser; return what the last one answers."""
        connection = await asyncpg.connect(self.url(database, "postgres"))
        try:
            return [list(await connection.fetch(statement)) for statement in statements][-1]
        finally:
            await connection.close()

    async def _answers(self) -> None:
        async with asyncio.timeout(_WAIT_SECONDS):
            while True:
                try:
                    await self.run("SELECT 1")
                except (OSError, asyncpg.CannotConnectNowError):
                    await asyncio.sleep(0.02)  # it does not say when it is there
                else:
                    return

    def _run(self, program: str, *arguments: str) -> None:
        command = [*_as_another(), self._binaries / program, *arguments]
        subprocess.run(command, check=True, capture_output=True)


def name_of(url: str) -> str:
    """Return the name of the database that a URL of `Server.url` is for."""
    return url.partition("?")[0].rpartition("/")[2]


@contextmanager
def server(settings: Sequence[str] = _HASTE) -> Iterator[Server]:
    """Run a server.

    Raises:
        NotInstalled: there are no programs for it.
    """
    binaries = _binaries()
    if binaries is None:
        raise NotInstalled(
            "PostgreSQL's server is not installed (Debian: apt-get install postgresql)"
        )
    folder = Path(tempfile.mkdtemp(prefix="wardian-pg-"))
    if os.getuid() == 0:
        account = pwd.getpwnam("postgres")
        os.chown(folder, account.pw_uid, account.pw_gid)
    running = Server(binaries, folder, settings)
    try:
        running.initialise()
        asyncio.run(_prepare(running))
        yield running
    finally:
        running.stop()
        shutil.rmtree(folder)


async def _prepare(running: Server) -> None:
    await running.start()
    await running.make_template()


def _binaries() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    on_path = shutil.which("postgres")
    if found:
        return found[-1].parent
    return None if on_path is None else Path(on_path).parent


def _as_another() -> list[str]:
    """Return how to start the server as somebody else: it refuses to be root's."""
    if os.getuid() != 0:
        return []
    identity = ["--reuid=postgres", "--regid=postgres", "--clear-groups"]
    return ["setpriv", *identity, "--pdeathsig=QUIT", "--"]  # also when the tests are killed
