"""The host over real storage and real worker processes."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from guests import guest
from hosts import package
from wardian import Settings, open_host
from wardian.errors import (
    DeadlineExceeded,
    GuestError,
    HostUnusable,
    ImportRefused,
    InvalidArguments,
    InvalidComponent,
    Trap,
)
from wardian.runtime.host import PluginHost

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("on_both_databases")]


def settings(folder: Path, **changes: Any) -> Settings:
    return Settings(data_dir=folder / "data", workers_max=2, **changes)


def stores(name: str = "stores") -> bytes:
    return package(name, guest("stores"))


async def refusal(host: PluginHost, function: str, arguments: dict[str, Any]) -> Any:
    with pytest.raises(GuestError) as caught:
        await host.call("stores", function, arguments)
    return caught.value.payload


async def test_a_plugin_keeps_counts_reads_its_configuration_and_publishes(
    tmp_path: Path,
) -> None:
    async with open_host(settings(tmp_path)) as host:
        view = await host.install(stores(), grants="all")
        assert view.state == "active"
        assert "wardian:plugin/kv@1.0.0" in view.imports

        sums = [(await host.call("stores", "bump", {"key": "n", "by": 2})).result for _ in range(3)]
        assert sums == [2, 4, 6]
        assert (await host.call("stores", "configured", {"key": "step"})).result == "3"
        await host.set_config("stores", {"step": 8})
        assert (await host.call("stores", "configured", {"key": "step"})).result == "8"
        made = await host.call("stores", "publish", {"topic": "orders.new", "data": "[1]"})

        (event,) = await host.events.recent(1, "orders.*", tenant="default")
        assert (event.id, event.source) == (made.result, "plugin:stores")
        assert event.correlation_id == made.call_id
        assert (made.usage.events, made.usage.host_calls) == (1, 1)
        assert made.usage.fuel > 0


async def test_refusals_reach_the_guest_as_values(tmp_path: Path) -> None:
    async with open_host(settings(tmp_path)) as host:
        await host.install(stores(), grants=["kv:read", "kv:write"])

        assert (await refusal(host, "publish", {"topic": "orders.new", "data": "1"}))["tag"] == (
            "denied"
        )
        assert (await refusal(host, "publish", {"topic": "Orders", "data": "1"}))[
            "tag"
        ] == "invalid"
        assert (await refusal(host, "configured", {"key": "x"}))["tag"] == "not-found"
        await host.call("stores", "bump", {"key": "n", "by": 2**63 - 1})
        assert (await refusal(host, "bump", {"key": "n", "by": 1}))["tag"] == "invalid"


async def test_everything_is_callable_after_a_restart_without_compiling_again(
    tmp_path: Path,
) -> None:
    async with open_host(settings(tmp_path)) as host:
        await host.install(stores(), grants="all")
        await host.call("stores", "bump", {"key": "n", "by": 5})
    compiled = {path: path.stat().st_mtime_ns for path in (tmp_path / "data").rglob("*.code")}

    async with open_host(settings(tmp_path)) as host:
        assert host.bootstrap_token is None
        assert (await host.call("stores", "bump", {"key": "n", "by": 1})).result == 6
    assert compiled
    assert compiled == {
        path: path.stat().st_mtime_ns for path in (tmp_path / "data").rglob("*.code")
    }


async def test_a_lost_cache_of_compiled_code_is_made_anew(tmp_path: Path) -> None:
    async with open_host(settings(tmp_path)) as host:
        await host.install(stores(), grants="all")
    for path in (tmp_path / "data").rglob("*.code"):
        path.unlink()

    async with open_host(settings(tmp_path)) as host:
        assert (await host.call("stores", "bump", {"key": "n", "by": 1})).result == 1


async def test_a_call_that_hangs_is_stopped_and_the_next_one_works(tmp_path: Path) -> None:
    async with open_host(settings(tmp_path)) as host:
        await host.install(stores(), grants="all")

        with pytest.raises(DeadlineExceeded) as caught:
            await host.call("stores", "hang", {}, limits={"wall_seconds": 0.1})

        assert caught.value.usage is not None
        assert (await host.call("stores", "bump", {"key": "n", "by": 1})).result == 1


async def test_faults_of_guests_are_counted_by_their_names(tmp_path: Path) -> None:
    async with open_host(settings(tmp_path)) as host:
        await host.install(package("bad", guest("misbehaving")))
        with pytest.raises(Trap):
            await host.call("bad", "trap", {})
        assert (await host.call("bad", "fine", {})).result == 42

        assert 'outcome="trap",plugin="bad"' in (await host.metrics()).decode()


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        ({"key": "n", "by": 2**64}, "by"),
        ({"key": [{"deep": [0, -(2**63) - 1]}], "by": 1}, "key[0].deep[1]"),
        ({1: 2}, None),
        ({"key": {1: 2}, "by": 1}, "key"),
    ],
)
async def test_arguments_that_no_worker_can_be_sent_are_refused_with_their_path(
    tmp_path: Path, arguments: dict[Any, Any], path: str | None
) -> None:
    async with open_host(settings(tmp_path)) as host:
        await host.install(stores(), grants="all")

        with pytest.raises(InvalidArguments) as caught:
            await host.call("stores", "bump", arguments)
        assert caught.value.path == path
        assert (await host.call("stores", "bump", {"key": "n", "by": 2})).result == 2


async def test_wrong_arguments_are_refused_with_their_path(tmp_path: Path) -> None:
    async with open_host(settings(tmp_path)) as host:
        await host.install(stores(), grants="all")

        for arguments, path in (
            ({"key": "n"}, "by"),
            ({"key": "n", "by": "many"}, "by"),
            ({"key": "n", "by": 2**63}, "by"),
            ({"key": 5, "by": 1}, "key"),
        ):
            with pytest.raises(InvalidArguments) as caught:
                await host.call("stores", "bump", arguments)
            assert path in (caught.value.path or "")


@pytest.mark.parametrize(
    ("wasm", "error"),
    [
        (b"", InvalidComponent),
        (b"(component)", InvalidComponent),
        (b"\0asm\x01\0\0\0", InvalidComponent),
        (b"\x7fELF" + b"\0" * 100, InvalidComponent),
        (b"\0asm\x0d\0\x01\0garbage", InvalidComponent),
    ],
)
async def test_what_is_no_component_is_refused_and_leaves_nothing(
    tmp_path: Path, wasm: bytes, error: type[Exception]
) -> None:
    async with open_host(settings(tmp_path)) as host:
        with pytest.raises(error):
            await host.install(package("bad", wasm))

        assert await host.plugins() == []
        assert list((tmp_path / "data" / "packages").iterdir()) == []


async def test_an_unknown_import_is_refused_by_name(tmp_path: Path) -> None:
    text = guest("stores").replace(b"wardian:plugin/kv@1.0.0", b"strange:plugin/kv@1.0.0")
    async with open_host(settings(tmp_path)) as host:
        with pytest.raises(ImportRefused, match="strange:plugin/kv"):
            await host.install(package("bad", text))


async def test_concurrent_calls_count_exactly(tmp_path: Path) -> None:
    async with open_host(settings(tmp_path)) as host:
        await host.install(stores(), grants="all")

        await asyncio.gather(
            *(host.call("stores", "bump", {"key": "n", "by": 1}) for _ in range(20))
        )

        assert (await host.call("stores", "bump", {"key": "n", "by": 0})).result == 20


async def test_a_deadline_inside_a_host_call_leaves_the_database_free(tmp_path: Path) -> None:
    async with open_host(settings(tmp_path)) as host:
        await host.install(stores(), grants="all")

        for number in range(20):
            try:
                await host.call(
                    "stores",
                    "bump",
                    {"key": "n", "by": 1},
                    limits={"wall_seconds": 0.001 * (number + 1)},
                )
            except DeadlineExceeded:
                continue

        assert (await host.call("stores", "bump", {"key": "n", "by": 1})).result >= 1
        assert (await host.ready()).ready


async def test_a_second_host_on_one_data_directory_is_refused(tmp_path: Path) -> None:
    async with open_host(settings(tmp_path)):
        with pytest.raises(HostUnusable, match="Another host"):
            async with open_host(settings(tmp_path)):
                pass

    async with open_host(settings(tmp_path)):
        pass


async def test_a_data_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(HostUnusable, match="data directory"):
        async with open_host(Settings(data_dir=tmp_path / "file" / "data")):
            pass


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("bootstrap_key", "wdn_1", "24 to 252"),
        ("excluded_permissions", ("kv:everything",), "EXCLUDED_PERMISSIONS"),
        ("database_url", "nonsense", "database URL"),
    ],
)
async def test_a_setting_that_cannot_be_used_is_named(
    tmp_path: Path, name: str, value: Any, reason: str
) -> None:
    with pytest.raises(HostUnusable, match=reason):
        async with open_host(settings(tmp_path, **{name: value})):
            pass


KILLED = """
import asyncio, os, sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from guests import guest
from hosts import package
from wardian import Settings, open_host

async def main():
    async with open_host(Settings(data_dir=Path(sys.argv[1]), workers_max=1)) as host:
        print("ready", flush=True)
        for number in range(1000):
            unlike = guest("stores") + bytes([0, 2, 1, 65 + number])
            await host.install(package(f"p{number}", unlike))

asyncio.run(main())
"""


@pytest.mark.parametrize("delay", [0.02, 0.1, 0.25])
async def test_a_host_killed_while_it_installs_comes_up_whole(tmp_path: Path, delay: float) -> None:
    folder = tmp_path / "data"
    tests = Path(__file__).parents[2]
    child = subprocess.Popen(  # noqa: ASYNC220 -- it must die by a signal of ours
        [sys.executable, "-c", KILLED, str(folder), str(tests)],
        stdout=subprocess.PIPE,
        env={**os.environ},
    )
    assert child.stdout is not None
    with child, child.stdout:
        await asyncio.to_thread(child.stdout.readline)
        time.sleep(delay)  # noqa: ASYNC251 -- the other process is what the time passes for
        child.send_signal(signal.SIGKILL)

    async with open_host(settings(tmp_path)) as host:
        installed = await host.plugins()
        stored = {path.name for path in (folder / "packages").iterdir()}
        assert stored == {f"{view.package_digest}.wardian" for view in installed}
        for view in installed:
            assert view.state == "active"
            await host.set_grants(view.name, ["kv:read", "kv:write"])
            assert (await host.call(view.name, "bump", {"key": "n", "by": 1})).result == 1
