"""Guests read their configuration without a word to the broker, and the present one."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from configurable import configurable, of
from guests import component, guest
from wardian import Settings, open_host
from wardian.errors import GuestError
from wardian.runtime.config_edits import Edit
from wardian.runtime.executor.frames import Frames
from wardian.runtime.host import PluginHost
from wardian.worker.protocol import HostCall, Message

pytestmark = pytest.mark.anyio

LEVELS = ["isolated", "restricted", "standard"]

READER = """(component
  (import "wardian:plugin/types@1.0.0" (instance $types
    (type $e (variant (case "denied" string) (case "not-found" string) (case "invalid" string)
      (case "exhausted" string) (case "unavailable" string)))
    (export "error" (type $error (eq $e)))))
  (alias export $types "error" (type $error))
  (import "wardian:plugin/config@1.0.0" (instance $config
    (alias outer 1 $error (type $error'))
    (export "error" (type $error (eq $error')))
    (export "get" (func (param "key" string) (result (result string (error $error)))))
    (export "get-all" (func (result (result string (error $error)))))))
  (core module $memory
    (memory (export "memory") 4)
    (global $next (mut i32) (i32.const 4096))
    (func (export "reset") (global.set $next (i32.const 4096)))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (global.get $next)
      (global.set $next (i32.and (i32.const -8)
        (i32.add (i32.const 7) (i32.add (global.get $next) (local.get 3)))))))
  (core instance $memory (instantiate $memory))
  (core func $get (canon lower (func $config "get")
    (memory (core memory $memory "memory")) (realloc (core func $memory "realloc"))))
  (core func $all (canon lower (func $config "get-all")
    (memory (core memory $memory "memory")) (realloc (core func $memory "realloc"))))
  (core module $m
    (import "host" "get" (func $get (param i32 i32 i32)))
    (import "host" "get-all" (func $all (param i32)))
    (import "host" "reset" (func $reset))
    (func (export "get") (param i32 i32) (result i32)
      (call $get (local.get 0) (local.get 1) (i32.const 64))
      (i32.const 64))
    (func (export "get-all") (result i32) (call $all (i32.const 64)) (i32.const 64))
    (func (export "done") (param i32) (call $reset)))
  (core instance $m (instantiate $m (with "host" (instance
    (export "get" (func $get))
    (export "get-all" (func $all))
    (export "reset" (func $memory "reset"))))))
  (func (export "get") (param "key" string) (result (result string (error $error)))
    (canon lift (core func $m "get") (post-return (core func $m "done"))
      (memory (core memory $memory "memory")) (realloc (core func $memory "realloc"))))
  (func (export "get-all") (result (result string (error $error)))
    (canon lift (core func $m "get-all") (post-return (core func $m "done"))
      (memory (core memory $memory "memory")) (realloc (core func $memory "realloc")))))"""
"""Answers what its configuration answers."""


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[HostCall]:
    """Every host call that a worker has asked the broker from now on."""
    calls: list[HostCall] = []
    receive = Frames.receive

    async def listening(self: Frames) -> Message:
        message = await receive(self)
        if isinstance(message, HostCall):
            calls.append(message)
        return message

    monkeypatch.setattr(Frames, "receive", listening)
    return calls


async def install(host: PluginHost, level: str, name: str = "reader", more: str = "") -> None:
    manifest = f'name = "{name}"\nversion = "1.0.0"\nsandbox_level = "{level}"\n{more}'
    await host.install(configurable(manifest, component(READER)))


async def whole(host: PluginHost, name: str = "reader") -> Any:
    return json.loads((await host.call(name, "get-all", {})).result)


def settings(folder: Path, **changes: Any) -> Settings:
    return Settings(data_dir=folder / "data", workers_max=2, allow_weak_isolation=True, **changes)


@pytest.mark.parametrize("level", LEVELS)
async def test_reading_costs_no_round_trip_however_much_there_is(
    tmp_path: Path, asked: list[HostCall], level: str
) -> None:
    many = {f"key-{number}": "x" * 40 for number in range(1_200)}
    sizes: list[dict[str, Any]] = [{}, {"a": {"b": [1]}}, many, {"a": "x" * 65_000}]
    async with open_host(settings(tmp_path)) as host:
        await install(host, level)
        for values in sizes:
            await host.set_config("reader", values)

            assert await whole(host) == values
            for key, value in [*values.items()][:3] + [*values.items()][-3:]:
                assert json.loads((await host.call("reader", "get", {"key": key})).result) == value
            with pytest.raises(GuestError) as refused:
                await host.call("reader", "get", {"key": "nowhere.at-all"})
            assert refused.value.payload == {
                "tag": "not-found",
                "val": "The configuration has no value at 'nowhere.at-all'.",
            }
            assert refused.value.usage is not None
            assert refused.value.usage.host_calls == 1

    assert asked == []


@pytest.mark.parametrize("level", LEVELS)
async def test_instances_and_workers_that_are_used_again_read_the_present_values(
    tmp_path: Path, asked: list[HostCall], level: str
) -> None:
    async with open_host(settings(tmp_path)) as host:
        await install(host, level)
        for number in range(8):
            await host.configuration.change(of("reader"), Edit(put={"n": number}))
            assert await whole(host) == {"n": number}
            await host.configuration.change(of("reader"), Edit(unset=["n"], put={"m": number}))
            found = await asyncio.gather(*(whole(host) for _ in range(6)))
            assert found == [{"m": number}] * 6
            await host.configuration.change(of("reader"), Edit(values={}))

    assert asked == []


async def test_plugins_of_one_component_read_each_its_own(
    tmp_path: Path, asked: list[HostCall]
) -> None:
    """They share workers, compiled code and, at the level `standard`, may share instances."""
    async with open_host(settings(tmp_path)) as host:
        for level in ("restricted", "standard"):
            for name in ("one", "other"):
                await install(host, level, f"{name}-{level}")
                await host.set_config(f"{name}-{level}", {"mine": name})
            for _ in range(5):
                for name in ("one", "other"):
                    assert await whole(host, f"{name}-{level}") == {"mine": name}
        await host.tenants.create("acme")
        manifest = 'name = "one-standard"\nversion = "1.0.0"\nsandbox_level = "standard"\n'
        await host.install(configurable(manifest, component(READER)), tenant="acme")
        outcome = await host.call("one-standard", "get-all", {}, tenant="acme")
        assert outcome.result == "{}"

    assert asked == []


async def test_a_file_that_changes_is_read_by_the_next_call(
    tmp_path: Path, asked: list[HostCall]
) -> None:
    folder = tmp_path / "config"
    folder.mkdir()
    (folder / "staging.toml").write_text("[plugins.reader]\nn = 1\n")
    chosen = settings(tmp_path, config_dir=folder, environment="staging")
    async with open_host(chosen) as host:
        await install(host, "standard")
        assert await whole(host) == {"n": 1}
        changed = asyncio.Event()
        host.events.subscribe("config.changed", lambda event: changed.set())

        (folder / "staging.toml").write_text("[plugins.reader]\nn = 2\n")
        async with asyncio.timeout(30):
            await changed.wait()

        assert await whole(host) == {"n": 2}
    async with open_host(chosen) as host:
        assert await whole(host) == {"n": 2}

    assert asked == []


async def test_other_host_calls_still_ask(tmp_path: Path, asked: list[HostCall]) -> None:
    async with open_host(settings(tmp_path)) as host:
        asks = "".join(
            f'[[permissions]]\npermission = "{each}"\nreason = "Counts."\n'
            for each in ("kv:read", "kv:write")
        )
        manifest = f'name = "stores"\nversion = "1.0.0"\n{asks}'
        await host.install(configurable(manifest, guest("stores")), grants="all")
        await host.call("stores", "bump", {"key": "n", "by": 1})

    assert [(each.interface, each.function) for each in asked] == [("kv", "increment")]
