"""A real host on a socket, and both clients of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from apis import serving
from asking import Ask, asking
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
    folder: Path = tmp_path_factory.mktemp("client")
    return Settings(
        data_dir=folder / "state",
        bootstrap_key=KEY,
        workers_max=2,
        upload_bytes_max=1024 * 1024,
    )


@pytest.fixture(scope="package")
async def host(settings: Settings, anyio_backend: str) -> AsyncIterator[PluginHost]:
    async with open_host(settings) as opened:
        await opened.install(package("calculator", guest("calculator")))
        await opened.install(package("misbehaving", guest("misbehaving")))
        yield opened


@pytest.fixture(scope="package")
async def url(host: PluginHost, settings: Settings) -> AsyncIterator[str]:
    async with serving(host, settings) as (address, port):
        yield f"http://{address}:{port}"


@pytest.fixture(params=["sync", "async"])
async def ask(request: pytest.FixtureRequest, url: str) -> AsyncIterator[Ask]:
    async with asking(request.param, url, key=KEY) as made:
        yield made
