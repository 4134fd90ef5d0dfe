"""Guests that are stopped again and again, or where what stops them fails."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import NoReturn

import pytest

from guests import guest
from security.arena import IN_WORKERS, Footprint, arena
from wardian import errors
from wardian.policy.levels import Level
from wardian.runtime.executor import executor as executors
from wardian.runtime.executor.zygote import Zygote
from wardian.sandbox import engine
from wardian.worker import zygote

pytestmark = [pytest.mark.anyio, pytest.mark.quiet]

SPINS = 1_000


async def test_a_thousand_guests_stopped_at_their_deadline_leave_nothing(tmp_path: Path) -> None:
    async with arena(tmp_path) as fight:

        async def spin(times: int) -> None:
            for _ in range(times):
                with pytest.raises(errors.DeadlineExceeded):
                    await fight.call(guest("misbehaving"), "spin", wall_seconds=0.005)

        await spin(20)
        before = Footprint.now()
        await asyncio.gather(spin(SPINS // 2), spin(SPINS // 2))

        await fight.works("default", Level.RESTRICTED)
        await fight.is_as(before)
        assert fight.executor.workers().lost == 0


def without_a_clock(code: Path) -> NoReturn:
    """A zygote whose workers never see their deadline."""
    vars(engine.Clock)["_advance"]  # what is replaced exists
    engine.Clock._advance = lambda self: None  # type: ignore[method-assign]
    zygote.main(code)


@pytest.mark.parametrize("level", IN_WORKERS)
async def test_where_the_clock_inside_fails_the_broker_ends_the_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, level: Level
) -> None:
    entry = f"{__name__}:{without_a_clock.__name__}"
    monkeypatch.setattr(executors, "Zygote", lambda code: Zygote(code, entry))
    async with arena(tmp_path) as fight:
        with pytest.raises(errors.DeadlineExceeded, match="its worker was killed"):
            await fight.call(guest("misbehaving"), "spin", level=level, wall_seconds=0.2)

        await fight.works("default", level)
