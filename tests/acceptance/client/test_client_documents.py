"""The examples of the client's pages run, against a real host."""

from __future__ import annotations

import argparse
import asyncio
import re
import shlex
from pathlib import Path
from typing import Any

import httpx
import pytest

from agents import agent
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


async def test_the_examples_of_agents_run(
    url: str, host: PluginHost, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WARDIAN_URL", url)
    monkeypatch.setenv("WARDIAN_API_KEY", KEY)
    await host.install(agent("speaks", emits=True, always="p"))
    text = section("docs/host-apps.md", "Agents")
    examples = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    lines = re.findall(r"^\$ curl ((?:.*\\\n)*.*(?:\n.*\}\}')?)$", text, re.MULTILINE)
    assert (len(examples), len(lines)) == (2, 2)

    for example in examples:
        async with asyncio.timeout(60):
            await asyncio.to_thread(exec, example, {"text": "ab"})
    answers = [await curled(line, url) for line in lines]

    twice = '"ab"' * 2
    assert capsys.readouterr().out == f"{twice}0.0\n{twice}\nspeaks answered for 0.0.\n"
    assert answers[0].json()["output"] == {"text": "…"}
    events = re.findall(r"^event: (\w+)$", answers[1].text, re.MULTILINE)
    assert events == ["piece", "piece", "answer"]
    await host.uninstall("speaks")


async def curled(line: str, url: str) -> httpx.Response:
    """Send what curl sends with these arguments."""
    words = shlex.split(line.replace("\\\n", " ").replace("$WARDIAN_API_KEY", KEY))
    parser = argparse.ArgumentParser()
    parser.add_argument("-H", action="append")
    parser.add_argument("-d")
    parser.add_argument("-N", action="store_true")
    parser.add_argument("url")
    given = parser.parse_args(words)
    headers = dict(header.split(": ", 1) for header in given.H)
    async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
        address = given.url.replace("http://127.0.0.1:8420", url)
        return await client.post(address, content=given.d.encode(), headers=headers)


def test_the_page_names_what_there_is() -> None:
    text = section("docs/host-apps.md", "The Python client")
    raised = re.findall(r"`([A-Z]\w+)`", text)
    named = {"ClientError", "HostError", "Unreachable", "NotConnected", "TimedOut"}
    assert named < set(raised)
    for name in named | {"ConnectionLost", "UnexpectedAnswer"}:
        assert issubclass(getattr(errors, name), errors.ClientError)
