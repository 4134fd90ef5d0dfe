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


PROMISED = """package a:b;
world w {
  import wardian:plugin/logging@1.0.0;
  export text: func() -> string;
  export numbers: func() -> list<s32>;
  export pair: func() -> tuple<u8, option<string>>;
  export fails: func() -> u8;
  export fine: func(values: list<tuple<string, option<f64>>>) -> list<tuple<string, option<f64>>>;
}
"""
KEPT = """from wardian_sdk import Err

class WitWorld:
    def text(self):
        return 5

    def numbers(self):
        return [1, 2, "three"]

    def pair(self):
        return (1, b"bytes")

    def fails(self):
        raise Err("no error is declared")

    @staticmethod
    def fine(values):
        return values
"""


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    _needs(Language.PYTHON)
    made = scaffold("promising", Language.PYTHON, tmp_path_factory.mktemp("promising"))
    (made / "wit/world.wit").write_text(PROMISED, encoding="utf-8")
    return made


@pytest.fixture(scope="module")
def wrong(sources: Path, sandbox: Sandbox) -> Component:
    (sources / "src/plugin.py").write_text(KEPT, encoding="utf-8")
    return sandbox.load(build(sources, progress=print), wasi=False)


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        ("text", "the result does not fit wit/: it is int, not str"),
        ("numbers", "the result does not fit wit/: it[2] is str, not int"),
        ("pair", "the result does not fit wit/: it[1] is bytes, not str"),
        ("fails", "Err('no error is declared') is raised where wit/ declares no error"),
    ],
)
def test_what_a_python_plugin_should_not_answer_is_told_in_the_log(
    sandbox: Sandbox, wrong: Component, function: str, reason: str
) -> None:
    host = Host()

    with pytest.raises(CallError):
        sandbox.call(wrong, function, {}, imports=host.functions)

    assert host.lines == [("error", reason)]


def test_what_a_python_plugin_may_answer_is_not_complained_about(
    sandbox: Sandbox, wrong: Component
) -> None:
    host = Host()
    values = [("a", 1.5), ("ß", None)]

    outcome = sandbox.call(wrong, "fine", {"values": values}, imports=host.functions)

    assert [tuple(each) for each in outcome.result] == values
    assert host.lines == []


def test_a_python_plugin_that_lacks_an_export_is_not_built(sources: Path) -> None:
    (sources / "src/plugin.py").write_text(
        "class WitWorld:\n"
        "    def text(self, more): ...\n"
        "    numbers = 5\n"
        "    def pair(self): ...\n"
        "    def fails(self, *rest): ...\n",
        encoding="utf-8",
    )

    with pytest.raises(BuildFailed) as caught:
        build(sources, progress=print)

    first, *faults, _ = caught.value.message.splitlines()
    assert first == "src/plugin.py is not what wit/ promises:"
    assert [fault.partition(",")[0] for fault in faults] == [
        "WitWorld.text takes (self",
        "The class WitWorld has no method numbers(self) -> List[int]",
        "The class WitWorld has no method fine(self",
    ]
    assert "libc.so" not in caught.value.message


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


def test_a_function_with_a_name_of_the_c_library_is_explained(sources: Path) -> None:
    (sources / "wit/world.wit").write_text("package a:b;\nworld w { export sleep: func(); }\n")
    (sources / "src/plugin.py").write_text("class WitWorld:\n    def sleep(self): ...\n")

    with pytest.raises(BuildFailed, match="one in the C library"):
        build(sources, progress=print)
