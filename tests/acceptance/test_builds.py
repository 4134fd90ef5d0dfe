"""A new plugin builds as it is, needs no WASI, and answers."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from wardian.cli.authoring import BuildFailed, Language, build, scaffold
from wardian.errors import CallError, GuestError
from wardian.sandbox import Component, Sandbox

pytestmark = pytest.mark.toolchain


def _needs(language: Language) -> None:
    """Skip where the toolchain is missing; on CI that is a failure, which ``build`` explains."""
    if os.environ.get("CI"):
        return
    if language is Language.PYTHON:
        pytest.importorskip("componentize_py", reason="wardian[python] is not installed")
    elif language is Language.TYPESCRIPT and shutil.which("node") is None:
        pytest.skip("Node is not installed")


@pytest.fixture(scope="module", params=[Language.PYTHON, Language.TYPESCRIPT])
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    language: Language = request.param
    _needs(language)
    made = scaffold("first", language, tmp_path_factory.mktemp(language.value))
    return build(made, progress=print)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as made:
        yield made


@pytest.fixture(scope="module")
def component(built: Path, sandbox: Sandbox) -> Component:
    return sandbox.load(built, wasi=False)


class Host:
    """The two interfaces that a new plugin imports, over a dict and a list."""

    def __init__(self, **config: str) -> None:
        self.config = config
        self.lines: list[tuple[str, str]] = []

    @property
    def functions(self) -> dict[str, dict[str, Callable[..., Any]]]:
        return {
            # Imported for its types by every interface; it has no functions.
            "wardian:plugin/types@1.0.0": {},
            "wardian:plugin/config@1.0.0": {"get": self._get, "get-all": self._get_all},
            "wardian:plugin/logging@1.0.0": {"log": self._log},
        }

    def _get(self, key: str) -> dict[str, Any]:
        if key in self.config:
            return {"tag": "ok", "val": self.config[key]}
        return {"tag": "err", "val": {"tag": "not-found", "val": f"no layer sets {key}"}}

    def _get_all(self) -> dict[str, Any]:
        return {"tag": "ok", "val": "{}"}

    def _log(self, level: str, message: str, fields: list[list[str]]) -> dict[str, Any]:
        self.lines.append((level, message))
        return {"tag": "ok", "val": None}


def test_a_new_plugin_is_built_beside_its_manifest(built: Path) -> None:
    assert built == built.parent / "plugin.wasm"
    assert (built.parent / "plugin.toml").is_file()
    assert not list((built.parent / ".wardian-build").glob("staging-*"))


def test_a_new_plugin_greets_as_it_is_configured(sandbox: Sandbox, component: Component) -> None:
    host = Host(greeting='"Ahoy"')

    outcome = sandbox.call(component, "greet", {"name": " Ada "}, imports=host.functions)

    assert outcome.result == "Ahoy, Ada!"
    assert host.lines == [("info", "greeting somebody")]


def test_a_new_plugin_answers_an_error_of_its_own(sandbox: Sandbox, component: Component) -> None:
    with pytest.raises(GuestError) as caught:
        sandbox.call(component, "greet", {"name": "  "}, imports=Host(greeting='"Hi"').functions)

    assert caught.value.payload == "the name is empty"


def test_an_exception_in_a_new_plugin_is_told_in_the_log(
    sandbox: Sandbox, component: Component
) -> None:
    host = Host()

    with pytest.raises(CallError):
        sandbox.call(component, "greet", {"name": "Ada"}, imports=host.functions)

    assert host.lines == [("error", "NotFound: no layer sets greeting")]


def test_a_failed_build_leaves_the_last_component_as_it_was(built: Path) -> None:
    before = built.read_bytes()
    source = next((built.parent / "src").glob("plugin.*"))
    good = source.read_text(encoding="utf-8")
    source.write_text(good + "\n)(\n", encoding="utf-8")
    try:
        with pytest.raises(BuildFailed, match="exit code"):
            build(built.parent, progress=print)
    finally:
        source.write_text(good, encoding="utf-8")

    assert built.read_bytes() == before
