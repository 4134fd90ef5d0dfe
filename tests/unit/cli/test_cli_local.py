import json
from typing import Any

import pytest

from wardian.cli.local import LocalCall, LocalHost, cache_directory, level_to_run_at
from wardian.policy.levels import Level
from wardian.policy.limits import Limits
from wardian.policy.permissions import Permission
from wardian.policy.usage import Usage


class Heard:
    """What the guest said."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines

    def log(self, level: str, message: str, fields: list[list[str]]) -> None:
        self._lines.append(f"{level} {message}")

    def event(self, topic: str, data: str) -> None:
        self._lines.append(f"{topic} {data}")

    def piece(self, text: str) -> None:
        self._lines.append(f"piece {text}")

    def output(self, written: bytes) -> None:
        self._lines.append(written.decode())


def local_host(lines: list[str], *, is_asked: bool = False, **limits: Any) -> LocalHost:
    call = LocalCall(
        plugin="p",
        component=b"",
        function="f",
        arguments={},
        level=Level.RESTRICTED,
        limits=Limits(**limits),
        config={"step": 2, "nested": {"deep": ["x"]}},
        asked=(Permission("events:publish", "orders.*"),),
    )
    return LocalHost(call, "call-1", Heard(lines), is_asked=is_asked)


@pytest.mark.anyio
async def test_the_configuration_is_what_was_given() -> None:
    host = local_host([])
    whole = await host("config", "get-all", [])
    deep = await host("config", "get", ["nested.deep"])
    missing = await host("config", "get", ["nested.none"])
    assert json.loads(whole["val"]) == {"step": 2, "nested": {"deep": ["x"]}}
    assert deep == {"tag": "ok", "val": '["x"]'}
    assert (missing["tag"], missing["val"]["tag"]) == ("err", "not-found")


@pytest.mark.anyio
async def test_the_context_says_that_the_call_is_local() -> None:
    host = local_host([])
    current = await host("context", "current", [])
    remaining = await host("context", "remaining", [])
    assert (current["val"]["tenant"], current["val"]["call-id"]) == ("local", "call-1")
    assert remaining["val"]["host-calls"] == Limits().host_calls - 2


@pytest.mark.anyio
async def test_log_lines_past_the_budget_are_refused() -> None:
    lines: list[str] = []
    host = local_host(lines, log_lines=1)
    first = await host("logging", "log", ["info", "one", []])
    second = await host("logging", "log", ["info", "two", []])
    assert lines == ["info one"]
    assert first["tag"] == "ok"
    assert second["val"]["tag"] == "exhausted"


@pytest.mark.anyio
async def test_events_that_the_manifest_asks_for_are_heard_and_counted() -> None:
    lines: list[str] = []
    host = local_host(lines, events=1)
    usage = Usage()

    first = await host("events", "publish", ["orders.made", "{}", None])
    second = await host("events", "publish", ["orders.made", "{}", None])
    host.complete(usage)

    assert lines == ["orders.made {}"]
    assert (first["tag"], second["val"]["tag"]) == ("ok", "exhausted")
    assert usage.events == 1


@pytest.mark.parametrize(
    ("topic", "data", "case"),
    [("other.made", "{}", "denied"), ("ORDERS", "{}", "invalid"), ("orders.made", "{", "invalid")],
)
@pytest.mark.anyio
async def test_events_that_no_host_would_take_are_refused(topic: str, data: str, case: str) -> None:
    answer = await local_host([])("events", "publish", [topic, data, None])
    assert answer["val"]["tag"] == case


@pytest.mark.anyio
async def test_pieces_of_an_agent_s_answer_are_heard_as_long_as_a_result_may_be() -> None:
    lines: list[str] = []
    host = local_host(lines, is_asked=True, result_bytes=6)

    first = await host("answering", "emit", ["ééé"])
    second = await host("answering", "emit", ["e"])
    elsewhere = await local_host(lines)("answering", "emit", ["e"])

    assert lines == ["piece ééé"]
    assert (first["tag"], second["val"]["tag"]) == ("ok", "exhausted")
    assert elsewhere["val"]["tag"] == "unavailable"


@pytest.mark.anyio
async def test_what_needs_a_host_is_unavailable() -> None:
    answer = await local_host([])("kv", "get", ["key"])
    assert answer["val"]["tag"] == "unavailable"


def test_a_relative_cache_home_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", "/home/someone")
    assert str(cache_directory()) == "/home/someone/.cache/wardian"


@pytest.mark.parametrize(
    ("chosen", "manifest", "level"),
    [
        (None, Level.TRUSTED, Level.STANDARD),
        (None, Level.STANDARD, Level.STANDARD),
        (None, Level.RESTRICTED, Level.RESTRICTED),
        (None, Level.ISOLATED, Level.ISOLATED),
        (Level.TRUSTED, Level.RESTRICTED, Level.TRUSTED),
        (Level.ISOLATED, Level.TRUSTED, Level.ISOLATED),
    ],
)
def test_only_the_person_can_choose_more_trust_than_standard(
    chosen: Level | None, manifest: Level, level: Level
) -> None:
    assert level_to_run_at(chosen, manifest) is level
