"""A host, a provider and a client that is registered there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from connecting import World
from connecting import world as open_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path / "data") as found:
        await found.register()
        yield found
