import json
from typing import Any

import pytest

from wardian.cli.local import LocalCall, LocalHost, cache_directory, level_to_run_at
from wardian.policy.levels import Level
from wardian.policy.limits import Limits


def local_host(lines: list[str], **limits: Any) -> LocalHost:
    call = LocalCall(
        plugin="p",
        component=b"",
        function="f",
        arguments={},
        level=Level.RESTRICTED,
        limits=Limits(**limits),
        config={"step": 2, "nested": {"deep": ["x"]}},
    )
    return LocalHost(call, "call-1", lambda level, message, _: lines.append(f"{level} {message}"))


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
