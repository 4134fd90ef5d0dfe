"""What never becomes a plugin, or is changed after it was one."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import time
from pathlib import Path

import pytest
import wasmtime

from guests import component, guest
from packages import package
from security.arena import Arena, Footprint, arena
from wardian import Settings, errors, open_host
from wardian.policy.levels import Level

pytestmark = [pytest.mark.anyio, pytest.mark.quiet]

REFUSED_SECONDS = 5.0

WASI = [
    *("wasi:filesystem/types", "wasi:filesystem/preopens"),
    *("wasi:sockets/tcp", "wasi:sockets/udp", "wasi:sockets/network"),
    *("wasi:sockets/ip-name-lookup", "wasi:sockets/instance-network"),
    *("wasi:cli/environment", "wasi:cli/stdin", "wasi:cli/stdout", "wasi:cli/exit"),
    *("wasi:random/random", "wasi:random/insecure", "wasi:io/poll", "wasi:io/streams"),
    *("wasi:clocks/wall-clock", "wasi:clocks/monotonic-clock"),
]
NOT_WASI = [
    "wasi:http/outgoing-handler@0.2.0",
    "wasi:keyvalue/store@0.2.0",
    "wasi:nn/inference@0.2.0",
    "wasi:filesystem/types@0.3.0",
    "wardian:plugin/secrets@1.0.0",
    "wardian:plugin/kv@2.0.0",
    "acme:host/anything@1.0.0",
]


def importing(interface: str, function: str = "f") -> bytes:
    """A component that imports one function without parameters."""
    return component(f'(component (import "{interface}" (instance (export "{function}" (func)))))')


def options(depth: int) -> bytes:
    """A component with a function whose parameter nests ``depth`` deep."""
    types = "(type $t0 (option u8))" + "".join(
        f"(type $t{n} (option $t{n - 1}))" for n in range(1, depth)
    )
    return component(f'(component {types} (import "f" (func (param "p" $t{depth - 1}))))')


async def refused(fight: Arena, wasm: bytes, error: type[errors.WardianError]) -> str:
    """Check that a component is refused, in time, while another tenant goes on working."""
    await fight.works("beside", Level.RESTRICTED)
    before = Footprint.now()
    over = asyncio.Event()
    beside = asyncio.create_task(fight._work_beside(over))
    started = time.monotonic()
    with pytest.raises(error) as caught:
        await fight.executor.admit(wasm, wasi=False)
    seconds = time.monotonic() - started
    over.set()
    assert await beside > 0
    assert seconds < REFUSED_SECONDS
    await fight.is_as(before)
    return caught.value.message


async def test_imports_that_nobody_offers_are_refused_by_name(tmp_path: Path) -> None:
    async with arena(tmp_path) as fight:
        for name in (*(f"{interface}@0.2.0" for interface in WASI), *NOT_WASI):
            assert name in await refused(fight, importing(name), errors.ImportRefused)


async def test_what_is_not_a_component_is_refused(tmp_path: Path) -> None:
    text = "(component)"
    module = bytes(wasmtime.wat2wasm("(module)"))
    compiled = bytes(wasmtime.Module(wasmtime.Engine(), module).serialize())
    whole = guest("misbehaving")
    async with arena(tmp_path) as fight:
        for content in (
            text.encode(),
            module,
            compiled,
            b"",
            b"\0asm",
            whole[: len(whole) // 2],
            whole + b"\0",
            b"\x7fELF" + whole,
        ):
            await refused(fight, content, errors.InvalidComponent)


async def test_types_that_nest_too_deep_are_refused(tmp_path: Path) -> None:
    async with arena(tmp_path) as fight:
        await refused(fight, options(95), errors.InvalidComponent)


async def test_components_that_would_take_long_to_compile_are_refused_at_once(
    tmp_path: Path,
) -> None:
    function = "(func (param i32) (result i32) local.get 0)"
    many = f"(core module {function * 100_001})"
    nested = "(component " * 20 + many + ")" * 20
    sections = guest("misbehaving") + b"\0\1\0" * 200_000
    async with arena(tmp_path) as fight:
        for content in (component(f"(component {many})"), component(f"(component {nested})")):
            told = await refused(fight, content, errors.CompileExceeded)
            assert "100,001 functions" in told
        assert "sections" in await refused(fight, sections, errors.CompileExceeded)


async def test_a_compilation_whose_process_dies_is_refused_and_the_next_one_works(
    tmp_path: Path,
) -> None:
    slow = component(
        "(component (core module" + "(func (param i32) (result i32) local.get 0)" * 60_000 + "))"
    )
    async with arena(tmp_path) as fight:
        await fight.works("beside", Level.RESTRICTED)
        generation = fight.executor._zygote.current
        assert generation is not None
        others = set(generation.processes)
        admission = asyncio.create_task(fight.executor.admit(slow))
        while not admission.done():
            for pid in set(generation.processes) - others:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGSEGV)
            await asyncio.sleep(0.02)

        with pytest.raises(errors.CompileExceeded):
            await admission

        await fight.works("beside", Level.RESTRICTED)
        await fight.executor.admit(guest("calculator"))


async def test_a_package_that_is_changed_after_it_was_checked_does_not_run(
    tmp_path: Path,
) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    async with open_host(settings) as host:
        view = await host.install(package("honest", guest("misbehaving")))
        assert (await host.call("honest", "fine", {})).result == 42

    swapped = [path for path in (tmp_path / "data" / "packages").rglob("*") if path.is_file()]
    assert swapped
    for path in swapped:
        path.chmod(0o600)
        path.write_bytes(guest("memory"))
    shutil.rmtree(tmp_path / "data" / "compiled")

    async with open_host(settings) as host:
        assert (await host.plugin("honest")).digest == view.digest
        with pytest.raises(errors.WardianError, match=r"digest|changed|missing|damaged"):
            await host.call("honest", "fine", {})


async def test_a_plugin_that_asks_for_nothing_is_granted_nothing(tmp_path: Path) -> None:
    async with open_host(Settings(data_dir=tmp_path / "data")) as host:
        await host.install(package("stores", guest("stores")), grants="all")

        with pytest.raises(errors.GuestError) as caught:
            await host.call("stores", "bump", {"key": "n", "by": 1})

        assert caught.value.payload["tag"] == "denied"
