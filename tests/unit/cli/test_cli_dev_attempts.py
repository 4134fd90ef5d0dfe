"""What becomes of a saved file: built if it is a source, loaded, and told."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from hosts import WASM, FakeHost, fake_host
from wardian.cli.authoring import BuildFailed, BuildHalted, Halt, Language, Template, scaffold
from wardian.cli.dev.attempts import Attempts, CallWanted
from wardian.cli.dev.hearing import Hearing, Line
from wardian.cli.dev.reloading import Target
from wardian.cli.dev.showing import Screen
from wardian.cli.dev.watching import State, state_of
from wardian.cli.terminal import Terminal
from wardian.plugins.agents import AGENT_ASK
from wardian.runtime.call_log import Ended

pytestmark = pytest.mark.anyio


class Builds:
    """Stands for the toolchains: what the next build does, and how many there were."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.made = 0
        self.component = WASM
        self.output = ""
        self.halted: list[Halt] = []
        self.began: asyncio.Event | None = None
        self.loop = asyncio.get_running_loop()
        monkeypatch.setattr("wardian.cli.authoring.build", self)

    def __call__(self, directory: Path, *, progress: Any, halt: Halt) -> Path:
        self.made += 1
        progress("building")
        if self.output:
            raise BuildFailed("It does not build.", output=self.output)
        if self.began is not None:
            self.loop.call_soon_threadsafe(self.began.set)
            while not halt.called:
                pass
            raise BuildHalted
        (directory / "plugin.wasm").write_bytes(self.component)
        return directory / "plugin.wasm"


class Author:
    """A plugin's directory with the loop's parts over it, and what they tell."""

    def __init__(
        self,
        directory: Path,
        opened: FakeHost,
        builds: Builds,
        capture: pytest.CaptureFixture[str],
        wanted: CallWanted | None = None,
    ) -> None:
        self.directory = directory
        self.host = opened.host
        self.parts = opened.parts
        self.builds = builds
        self._capture = capture
        screen = Screen(Terminal(json=True))
        target = Target(self.host, "default", directory)
        self.attempts = Attempts(directory, self.host, target, screen, "default", wanted)

    async def attempt(self) -> list[dict[str, Any]]:
        """Attempt the directory as it is now; returns the events."""
        await self.attempts.attempt(state_of(self.directory))
        return [json.loads(line) for line in self._capture.readouterr().out.splitlines()]


@pytest.fixture
async def author(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> AsyncIterator[Author]:
    directory = scaffold("hello", Language.PYTHON, tmp_path)
    async with fake_host(tmp_path / "host") as opened:
        yield Author(directory, opened, Builds(monkeypatch), capsys)


def names(events: list[dict[str, Any]]) -> list[str]:
    return [event["event"] for event in events]


async def test_sources_are_built_once_and_again_when_they_change(author: Author) -> None:
    assert names(await author.attempt()) == ["building", "built", "reloaded"]
    (author.directory / "src" / "plugin.py").write_text("x = 1")
    author.builds.component = WASM + b"other"

    events = await author.attempt()

    assert names(events) == ["building", "built", "reloaded"]
    assert events[0]["changed"] == ["src/plugin.py"]
    assert author.builds.made == 2


async def test_a_component_that_is_as_new_as_its_sources_is_not_built(author: Author) -> None:
    (author.directory / "plugin.wasm").write_bytes(WASM)
    assert names(await author.attempt()) == ["reloaded"]


async def test_a_changed_manifest_is_loaded_without_a_build(author: Author) -> None:
    await author.attempt()
    with (author.directory / "plugin.toml").open("a") as file:
        file.write('\n[[permissions]]\npermission = "kv:read"\nreason = "Reads."\n')

    (reloaded,) = await author.attempt()

    assert [asked["permission"] for asked in reloaded["new_permissions"]] == ["kv:read"]
    assert reloaded["granted"] == ["kv:read"]
    assert author.builds.made == 1


async def test_what_is_packed_to_the_same_is_not_loaded_again(author: Author) -> None:
    await author.attempt()
    before = await author.host.plugin("hello")
    (author.directory / "src" / "plugin.py").write_text("# a comment")

    assert names(await author.attempt()) == ["building", "built", "unchanged"]

    assert await author.host.plugin("hello") == before


async def test_after_a_failed_build_any_change_is_built_again(author: Author) -> None:
    await author.attempt()
    author.builds.output = f'  File "{author.directory}/src/plugin.py", line 7\nSyntaxError: no\n'
    (author.directory / "src" / "plugin.py").write_text("x = ")

    failed = (await author.attempt())[-1]

    assert (failed["event"], failed["serving"]) == ("failed", "0.1.0")
    assert failed["faults"] == [
        {"file": "src/plugin.py", "line": 7, "column": 0, "text": "SyntaxError: no"}
    ]
    author.builds.output = ""
    (author.directory / "README.md").write_text("Changed.")
    assert names(await author.attempt()) == ["building", "built", "reloaded"]


async def test_a_plugin_whose_manifest_went_goes_on_serving(author: Author) -> None:
    await author.attempt()
    (author.directory / "plugin.toml").unlink()

    (failed,) = await author.attempt()

    assert (failed["event"], failed["serving"]) == ("failed", "0.1.0")
    assert "plugin.toml" in failed["error"]["detail"]


async def test_a_plugin_that_was_quarantined_takes_calls_again_once_it_is_changed(
    author: Author,
) -> None:
    await author.attempt()
    plugin = await author.parts.registry.get("default", "hello")
    await author.parts.lifecycle.quarantine(plugin, "it crashed")
    assert (await author.host.plugin("hello")).state == "quarantined"
    (author.directory / "src" / "plugin.py").write_text("mended = True")
    author.builds.component = WASM + b"mended"

    assert (await author.attempt())[-1]["state"] == "active"


QUESTION = {"capability": "count-words", "input": {"text": "three short words"}}


async def echo(arguments: Mapping[str, Any], answer: Any) -> Any:
    """Answer with the question's input."""
    output = arguments["question"]["input"]
    return {"output": output, "units": 3, "confidence": None, "cacheable": False}


@pytest.mark.parametrize(
    ("arguments", "result"),
    [
        ({}, QUESTION["input"]),
        (QUESTION | {"input": 7}, 7),
        ({"question": {"capability": "count-words", "input": "[1]"}}, [1]),
        ({"question": {"capability": "count-words", "input": "no JSON"}}, "invalid-arguments"),
        ({"text": "a b"}, "invalid-arguments"),
        (QUESTION | {"capability": "sing"}, "not-found"),
    ],
    ids=["probe", "api", "function", "no-json", "misfit", "other"],
)
async def test_an_agent_is_asked_after_a_reload_and_not_called(
    arguments: dict[str, Any],
    result: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    directory = scaffold("counts", Language.PYTHON, tmp_path, Template.AGENT)
    async with fake_host(tmp_path / "host", {AGENT_ASK: echo}) as opened:
        wanted = CallWanted("ask", arguments)
        author = Author(directory, opened, Builds(monkeypatch), capsys, wanted)
        found = (await author.attempt())[-1]
        asks = (await opened.host.agents.asks()).asks

    if "error" in found:
        assert found["error"]["type"] == result
    else:
        assert found["result"] == result
        assert [ask.subject for ask in asks] == ["dev"]


async def test_an_agent_that_is_there_from_before_has_a_line_that_asks_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = scaffold("counts", Language.PYTHON, tmp_path, Template.AGENT)
    async with fake_host(tmp_path / "host", {AGENT_ASK: echo}) as opened:
        for _ in range(2):
            author = Author(directory, opened, Builds(monkeypatch), capsys)
            found = (await author.attempt())[-1]
            assert "/api/v1/agents/ask" in found["curl"]


async def test_only_newer_sources_overtake_a_build(author: Author) -> None:
    author.builds.began = asyncio.Event()
    state = state_of(author.directory)
    running = asyncio.create_task(author.attempts.attempt(state))
    await author.builds.began.wait()

    author.attempts.overtaken(State(state.sources, frozenset()))
    assert not running.done()
    author.attempts.overtaken(State(frozenset(list(state.sources)[1:]), state.packed))

    assert await running is False
    assert await author.host.plugins() == []


async def test_a_cancelled_attempt_ends_with_its_build(author: Author) -> None:
    author.builds.began = asyncio.Event()
    running = asyncio.create_task(author.attempts.attempt(state_of(author.directory)))
    await author.builds.began.wait()

    running.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running
    assert not (author.directory / "plugin.wasm").exists()


def test_what_a_plugin_says_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen(Terminal(json=False))
    fields = {"key": "a\x1b[2J"}
    screen.said(Line(level="error", message="one\ntwo\x1b[31m", plugin="evil\r", fields=fields))

    shown = capsys.readouterr().out

    assert shown.count("\n") == 1
    assert "[evil\\r] one\\ntwo\\x1b[31m key=a\\x1b[2J" in shown


def test_of_the_log_plugins_lines_calls_and_warnings_are_heard() -> None:
    said: list[Line] = []
    called: list[Ended] = []
    log = logging.getLogger("wardian.plugin")
    hearing = Hearing(said.append, called.append)
    ended = Ended("1", "hello", "0.1.0", "greet", "ok", 0.002)
    extra = {"plugin": "hello", "call_id": "1", "fields": {"length": 3}}

    for record in (
        log.makeRecord(log.name, logging.DEBUG, "", 0, "%s", ("hi",), None, extra=extra),
        log.makeRecord("wardian.calls", logging.INFO, "", 0, "%s" * 6, ended, None),
        log.makeRecord("wardian.installs", logging.INFO, "", 0, "Installed.", (), None),
        log.makeRecord("wardian.settings", logging.WARNING, "", 0, "No variable.", (), None),
    ):
        hearing.handle(record)

    assert said == [
        Line(level="debug", message="hi", plugin="hello", call_id="1", fields={"length": "3"}),
        Line(level="warning", message="No variable."),
    ]
    assert called == [ended]
