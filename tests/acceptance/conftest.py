"""The sample plugins, built from source once for all tests."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from wardian.cli.authoring import ToolchainMissing, build

SAMPLES = Path(__file__).parents[2] / "sample-plugins"


@pytest.fixture(scope="session")
def built_samples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The directory of every sample whose toolchain is here, built anew; on CI all of them are."""
    folder = tmp_path_factory.mktemp("samples")
    built = {}
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
        else:
            built[name] = folder / name
    return built
