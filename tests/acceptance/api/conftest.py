"""A real host behind the real application, spoken to over ASGI."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from apis import Connect, clients, serving
from guests import guest
from packages import KEY, package
from wardian.bootstrap import open_host
from wardian.runtime.host import PluginHost
from wardian.settings import Settings


@pytest.fixture(scope="package")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="package")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder: Path = tmp_path_factory.mktemp("api")
    return Settings(
        data_dir=folder / "state",
        bootstrap_key=KEY,
        workers_max=2,
        body_bytes_max=64 * 1024,
        upload_bytes_max=1024 * 1024,
    )


@pytest.fixture(scope="package")
async def host(settings: Settings, anyio_backend: str) -> AsyncIterator[PluginHost]:
    async with open_host(settings) as opened:
        yield opened


@pytest.fixture(scope="package")
def connect(host: PluginHost, settings: Settings) -> Connect:
    """Makes clients that hold the key they are given."""
    return clients(host, settings)


@pytest.fixture
async def admin(connect: Connect) -> AsyncIterator[httpx.AsyncClient]:
    async with connect(KEY) as client:
        yield client


@pytest.fixture
async def stranger(connect: Connect) -> AsyncIterator[httpx.AsyncClient]:
    async with connect(None) as client:
        yield client


@pytest.fixture(scope="package")
async def calculator(host: PluginHost) -> str:
    """A plugin that stays installed for every test of this package; returns its name."""
    await host.install(package("calculator", guest("calculator")))
    return "calculator"


@pytest.fixture(scope="package")
async def misbehaving(host: PluginHost) -> str:
    """A plugin each of whose functions meets a limit; returns its name."""
    await host.install(package("misbehaving", guest("misbehaving")))
    return "misbehaving"


@pytest.fixture(scope="package")
async def served(host: PluginHost, settings: Settings) -> AsyncIterator[tuple[str, int]]:
    """The application on a socket of its own; its address and port."""
    async with serving(host, settings) as address:
        yield address
