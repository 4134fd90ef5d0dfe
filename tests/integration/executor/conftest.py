"""A real executor: zygote, workers, compilers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from executors import Call, caller
from wardian.runtime.executor import Executor, ExecutorSettings
from wardian.worlds import contract


@pytest.fixture
async def executor(tmp_path: Path) -> AsyncIterator[Executor]:
    settings = ExecutorSettings(
        cache_dir=tmp_path / "cache", workers_max=2, queue_max=2, queue_seconds=0.5
    )
    async with Executor(settings, contract().offer()) as made:
        yield made


@pytest.fixture
def call(executor: Executor) -> Call:
    return caller(executor)
