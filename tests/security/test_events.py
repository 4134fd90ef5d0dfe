"""Events that a plugin publishes are counted by the host."""

from __future__ import annotations

from pathlib import Path

import pytest

from packages import package
from security import hostile
from wardian import Settings, open_host
from wardian.errors import Trap
from wardian.policy.levels import LEVELS, Level

pytestmark = pytest.mark.anyio

ASKING = """
sandbox_level = "{level}"

[[permissions]]
permission = "events:publish:orders.*"
reason = "Tells, and tells."
"""


@pytest.mark.parametrize("level", [Level.STANDARD, Level.RESTRICTED, Level.ISOLATED])
async def test_a_storm_of_events_ends_at_its_budget(tmp_path: Path, level: Level) -> None:
    async with open_host(Settings(data_dir=tmp_path / "data")) as host:
        storm = package("storm", hostile.publisher(), ASKING.format(level=level))
        await host.install(storm, grants="all")

        with pytest.raises(Trap) as caught:
            await host.call("storm", "go", {})

        limit = LEVELS[level].limits.events
        assert caught.value.usage is not None
        assert caught.value.usage.events == limit
        kept = await host.events.recent(limit + 1, "orders.*", tenant="default")
        assert len(kept) == limit
