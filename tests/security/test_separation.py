"""What one call leaves, or meets, is nothing of another's."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from guests import guest
from security.arena import arena
from wardian import errors
from wardian.policy.levels import Level

pytestmark = [pytest.mark.anyio, pytest.mark.quiet]

CANARY = 0xC0FFEE
ROUNDS = 250
TRAPS = {
    "divide": "divide by zero",
    "out-of-bounds": "out of bounds",
    "trap": "unreachable",
}


@pytest.mark.parametrize("level", list(Level))
async def test_what_a_call_leaves_in_memory_is_never_another_tenants(
    tmp_path: Path, level: Level
) -> None:
    async with arena(tmp_path) as fight:
        await fight.call(guest("memory"), "remember", {"value": CANARY}, level=level, tenant="one")

        found = [
            (await fight.call(guest("memory"), "recall", level=level, tenant=tenant)).result
            for tenant in ("two", "three", "two")
        ]

        assert found == [0, 0, 0]


@pytest.mark.parametrize("level", [Level.RESTRICTED, Level.ISOLATED])
async def test_what_a_call_leaves_in_memory_is_not_its_own_plugins_either(
    tmp_path: Path, level: Level
) -> None:
    async with arena(tmp_path) as fight:
        for _ in range(20):
            recalled = await fight.call(guest("memory"), "recall", level=level)
            await fight.call(guest("memory"), "remember", {"value": CANARY}, level=level)

            assert recalled.result == 0


@pytest.mark.parametrize("level", list(Level))
async def test_after_a_trap_nothing_of_the_instance_is_used_again(
    tmp_path: Path, level: Level
) -> None:
    async with arena(tmp_path) as fight:
        await fight.call(guest("memory"), "remember", {"value": CANARY}, level=level)
        with pytest.raises(errors.OutOfFuel):
            await fight.call(guest("memory"), "recall", level=level, fuel=0)

        assert (await fight.call(guest("memory"), "recall", level=level)).result == 0


@pytest.mark.parametrize("level", [Level.TRUSTED, Level.STANDARD, Level.RESTRICTED])
async def test_each_trap_is_told_to_the_call_that_met_it(tmp_path: Path, level: Level) -> None:
    async with arena(tmp_path, workers_max=3) as fight:

        async def trap(function: str, told: str) -> None:
            for _ in range(ROUNDS):
                with pytest.raises(errors.Trap, match=told):
                    await fight.call(guest("misbehaving"), function, tenant=function, level=level)

        async def fine() -> None:
            for _ in range(ROUNDS):
                await fight.works("fine", level)

        await asyncio.gather(*(trap(*each) for each in TRAPS.items()), fine())
