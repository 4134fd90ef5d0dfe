"""What the executor does on machines that lack a part of the confinement."""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from executors import caller
from guests import guest
from wardian import errors
from wardian.policy.levels import Level
from wardian.runtime.executor import Executor, ExecutorSettings
from wardian.runtime.executor import executor as module
from wardian.runtime.executor.zygote import Zygote
from wardian.worlds import contract

pytestmark = pytest.mark.anyio

PROCESS_LEVELS = [Level.STANDARD, Level.RESTRICTED]


@asynccontextmanager
async def executor_on(
    entry: str, folder: Path, patch: pytest.MonkeyPatch, *, weak: bool = False
) -> AsyncIterator[Executor]:
    patch.setattr(module, "Zygote", partial(Zygote, entry=f"zygotes:{entry}"))
    settings = ExecutorSettings(cache_dir=folder, workers_max=2, allow_weak_isolation=weak)
    async with Executor(settings, contract().offer()) as made:
        yield made


async def test_isolated_is_refused_where_a_protection_is_missing_and_says_which(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "wardian.executor"):
        async with executor_on("without_landlock", tmp_path, monkeypatch) as executor:
            call = caller(executor)
            with pytest.raises(
                errors.HostUnusable, match=r"Landlock.*WARDIAN_ALLOW_WEAK_ISOLATION"
            ):
                await call(guest("calculator"), "add", {"a": 1, "b": 2}, level=Level.ISOLATED)
            for level in PROCESS_LEVELS:
                outcome = await call(guest("calculator"), "add", {"a": 1, "b": 2}, level=level)
                assert outcome.result == 3

    assert executor.protections().landlock_abi == 0
    assert "workers are confined without: Landlock" in caplog.text


async def test_isolated_runs_there_when_the_operator_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with executor_on("without_landlock", tmp_path, monkeypatch, weak=True) as executor:
        call = caller(executor)

        outcome = await call(guest("calculator"), "add", {"a": 1, "b": 2}, level=Level.ISOLATED)

    assert outcome.result == 3


async def test_workers_find_their_code_also_where_the_root_cannot_be_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with executor_on("without_a_root_to_leave", tmp_path, monkeypatch) as executor:
        call = caller(executor)
        for level in PROCESS_LEVELS:
            outcome = await call(guest("calculator"), "add", {"a": 1, "b": 2}, level=level)
            assert outcome.result == 3
        missing = executor.protections().missing()

    assert missing == ["mount namespace"]


@pytest.mark.parametrize("level", [*PROCESS_LEVELS, Level.ISOLATED])
async def test_a_worker_that_makes_a_forbidden_call_is_lost_and_the_reason_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, level: Level
) -> None:
    async with executor_on("breaking_out", tmp_path, monkeypatch) as executor:
        with pytest.raises(errors.WorkerLost, match=r"SIGSYS.*its confinement forbids"):
            await caller(executor)(guest("calculator"), "add", {"a": 1, "b": 2}, level=level)


async def test_calls_that_run_outlive_the_removal_of_the_compiled_code(tmp_path: Path) -> None:
    """Workers see the directory that was; those that come later see the one that is made anew."""
    settings = ExecutorSettings(cache_dir=tmp_path / "cache", workers_max=3)
    async with Executor(settings, contract().offer()) as executor:
        call = caller(executor)
        spinning = asyncio.create_task(call(guest("misbehaving"), "spin", wall_seconds=2.0))
        while executor.workers().busy != 1:
            await asyncio.sleep(0.01)
        shutil.rmtree(settings.cache_dir)

        for level in (*PROCESS_LEVELS, Level.ISOLATED):
            outcome = await call(guest("calculator"), "add", {"a": 1, "b": 2}, level=level)
            assert outcome.result == 3
        with pytest.raises(errors.DeadlineExceeded):
            await spinning


async def test_another_users_directory_is_refused_for_compiled_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: tmp_path.stat().st_uid + 1)

    with pytest.raises(errors.HostUnusable, match="belongs to another user"):
        Executor(ExecutorSettings(cache_dir=tmp_path), contract().offer())


async def test_the_directory_for_compiled_code_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    settings = ExecutorSettings(cache_dir=tmp_path / "link/cache")
    async with Executor(settings, contract().offer()) as executor:
        outcome = await caller(executor)(guest("calculator"), "add", {"a": 1, "b": 2})

    assert outcome.result == 3
