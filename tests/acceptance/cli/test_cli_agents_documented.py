"""What the documents say to type of agents is typed, in order, and works."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from apis import serving
from commands import CommandLine
from hosts import WASM, fake_host
from packages import package
from wardian.errors import GuestError
from wardian.plugins.agents import AGENT_ASK
from wardian.settings import Settings

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[3]
DOCUMENTS = ["README.md", "docs/agents.md", "docs/operators.md"]
SAMPLES = ["summarize-lead", "summarize-rank"]
ANY_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def lines(document: str) -> list[str]:
    """The command lines of agents that a document shows."""
    text = (ROOT / document).read_text()
    return re.findall(r"^\$ wardian (agents .*)$", text, re.MULTILINE)


async def answers(arguments: Any, answer: Any) -> dict[str, Any]:
    """Answer as the samples do, which take an object with a text."""
    asked = json.loads(arguments["question"]["input"])
    if not isinstance(asked, dict) or "text" not in asked:
        raise GuestError(payload="the input is not an object")
    return {"output": '{"summary": "…"}', "units": 9, "confidence": None, "cacheable": True}


def agent(name: str, version: str = "1.0.0") -> bytes:
    """A package with a manifest's part of an agent as the sample, or the template, has it."""
    folder = ROOT / "sample-plugins" / name
    if not folder.is_dir():
        return package(name, WASM, _AGENT + '["count-words@1.0.0"]', version)
    terms = (folder / "plugin.toml").read_text()
    return package(
        name, WASM, _AGENT + '["summarize@1.0.0"]\n' + terms[terms.index("[agent") :], version
    )


_AGENT = 'category = "ai_agent"\ncapabilities = '


@pytest.mark.parametrize("document", DOCUMENTS)
async def test_what_a_document_says_to_type_of_agents_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, document: str
) -> None:
    rules = re.search(
        r'```json\n(\{\n  "rules".*?)```', (ROOT / DOCUMENTS[2]).read_text(), re.DOTALL
    )
    assert rules is not None
    (tmp_path / "rules.json").write_text(rules[1])
    monkeypatch.chdir(tmp_path)
    shown = lines(document)
    assert len(shown) > 4
    async with fake_host(tmp_path / "data", {AGENT_ASK: answers}) as made:
        for name in (*SAMPLES, "helper"):
            await made.host.install(agent(name))
        await made.host.upgrade(agent("summarize-rank", "1.1.0"))
        key = await made.host.keys.create("admin", ["admin"], "default")
        settings = Settings(data_dir=tmp_path / "data")
        async with serving(made.host, settings) as (address, port):
            monkeypatch.setenv("WARDIAN_URL", f"http://{address}:{port}")
            monkeypatch.setenv("WARDIAN_API_KEY", key.token)
            for line in shown:
                newest = (await made.host.agents.asks(limit=1)).asks
                given = ANY_ID.sub(newest[0].id if newest else "none", line)
                done = await asyncio.to_thread(CommandLine(), *shlex.split(given, comments=True))
                assert done.code == 0, (line, done.err)
