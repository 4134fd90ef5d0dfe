"""Type checkers know both clients, although each method is written once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

RIGHT = """
from collections.abc import AsyncGenerator, Generator
from typing import assert_type

from wardian.client import AsyncClient, CallResult, Client
from wardian.client.models import Agent, Answer, CloudEvent, Page, Plugin


async def app(client: Client, later: AsyncClient) -> None:
    assert_type(client.plugins.get("p"), Plugin)
    assert_type(client.plugins.list(), Page[Plugin])
    assert_type(client.call("p", "f", {"a": 1}, timeout=1.0), CallResult)
    assert_type(client.plugin("p").call("f", city="Oslo").usage.fuel, int)
    assert_type(client.plugins.install(b"PK", grant="all").granted, list[str])
    assert_type(client.events.stream("a.*"), Generator[CloudEvent, None, None])
    assert_type(client.agents.list(), Page[Agent])
    assert_type(client.agents.ask("s", 1, criteria={"ceilings": {"cost": 1.0}}), Answer)
    assert_type(client.with_options(timeout=1.0), Client)

    assert_type(await later.plugins.get("p"), Plugin)
    assert_type(await later.call("p", "f"), CallResult)
    assert_type(later.events.stream("a.*"), AsyncGenerator[CloudEvent, None])
"""

WRONG = """
from wardian.client import AsyncClient, Client


async def app(client: Client, later: AsyncClient) -> None:
    client.plugins.get(3)
    client.plugins.install(b"PK", grand="all")
    client.plugins.gett("p")
    client.with_options(timeouts=1.0)
    client.agents.ask("s", 1, criteria={"ceiling": {}})
    later.plugins.get("p")
    await client.plugins.get("p")
"""


def test_type_checkers_know_what_is_right_and_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "right.py").write_text(RIGHT)
    (tmp_path / "wrong.py").write_text(WRONG)
    run = subprocess.run(
        [
            *(sys.executable, "-m", "mypy", "--strict", "--follow-imports", "silent"),
            *("--config-file", str(ROOT / "pyproject.toml")),
            *("--cache-dir", str(ROOT / ".mypy_cache")),
            *(str(tmp_path / "right.py"), str(tmp_path / "wrong.py")),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    errors = [line.split(":")[:2] for line in run.stdout.splitlines() if ": error:" in line]
    assert [(Path(path).name, int(line)) for path, line in errors] == [
        ("wrong.py", number) for number in range(6, 13)
    ], run.stdout + run.stderr
