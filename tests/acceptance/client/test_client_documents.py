"""The examples of the client's pages run, against a real host."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from guests import component
from packages import KEY, package
from wardian.client import errors
from wardian.runtime.host import PluginHost

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[3]

COUNTER = """(component
  (core module $m
    (memory (export "memory") 1)
    (global $n (mut i32) (i32.const 0))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
    (func (export "increment") (param i32 i32) (result i32)
      (global.set $n (i32.add (global.get $n) (i32.const 1)))
      (global.get $n)))
  (core instance $m (instantiate $m))
  (func (export "increment") (param "name" string) (result u32)
    (canon lift (core func $m "increment")
      (memory (core memory $m "memory")) (realloc (core func $m "realloc")))))"""


def section(page: str, title: str) -> str:
    text = (ROOT / page).read_text()
    return text.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


async def test_the_examples_of_the_page_run(
    url: str,
    host: PluginHost,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("WARDIAN_URL", url)
    monkeypatch.setenv("WARDIAN_API_KEY", KEY)
    monkeypatch.chdir(tmp_path)
    newer = package("counter", component(COUNTER), version="1.1.0")
    Path("counter-1.1.0.wardian").write_bytes(newer)
    await host.install(package("counter", component(COUNTER)))
    text = section("docs/host-apps.md", "The Python client")
    examples = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(examples) == 8

    for example in examples:
        names: dict[str, Any] = {"key": KEY}
        there = example.replace("http://127.0.0.1:8420", url)
        async with asyncio.timeout(60):
            await asyncio.to_thread(exec, there, names)

    printed = capsys.readouterr().out
    assert printed.startswith("1\n1.0.0 active ")
    assert "[1, 1, 1]\n" in printed
    assert "orders.created {'id': 7}\n" in printed
    assert "succeeded 1\n" in printed
    assert f"{len(newer):,} of {len(newer):,} bytes\n0 bytes\n" in printed
    await host.uninstall("counter")


def test_the_page_names_what_there_is() -> None:
    text = section("docs/host-apps.md", "The Python client")
    raised = re.findall(r"`([A-Z]\w+)`", text)
    named = {"ClientError", "HostError", "Unreachable", "NotConnected", "TimedOut"}
    assert named < set(raised)
    for name in named | {"ConnectionLost", "UnexpectedAnswer"}:
        assert issubclass(getattr(errors, name), errors.ClientError)
