"""The Python SDK over the bindings that componentize-py generates, with functions to answer them.

The bindings are the real ones: dataclasses, cases and ``Err`` are what a plugin gets. Only what
the host would answer is the test's.
"""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from wardian.cli.authoring import Language, sdk_directory, wit_directory
from wardian.cli.authoring.staging import stage_wit
from wardian.worlds import contract

OURS = ("wardian_sdk", "wit_world", "componentize_py_types")
INTERFACES = sorted(contract().imports)

_COMPONENTIZE = "from componentize_py import script; script()"

Sdk = Callable[[str], ModuleType]


@pytest.fixture(scope="session")
def bindings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the bindings of a world that imports everything that the SDK wraps."""
    pytest.importorskip("componentize_py", reason="wardian[python] is not installed")
    folder = tmp_path_factory.mktemp("bindings")
    imports = "".join(f"  import wardian:plugin/{name}@1.0.0;\n" for name in INTERFACES)
    (folder / "wit").mkdir()
    exports = "".join(f"  export wardian:plugin/{name}@1.0.0;\n" for name in ("lifecycle", "agent"))
    (folder / "wit/world.wit").write_text(f"package a:b;\nworld w {{\n{imports}{exports}}}\n")
    wit = stage_wit(folder, folder / "staging")
    names = [
        f"--import-interface-name=wardian:plugin/{path.stem}={path.stem.replace('-', '_')}"
        for path in sorted(wit_directory().glob("*.wit"))
        if path.stem not in ("types", "world")
    ]
    command = [sys.executable, "-c", _COMPONENTIZE, "--wit-path", str(wit), "--world", "w", *names]
    subprocess.run([*command, "bindings", str(folder / "made")], check=True, capture_output=True)
    return folder / "made"


@pytest.fixture
def sdk(bindings: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sdk]:
    """Import a module of the SDK by its name, or of the bindings by its whole name."""
    monkeypatch.syspath_prepend(bindings)
    monkeypatch.syspath_prepend(sdk_directory(Language.PYTHON))

    def load(name: str) -> ModuleType:
        whole = name.partition(".")[0] in OURS
        return importlib.import_module(name if whole else f"wardian_sdk.{name}")

    yield load
    for name in [each for each in sys.modules if each.partition(".")[0] in OURS]:
        del sys.modules[name]


@pytest.fixture
def refusal(sdk: Sdk) -> Callable[[str, str], Exception]:
    """Make what the bindings raise when the host answers an error of this case."""

    def made(case: str, text: str) -> Exception:
        types = sdk("wit_world.imports.types")
        error: Any = sdk("componentize_py_types").Err
        raised: Exception = error(getattr(types, f"Error_{case}")(text))
        return raised

    return made
