"""The examples of enhancements and observers in the documents are what is taken."""

from __future__ import annotations

import asyncio
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from hosts import fake_host
from wardian.cli.authoring.declarations import declarations
from wardian.plugins.enhancements import Enhancement, Kind, applied
from wardian.plugins.manifest import parse_manifest

DOCS = Path(__file__).parents[2] / "docs"
MANIFEST = 'name = "made"\nversion = "1.0.0"\n'


def example(page: str, language: str, word: str) -> str:
    found = re.findall(rf"```{language}\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)
    (text,) = (each for each in found if word in each)
    return str(text)


def declared(folder: Path, source: str, manifest: str = MANIFEST) -> str | None:
    (folder / "src").mkdir()
    (folder / "src/plugin.py").write_text(source)
    return declarations(folder, parse_manifest(manifest.encode()), manifest).toml


def test_the_manifest_and_the_decorators_of_the_page_say_the_same(tmp_path: Path) -> None:
    manifest = parse_manifest((MANIFEST + example("authors.md", "toml", "rate_limit")).encode())
    text = declared(tmp_path, example("authors.md", "python", "rate_limited"))

    assert text is not None
    (entry,) = tomllib.loads(text)["enhancements"]
    assert Enhancement.model_validate(entry).settings() == manifest.enhancements[0].settings()


def test_the_table_of_the_page_has_the_chain_in_its_order() -> None:
    rows = re.findall(r"^\| \d \| `(\w+)` \|", (DOCS / "authors.md").read_text(), re.MULTILINE)
    assert rows == [kind.value for kind in Kind]


def test_a_name_counts_before_a_pattern_as_the_page_says() -> None:
    manifest = parse_manifest((MANIFEST + example("authors.md", "toml", "rate_limit")).encode())
    found = applied(manifest.enhancements, ["a:b/quotes@1.0.0#latest", "a:b/quotes@1.0.0#other"])

    assert not found.faults
    assert {name: str(said[Kind.TIMEOUT].setting) for name, said in found.functions.items()} == {
        "a:b/quotes@1.0.0#latest": "stopped after 2 s",
        "a:b/quotes@1.0.0#other": "stopped after 4 s",
    }


def test_the_observer_of_the_page_is_taken(tmp_path: Path) -> None:
    asked = "".join(
        f'[[permissions]]\npermission = "events:subscribe:{topic}"\nreason = "x"\n'
        for topic in ("order.*", "workflow.completed", "billing.*")
    )
    source = example("authors.md", "python", "PluginObserver")
    assert declared(tmp_path, source, MANIFEST + asked) is None


@pytest.mark.anyio
async def test_the_observer_of_a_host_app_runs(tmp_path: Path) -> None:
    text = example("host-apps.md", "python", "PluginObserver")
    body = "".join(f"    {line}\n" for line in text.splitlines())
    names: dict[str, Any] = {}
    exec(f"async def example(host):\n{body}    return Ledger, subscription", names)
    seen = asyncio.Queue[str]()

    async with fake_host(tmp_path / "data") as made, asyncio.timeout(30):
        ledger, subscription = await names["example"](made.host)
        ledger.count = lambda self, event: seen.put_nowait(event.topic)
        await made.host.bus.publish("billing.paid")
        assert await seen.get() == "billing.paid"
        await made.host.bus.unsubscribe(subscription)
