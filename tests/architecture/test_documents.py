"""Documents say what the code says, and their examples run."""

from __future__ import annotations

import asyncio
import importlib.util
import re
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from apis import serving
from guests import component, guest
from hosts import fake_host, package
from wardian.plugins import TRANSITIONS
from wardian.policy.levels import LEVELS, Level
from wardian.policy.limits import MIB, Limits
from wardian.policy.meanings import MEANINGS
from wardian.settings import Settings

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    path
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("s*/*/README.md")]
    if "node_modules" not in path.parts
)


def generator() -> dict[str, Callable[[], str]]:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs/generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    pages: dict[str, Callable[[], str]] = module.PAGES
    return pages


@pytest.mark.parametrize("name", sorted(generator()))
def test_the_reference_is_what_the_code_says(name: str) -> None:
    """`make docs` writes it."""
    assert (ROOT / "docs/reference" / name).read_text() == generator()[name]()


def limits_of_the_page() -> dict[str, list[str]]:
    """The rows of the table of limits, by the limits' names."""
    table = (ROOT / "docs/reference/levels.md").read_text().partition("## Limits")[2]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("| `")]
    return {name.strip("`"): cells for name, *cells in rows}


def in_units(cell: str) -> float | None:
    """Read what the page says of an amount."""
    number, _, unit = cell.partition(" ")
    if number == "unmetered":
        return None
    return float(number.replace(",", "")) * (MIB if unit == "MiB" else 1)


@pytest.mark.parametrize("name", [field.name for field in fields(Limits)])
def test_the_page_of_levels_has_every_limit_of_every_level(name: str) -> None:
    _, *values, answer = limits_of_the_page()[name]

    assert [in_units(cell) for cell in values] == [
        getattr(LEVELS[level].limits, name) for level in Level
    ]
    assert answer == f"`{MEANINGS[name].answer}`"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", path.read_text()):
        if not target.startswith(("http://", "https://")):
            assert (path.parent / target).exists(), target


def test_the_diagram_of_a_plugin_s_life_is_the_table_of_transitions() -> None:
    diagram = (ROOT / "docs/operators.md").read_text().partition("stateDiagram-v2")[2]
    drawn = re.findall(r"^    (\w+) --> (\w+)", diagram.partition("```")[0], re.MULTILINE)

    table = [(state.value, to.value) for state, after in TRANSITIONS.items() for to in after]
    assert sorted(drawn) == sorted(table)
    assert "[*] --> installed" in diagram


def python_examples(path: Path) -> list[str]:
    return re.findall(r"```python\n(.*?)```", path.read_text(), re.DOTALL)


GREETER = """(component
  (import "acme:host/clock@1.0.0" (instance $clock (export "now" (func (result u64)))))
  (core func $now (canon lower (func $clock "now")))
  (core module $m
    (import "clock" "now" (func $now (result i64)))
    (memory (export "memory") 1) (data (i32.const 8) "hello")
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
    (func (export "greet") (param i32 i32) (result i32)
      (drop (call $now))
      (i32.store (i32.const 0) (i32.const 8)) (i32.store (i32.const 4) (i32.const 5))
      (i32.const 0)))
  (core instance $m (instantiate $m (with "clock" (instance (export "now" (func $now))))))
  (func (export "greet") (param "name" string) (result string)
    (canon lift (core func $m "greet")
      (memory (core memory $m "memory")) (realloc (core func $m "realloc")))))"""


def test_the_examples_of_the_embedding_page_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("calculator.wasm").write_bytes(guest("calculator"))
    first, second = python_examples(ROOT / "docs/embedding.md")
    names: dict[str, Any] = {}

    exec(first, names)

    assert capsys.readouterr().out.endswith("5 8\n") or names["outcome"].result == 5
    with names["Sandbox"]() as sandbox:
        names |= {"sandbox": sandbox, "component": sandbox.load(component(GREETER))}
        exec(second, names)
    assert names["outcome"].result == "hello"


@pytest.mark.anyio
async def test_the_example_of_events_from_python_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (example,) = [each for each in python_examples(ROOT / "docs/host-apps.md") if "resumed" in each]
    body = "".join(f"    {line}\n" for line in example.splitlines())
    names: dict[str, Any] = {}
    exec(f"async def example(host):\n{body}    return resumed", names)

    async with fake_host(tmp_path / "data") as made, asyncio.timeout(30):
        resumed = await names["example"](made.host)
        await made.host.bus.publish("orders.paid", 1)
        assert (await anext(resumed)).topic == "orders.paid"

    told = capsys.readouterr().out.splitlines()
    assert "app:host published orders.created" in told
    assert told[-1] == "the host tells key.created by host"


@pytest.mark.anyio
async def test_the_example_of_tools_for_models_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (example,) = [
        each for each in python_examples(ROOT / "docs/host-apps.md") if "call_tool" in each
    ]
    body = "".join(f"    {line}\n" for line in example.splitlines())
    names: dict[str, Any] = {}
    exec(f"async def example(url, key):\n{body}", names)

    async def increment(arguments: Mapping[str, Any], answer: Any) -> Any:
        return len(arguments["name"])

    async with fake_host(tmp_path / "data", {"increment": increment}) as made:
        await made.host.install(package("counter"))
        key = (await made.host.keys.create("model", ["call"], "default")).token
        async with serving(made.host, Settings(data_dir=tmp_path / "data")) as address:
            await names["example"]("http://{}:{}".format(*address), key)

    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith("counter__increment Calls the function increment of the plugin")
    assert told[-1] == "{'result': 6} False"
