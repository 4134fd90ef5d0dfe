"""The sample plugins, built from source and compiled once for all tests."""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from wardian.bootstrap import COMPILED
from wardian.cli.authoring import ToolchainMissing, build
from wardian.crypto.digests import sha256_hex
from wardian.runtime.executor import Executor, ExecutorSettings
from wardian.worlds import contract

SAMPLES = Path(__file__).parents[2] / "sample-plugins"


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where samples are built; one for all processes that the tests run in."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    made = shared / "samples"
    made.mkdir(exist_ok=True)
    return made


@pytest.fixture(scope="session")
def built_samples(workshop: Path) -> dict[str, Path]:
    """The directory of every sample whose toolchain is here, built anew; on CI all of them are.

    Where the tests run in several processes, each builds what none of the others does.
    """
    for waits in (False, True):
        for manifest in sorted(SAMPLES.glob("*/plugin.toml")):
            name = manifest.parent.name
            with _locked(workshop / f"{name}.lock", waits=waits) as held:
                if held and not (workshop / name).exists():
                    _build(manifest.parent, workshop)
    found = sorted(workshop.glob("*/plugin.wasm"))
    return {path.parent.name: path.parent for path in found}


@pytest.fixture(scope="session")
def with_code(built_samples: dict[str, Path], workshop: Path) -> Callable[..., None]:
    """Puts the code of samples where a host is about to look for what it compiled before.

    Because to compile one takes up to a quarter of a minute of the processor. The host verifies
    what it finds as it does its own: that is made by the same executor, and sealed with the same
    key.
    """
    made = workshop / COMPILED

    def put(cache: Path, *names: str) -> None:
        for name in names:
            for code in _code_of(built_samples[name] / "plugin.wasm", made):
                to = cache / code.relative_to(made)
                for folder in (cache, to.parent):
                    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                # Copies are new, too: a host soon forgets old code that nobody has installed.
                shutil.copy(code, to)

    return put


def _code_of(component: Path, made: Path) -> list[Path]:
    digest = sha256_hex(component.read_bytes())
    return [made / "mac.key", *made.glob(f"*/{digest}.code"), *made.glob(f"*/{digest}.meta")]


@contextmanager
def _locked(path: Path, *, waits: bool) -> Iterator[bool]:
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX if waits else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def _build(source: Path, workshop: Path) -> None:
    begun = Path(tempfile.mkdtemp(dir=workshop, prefix=".begun-")) / source.name
    shutil.copytree(source, begun, ignore=shutil.ignore_patterns("*.wasm", "node_modules"))
    try:
        component = build(begun, progress=print)
    except ToolchainMissing:
        if os.environ.get("CI"):
            raise
    else:
        with _locked(workshop / "compiled.lock", waits=True):  # the first one makes the key
            executor = Executor(ExecutorSettings(cache_dir=workshop / COMPILED), contract().offer())
        asyncio.run(_compile(executor, component.read_bytes()))
    begun.rename(workshop / source.name)
    begun.parent.rmdir()


async def _compile(executor: Executor, component: bytes) -> None:
    async with executor:
        await executor.admit(component)
