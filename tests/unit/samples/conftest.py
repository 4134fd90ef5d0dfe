"""The samples' agents in plain Python, as an author's own tests have them."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from wardian.cli.authoring import Language, sdk_directory

SAMPLES = Path(__file__).parents[3] / "sample-plugins"

Sample = Callable[[str], ModuleType]


@pytest.fixture
def sample(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sample]:
    """Import a sample's `plugin` by the sample's name; its other modules are then in `sys`."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(sdk_directory(Language.PYTHON))

    def load(name: str) -> ModuleType:
        monkeypatch.syspath_prepend(SAMPLES / name / "src")
        return importlib.import_module("plugin")

    yield load
    for name in set(sys.modules) - before:
        # Other samples have modules of the same names.
        del sys.modules[name]
