"""The sample plugins, built from source once for all tests."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from pathlib import Path

import pytest

from wardian.cli.authoring import ToolchainMissing, build

SAMPLES = Path(__file__).parents[2] / "sample-plugins"


@pytest.fixture(scope="session")
def built_samples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The directory of every sample whose toolchain is here, built anew; on CI all of them are.

    Where the tests run in several processes, the first that needs them builds them for all.
    """
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    with (shared / "samples.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (shared / "samples").exists():
            begun = Path(tempfile.mkdtemp(dir=shared, prefix="samples-"))
            _build_all(begun)
            begun.rename(shared / "samples")
    found = sorted((shared / "samples").glob("*/plugin.wasm"))
    return {path.parent.name: path.parent for path in found}


def _build_all(folder: Path) -> None:
    for manifest in sorted(SAMPLES.glob("*/plugin.toml")):
        name = manifest.parent.name
        shutil.copytree(
            manifest.parent, folder / name, ignore=shutil.ignore_patterns("*.wasm", "node_modules")
        )
        try:
            build(folder / name, progress=print)
        except ToolchainMissing:
            if os.environ.get("CI"):
                raise
