"""Recordings run again by real workers, also by guests that mean harm."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from guests import DIRECTORY, component, echo, guest
from hosts import package
from wardian import Settings, open_host
from wardian.cli.local import replay_once
from wardian.cli.sources import Source
from wardian.errors import GuestError, InvalidArguments
from wardian.plugins import Installed
from wardian.runtime.host import PluginHost
from wardian.runtime.recorded import encode_recording, read_recording
from wardian.runtime.replay import ReplayReport
from wardian.sandbox.types import ListType, Primitive

pytestmark = pytest.mark.anyio

ONCE = "(call $increment (local.get 0) (local.get 1) (local.get 2) (i32.const 64))"


def stores_that(bump: str) -> bytes:
    """The guest `stores`, with something else where it increments."""
    text = (DIRECTORY / "stores.wat").read_text()
    assert ONCE in text
    return component(text.replace(ONCE, bump))


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[PluginHost]:
    async with open_host(Settings(data_dir=tmp_path / "data", workers_max=2)) as opened:
        await opened.install(package("stores", guest("stores")), grants="all")
        await opened.recordings.set_calls("stores", 10)
        yield opened


async def against(host: PluginHost, wasm: bytes) -> ReplayReport:
    """Run the last recordings by a version whose component is ``wasm``."""
    await host.install(package("another", wasm))
    registry = host._parts.registry
    plugin, other = (
        await registry.get("default", "stores"),
        await registry.get("default", "another"),
    )
    return await host.replays.against(plugin, as_version(plugin, other), 10)


def as_version(plugin: Installed, other: Installed) -> Installed:
    return replace(
        plugin,
        version="2.0.0",
        digest=other.digest,
        package_digest=other.package_digest,
        description=other.description,
    )


async def stored(host: PluginHost) -> int:
    """What the guest's key is now; asking changes nothing."""
    return int((await host.call("stores", "bump", {"key": "n", "by": 0})).result)


async def test_a_version_that_does_the_same_is_the_same(host: PluginHost) -> None:
    await host.call("stores", "bump", {"key": "n", "by": 2**62})
    await host.call("stores", "configured", {"key": "step"})
    await host.call("stores", "publish", {"topic": "orders.new", "data": "[1]"})
    with pytest.raises(GuestError):
        await host.call("stores", "configured", {"key": "nothing"})
    published = await host.events.recent(50, "orders.*", tenant="default")

    report = await against(host, guest("stores") + bytes([0, 2, 1, 65]))

    assert (report.same, report.replayed) == (True, 4)
    assert await host.events.recent(50, "orders.*", tenant="default") == published
    assert await stored(host) == 2**62


async def test_a_version_that_does_more_is_found_out_and_does_nothing(host: PluginHost) -> None:
    await host.call("stores", "bump", {"key": "n", "by": 2})

    report = await against(host, stores_that(ONCE + ONCE))

    assert (report.same, report.different) == (False, 1)
    outcome = report.outcomes[0]
    assert [(each.place, each.kind) for each in outcome.differences] == [
        ("host-call 2", "added"),
        ("error", "changed"),
    ]
    assert outcome.differences[0].after == {"function": "kv.increment", "arguments": ["n", 2]}
    assert await stored(host) == 2


async def test_a_version_that_traps_or_never_ends_is_told_and_stopped(host: PluginHost) -> None:
    await host.call("stores", "bump", {"key": "n", "by": 2}, limits={"wall_seconds": 0.2})

    trapping = await against(host, stores_that("unreachable"))
    await host.uninstall("another")
    spinning = await against(host, stores_that("(loop (br 0))"))

    assert trapping.outcomes[0].differences[-1].after["type"] == "trap"
    assert spinning.outcomes[0].differences[-1].after["type"] == "deadline-exceeded"
    assert await stored(host) == 2
    assert (await host.plugin("stores")).state == "active"


async def test_a_flood_of_host_calls_is_bounded_as_in_any_call(host: PluginHost) -> None:
    await host.call("stores", "bump", {"key": "n", "by": 2}, limits={"host_calls": 50})

    report = await against(host, stores_that(f"(loop {ONCE} (br 0))"))

    outcome = report.outcomes[0]
    assert not outcome.same
    assert outcome.differences[-1].after["type"] == "trap"
    assert outcome.after.host_calls <= 50 + 1_001
    assert await stored(host) == 2


async def test_a_kept_version_is_run_again_by_its_recording(host: PluginHost) -> None:
    made = await host.call("stores", "bump", {"key": "n", "by": 2})

    outcome = await host.replays.one(made.call_id, None, tenant="default")

    assert outcome.same
    assert outcome.before.fuel == outcome.after.fuel > 0


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("f64", [float("nan"), -0.0, 5e-324, float("inf")]),
        ("u64", [2**64 - 1, 0]),
        ("s64", [-(2**63), 2**63 - 1]),
        ("bytes", [b"\0\xff", b""]),
        ("string", ["\0é🙂", ""]),
    ],
)
async def test_values_cross_a_replay_exactly(host: PluginHost, kind: str, value: list[Any]) -> None:
    wit = ListType(Primitive("u8")) if kind == "bytes" else Primitive(kind)
    await host.install(package("echo", echo(wit)))
    await host.recordings.set_calls("echo", 1)
    made = await host.call("echo", "echo", {"values": value})

    assert (await host.replays.one(made.call_id, None, tenant="default")).same
    document = await host.recordings.document("default", made.call_id)
    assert repr(read_recording(document).result) == repr(value)


async def test_a_recording_runs_without_a_server(
    host: PluginHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    made = await host.call("stores", "bump", {"key": "n", "by": 2})
    recording = read_recording(await host.recordings.document("default", made.call_id))

    assert (await replay_once(recording, Source(name="same", component=guest("stores")))).same
    other = Source(name="other", component=stores_that(ONCE + ONCE))
    assert not (await replay_once(recording, other)).same


TAMPERED: list[dict[str, Any]] = [
    {"answer": "no result at all"},
    {"answer": {"tag": "ok", "val": "no integer"}},
    {"answer": {"tag": "ok", "val": 2**64 - 1}},
    {"answer": {"tag": "err", "val": {"tag": "unheard", "val": ""}}},
    {"answer": {"tag": "err", "val": {"tag": "denied", "val": b"\xff" * 1_000_000}}},
    {"answer": None},
    {"interface": "kv", "function": "__init__"},
    {"interface": "../../etc", "function": ""},
    {"arguments": []},
]


@pytest.mark.parametrize("changes", TAMPERED)
async def test_a_tampered_answer_harms_nobody(
    host: PluginHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    made = await host.call("stores", "bump", {"key": "n", "by": 2})
    recording = read_recording(await host.recordings.document("default", made.call_id))
    call = msgspec.structs.replace(recording.host_calls[0], **changes)
    recording = msgspec.structs.replace(recording, host_calls=[call])

    content = encode_recording(recording)
    outcome = await replay_once(
        read_recording(content), Source(name="x", component=guest("stores"))
    )

    assert not outcome.same


async def test_a_tampered_recording_raises_no_limit_and_no_level(
    host: PluginHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    made = await host.call("stores", "bump", {"key": "n", "by": 2})
    sound = read_recording(await host.recordings.document("default", made.call_id))
    source = Source(name="x", component=stores_that("(loop (br 0))"))

    for lowered in ({"speed": 1}, {"fuel": "none"}, {"wall_seconds": -1}):
        with pytest.raises(InvalidArguments):
            await replay_once(msgspec.structs.replace(sound, lowered=lowered), source)
    raised = {"wall_seconds": 3_000.0, "fuel": 1_000_000}
    tampered = msgspec.structs.replace(sound, lowered=raised, level="trusted")
    outcome = await replay_once(tampered, source)
    assert outcome.differences[-1].after["type"] == "out-of-fuel"
