"""The buses that events are tested on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

import buses
import jetstreams
from buses import BusOver
from wardian.events import Carrier, Events
from wardian.events.stream_place import Place
from wardian.storage import Database


@pytest.fixture(params=("database", "nats"))
async def bus_over(anyio_backend: str, request: pytest.FixtureRequest) -> AsyncIterator[BusOver]:
    """Makes buses of each kind; those of one test have the same events."""
    if request.param == "database":
        yield buses.over_the_database
        return
    server: jetstreams.Server = request.getfixturevalue("nats_server")
    place = Place(servers=(server.url,), stream=server.stream())
    async with AsyncExitStack() as stack:

        async def over_nats(database: Database, **policy: Any) -> tuple[Carrier, Events]:
            return await stack.enter_async_context(buses.over_nats(database, place, **policy))

        yield over_nats
