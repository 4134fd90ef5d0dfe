"""A revoke reaches calls that are running in real workers, at their next host call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from guests import guest
from packages import KEY, package
from wardian import Settings, open_host
from wardian.api.app import app_over
from wardian.errors import Conflict, GuestError
from wardian.policy.levels import Level
from wardian.runtime.host import PluginHost

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("on_both_databases", "unhurried")]

NEEDED = ["events:publish:orders.*", "kv:read", "kv:write"]
LEFT = NEEDED[:2]

ASKING = """
sandbox_level = "{level}"
default_config = {{ step = 3 }}
permissions = [
  {{ permission = "kv:read", reason = "Reads counters." }},
  {{ permission = "kv:write", reason = "Keeps counters." }},
  {{ permission = "events:publish:orders.*", reason = "Announces orders." }},
]
"""

Revoke = Callable[[PluginHost, FastAPI], Awaitable[object]]


async def by_the_host(host: PluginHost, _: FastAPI) -> object:
    return await host.set_grants("insistent", LEFT)


async def over_the_api(host: PluginHost, app: FastAPI) -> object:
    transport = httpx.ASGITransport(app=app)
    headers = {"Authorization": f"Bearer {KEY}"}
    async with httpx.AsyncClient(
        transport=transport, base_url="http://host", headers=headers
    ) as client:
        path = "/api/v1/plugins/insistent/grants"
        answer = await client.put(path, json={"granted": LEFT})
        assert answer.status_code == 200, answer.text
        return answer


@asynccontextmanager
async def installed(settings: Settings, level: Level) -> AsyncIterator[PluginHost]:
    async with open_host(settings) as host:
        content = package("insistent", guest("insistent"), ASKING.format(level=level))
        await host.install(content, grants=NEEDED)
        yield host


@pytest.mark.parametrize("level", Level)
@pytest.mark.parametrize("revoke", [by_the_host, over_the_api])
async def test_a_revoke_is_felt_at_the_next_host_call(
    tmp_path: Path, level: Level, revoke: Revoke
) -> None:
    settings = Settings(
        data_dir=tmp_path / "data", workers_max=1, bootstrap_key=KEY, level_max=Level.TRUSTED
    )
    async with installed(settings, level) as host:
        # Where instances are reused, this one has been used before: by a call that was allowed.
        await host.call("insistent", "flood", {"count": 1})
        app = app_over(host, settings)
        has_begun = asyncio.Event()
        host.events.subscribe("orders.new", lambda event: has_begun.set())

        call = asyncio.create_task(host.call("insistent", "insist", {}))
        await has_begun.wait()
        await revoke(host, app)
        with pytest.raises(GuestError) as caught:
            await call

    assert caught.value.payload["tag"] == "denied"
    assert "kv:write is refused by the grant" in caught.value.payload["val"]


@pytest.mark.parametrize("level", [Level.STANDARD, Level.ISOLATED])
async def test_a_call_in_a_worker_ends_when_its_plugin_is_disabled(
    tmp_path: Path, level: Level
) -> None:
    settings = Settings(data_dir=tmp_path / "data", workers_max=1)
    async with installed(settings, level) as host:
        has_begun = asyncio.Event()
        host.events.subscribe("orders.new", lambda event: has_begun.set())
        call = asyncio.create_task(host.call("insistent", "insist", {}))
        await has_begun.wait()

        await host.disable("insistent")

        with pytest.raises(Conflict, match="insistent was disabled while"):
            await call


async def test_a_monitored_guest_that_makes_up_topics_is_counted_and_bounded(
    tmp_path: Path,
) -> None:
    settings = Settings(data_dir=tmp_path / "data", workers_max=1)
    async with installed(settings, Level.STANDARD) as host:
        await host.set_grants("insistent", [])
        await host.set_monitored("insistent", True)

        outcome = await host.call("insistent", "flood", {"count": 2_000})
        view = await host.permission_uses("insistent")

    assert outcome.usage.host_calls == 2_000
    assert {use.refused_by for use in view.uses} == {"grant"}
    assert sum(use.uses for use in view.uses) == 2_000
    assert len(view.uses) == 201
