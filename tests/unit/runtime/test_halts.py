"""A plugin that is stopped: its running calls end, those of others do not."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from hosts import FakeHost, fake_host, package
from wardian.errors import Conflict
from wardian.runtime.executor.job import HostCalls

INIT = "wardian:plugin/lifecycle@1.0.0#init"

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("on_both_databases")]


class Staying:
    """A guest that never ends by itself."""

    def __init__(self) -> None:
        self.has_begun = asyncio.Event()

    async def __call__(self, arguments: Mapping[str, Any], answer: HostCalls) -> None:
        self.has_begun.set()
        await asyncio.Event().wait()


async def begun(made: FakeHost, staying: Staying, name: str = "stores") -> asyncio.Task[Any]:
    call = asyncio.create_task(made.host.call(name, "stay", {}))
    await staying.has_begun.wait()
    staying.has_begun.clear()
    return call


async def test_a_call_ends_with_the_reason_when_its_plugin_is_disabled(tmp_path: Path) -> None:
    staying = Staying()
    async with fake_host(tmp_path, {"stay": staying}) as made:
        await made.host.install(package())
        call = await begun(made, staying)

        await made.host.disable("stores", actor="op")

        with pytest.raises(Conflict) as caught:
            await call
    assert caught.value.message == (
        "stores was disabled while this call was running (disabled by op)."
    )


async def test_calls_of_another_plugin_and_another_tenant_go_on(tmp_path: Path) -> None:
    staying = Staying()
    async with fake_host(tmp_path, {"stay": staying}) as made:
        await made.host.tenants.create("acme", actor="op")
        await made.host.install(package())
        await made.host.install(package("beside"))
        await made.host.install(package(), tenant="acme")
        stopped = await begun(made, staying)
        beside = await begun(made, staying, "beside")
        elsewhere = asyncio.create_task(made.host.call("stores", "stay", {}, tenant="acme"))
        await staying.has_begun.wait()

        await made.host.uninstall("stores")

        with pytest.raises(Conflict, match="stores was uninstalled while"):
            await stopped
        assert not beside.done()
        assert not elsewhere.done()
        for call in (beside, elsewhere):
            call.cancel()
        await asyncio.gather(beside, elsewhere, return_exceptions=True)


async def test_a_call_of_the_installation_before_ends_whatever_has_its_name_now(
    tmp_path: Path,
) -> None:
    staying = Staying()
    async with fake_host(tmp_path, {"stay": staying}) as made:
        await made.host.install(package())
        call = await begun(made, staying)

        await made.host.uninstall("stores")
        await made.host.install(package())

        with pytest.raises(Conflict, match="stores was uninstalled while"):
            await call


async def test_a_plugin_that_takes_calls_again_keeps_its_init(tmp_path: Path) -> None:
    staying, go_on = Staying(), asyncio.Event()

    async def init(arguments: Mapping[str, Any], answer: HostCalls) -> None:
        staying.has_begun.set()
        await go_on.wait()

    async with fake_host(tmp_path, {INIT: init}) as made:
        await made.host.install(package(), enable=False)
        await made.host.disable("stores")
        enabling = asyncio.create_task(made.host.enable("stores"))
        await staying.has_begun.wait()
        go_on.set()
        await enabling

        assert (await made.host.plugin("stores")).state == "active"


async def test_calls_end_too_when_nobody_can_tell_what_became_of_their_plugin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    staying = Staying()
    async with fake_host(tmp_path, {"stay": staying}) as made:
        await made.host.install(package())
        call = await begun(made, staying)

        async def fail(tenant: str, name: str) -> None:
            raise Conflict("The database did not answer.")

        await made.host.events.publish("default", "orders.new", "1")
        with monkeypatch.context() as patch:
            patch.setattr(made.parts.registry, "get", fail)
            async with made.parts.journal.change("default", "op") as change:
                await change.note("disabled", "stores", {})
            with pytest.raises(Conflict, match="stores was stopped while"):
                await call


async def test_a_call_that_is_about_to_begin_ends_too(tmp_path: Path) -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()
    async with fake_host(tmp_path) as made:
        await made.host.install(package())
        real = made.parts.trust.check_load

        async def check(plugin: Any) -> None:
            asked.set()
            await go_on.wait()
            await real(plugin)

        made.parts.trust.check_load = check  # type: ignore[method-assign]
        call = asyncio.create_task(made.host.call("stores", "run", {}))
        await asked.wait()
        plugin = await made.parts.registry.get("default", "stores")
        assert [each.id for each in made.parts.calls.running("default")] == [plugin.id]

        made.parts.calls.end(plugin, Conflict("It was stopped."))
        go_on.set()

        with pytest.raises(Conflict, match="It was stopped"):
            await call
        assert made.executor.jobs == []
