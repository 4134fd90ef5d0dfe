"""Compilation in a child, and compiled code on disk."""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
from pathlib import Path

import pytest

from executors import Call, caller
from guests import component, guest
from wardian import errors
from wardian.runtime.executor import Executor, ExecutorSettings
from wardian.worlds import contract

pytestmark = pytest.mark.anyio


def settings(directory: Path, **changes: int) -> ExecutorSettings:
    return ExecutorSettings(cache_dir=directory, workers_max=1, **changes)


async def test_admission_describes_what_can_be_called(executor: Executor) -> None:
    description = await executor.admit(guest("calculator"))

    assert set(description.functions) == {
        "divide",
        "acme:calc/ops@1.0.0#add",
        "acme:calc/ops@1.0.0#negate",
        "acme:calc/more@1.0.0#negate",
    }
    divide = description.functions["divide"]
    assert divide.parameters["required"] == ["a", "b"]
    assert divide.result == {"type": "integer", "minimum": 0, "maximum": 2**32 - 1}
    assert divide.error == divide.result


@pytest.mark.parametrize(
    "content", [b"", b"(component)", b"\0asm\x01\0\0\0", b"\x7fELF", b"\0asm\x0d\0\x01\0\xff"]
)
async def test_what_is_not_a_component_is_refused(executor: Executor, content: bytes) -> None:
    with pytest.raises(errors.InvalidComponent):
        await executor.admit(content)


async def test_an_unknown_import_is_refused_by_name(executor: Executor) -> None:
    with pytest.raises(errors.ImportRefused) as caught:
        await executor.admit(component('(component (import "acme:evil/root@1.0.0" (instance)))'))

    assert caught.value.imported == "acme:evil/root@1.0.0"


async def test_wasi_is_refused_where_the_level_refuses_it(executor: Executor) -> None:
    text = """(component (import "wasi:random/random@0.2.0"
      (instance (export "get-random-u64" (func (result u64))))))"""

    await executor.admit(component(text))
    with pytest.raises(errors.ImportRefused, match="wasi:random"):
        await executor.admit(component(text), wasi=False)


async def test_a_component_that_is_too_large_is_refused(tmp_path: Path) -> None:
    bounds = settings(tmp_path, component_bytes_max=100)
    async with Executor(bounds, contract().offer()) as executor:
        with pytest.raises(errors.CompileExceeded, match="limit of 100"):
            await executor.admit(guest("calculator"))


async def test_a_compilation_that_takes_too_long_is_stopped(tmp_path: Path) -> None:
    sets = "".join(
        f"(local.set {i} (i32.add (local.get {(i + 1) % 1_000}) (i32.const 1)))"
        for i in range(1_000)
    )
    loops = "(loop " * 500 + sets + "(br_if 0 (local.get 0)))" * 500
    bomb = component(f"(component (core module (func (local{' i32' * 1_000}) {loops})))")
    async with Executor(settings(tmp_path, compile_seconds=1), contract().offer()) as executor:
        with pytest.raises(errors.CompileExceeded):
            await executor.admit(bomb)

        call = caller(executor)
        assert (await call(guest("misbehaving"), "fine")).result == 42


async def test_a_compilation_that_needs_too_much_memory_is_stopped(tmp_path: Path) -> None:
    bounds = settings(tmp_path, compile_memory_bytes=128 * 1024 * 1024)
    wide = "(component (core module" + "(func (param i32) (result i32) local.get 0)" * 90_000 + "))"
    async with Executor(bounds, contract().offer()) as executor:
        with pytest.raises(errors.CompileExceeded):
            await executor.admit(component(wide))

        call = caller(executor)
        assert (await call(guest("misbehaving"), "fine")).result == 42


async def test_code_is_compiled_once_and_found_again_after_a_restart(tmp_path: Path) -> None:
    async with Executor(settings(tmp_path), contract().offer()) as executor:
        await caller(executor)(guest("misbehaving"), "fine")
    (code,) = tmp_path.rglob("*.code")
    written = code.stat().st_mtime_ns

    async with Executor(settings(tmp_path), contract().offer()) as executor:
        assert (await caller(executor)(guest("misbehaving"), "fine")).result == 42

    assert code.stat().st_mtime_ns == written


@pytest.mark.parametrize("suffix", ["code", "meta"])
async def test_a_flipped_byte_means_compiling_anew_and_never_loading(
    tmp_path: Path, suffix: str
) -> None:
    async with Executor(settings(tmp_path), contract().offer()) as executor:
        await executor.admit(guest("misbehaving"))
    (path,) = tmp_path.rglob(f"*.{suffix}")
    original = path.read_bytes()
    middle = len(original) // 2
    path.write_bytes(original[:middle] + bytes([original[middle] ^ 1]) + original[middle + 1 :])

    async with Executor(settings(tmp_path), contract().offer()) as executor:
        assert (await caller(executor)(guest("misbehaving"), "fine")).result == 42

    assert path.read_bytes() != b""
    (code,) = tmp_path.rglob("*.code")
    if suffix == "code":
        assert code.read_bytes() == original


async def test_code_that_vanishes_while_the_host_runs_is_compiled_again(
    tmp_path: Path,
) -> None:
    async with Executor(settings(tmp_path), contract().offer()) as executor:
        call = caller(executor)
        await executor.admit(guest("misbehaving"))
        (code,) = tmp_path.rglob("*.code")
        code.unlink()

        assert (await call(guest("misbehaving"), "fine")).result == 42


async def test_the_directory_of_compiled_code_is_private(tmp_path: Path) -> None:
    directory = tmp_path / "cache"
    async with Executor(settings(directory), contract().offer()) as executor:
        await executor.admit(guest("misbehaving"))

    for path in (directory, *directory.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    assert not list(directory.rglob(".*"))


async def test_an_unusable_directory_is_a_clear_error(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("in the way")

    with pytest.raises(errors.HostUnusable, match="compiled code"):
        Executor(settings(file), contract().offer())


async def test_the_same_component_asked_for_at_once_is_compiled_once(
    executor: Executor, call: Call
) -> None:
    descriptions = await asyncio.gather(*[executor.admit(guest("calculator")) for _ in range(5)])

    assert all(description == descriptions[0] for description in descriptions)
    assert (await call(guest("calculator"), "add", {"a": 1, "b": 2})).result == 3


async def test_a_cache_that_was_emptied_while_the_host_runs_is_filled_again(
    tmp_path: Path,
) -> None:
    directory = tmp_path / "cache"
    async with Executor(settings(directory), contract().offer()) as executor:
        call = caller(executor)
        await call(guest("misbehaving"), "fine")
        shutil.rmtree(directory)

        assert (await call(guest("misbehaving"), "fine", tenant="another")).result == 42
        await executor.admit(guest("calculator"))


async def test_imports_that_cannot_be_linked_are_refused_at_admission(
    executor: Executor,
) -> None:
    with pytest.raises(errors.ImportRefused, match="wasi:cli/bogus"):
        await executor.admit(
            component('(component (import "wasi:cli/bogus@0.2.0" (instance (export "f" (func)))))')
        )


async def test_what_a_killed_host_left_in_the_cache_is_swept(tmp_path: Path) -> None:
    async with Executor(settings(tmp_path), contract().offer()) as executor:
        await executor.admit(guest("misbehaving"))
    (code,) = tmp_path.rglob("*.code")
    old, new = code.with_name(".compiling-old"), code.with_name(".compiling-new")
    for left in (old, new):
        left.write_bytes(b"x")
    os.utime(old, (0, 0))

    async with Executor(settings(tmp_path), contract().offer()):
        assert not old.exists()
        assert new.exists()
