"""The Python examples of the documents about the SDK run as they stand there."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

pytestmark = pytest.mark.toolchain

ROOT = Path(__file__).parents[3]
CONFIG = {
    "repository": "o/r",
    "hours": 3,
    "rules": [{"label": "bug"}],
    "limits": {"daily": 7},
}


def example(page: str, containing: str) -> str:
    text = (ROOT / page).read_text(encoding="utf-8")
    found = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (one,) = [each for each in found if containing in each]
    return str(one)


@pytest.fixture
def sent(
    sdk: Callable[[str], ModuleType],
    refusal: Callable[[str, str], Exception],
    monkeypatch: pytest.MonkeyPatch,
) -> list[Any]:
    """What the examples send, to a host that answers each request with one issue."""
    http, config = sdk("wit_world.imports.http"), sdk("wit_world.imports.config")
    reached: list[Any] = []

    def send(request: Any) -> Any:
        reached.append(request)
        return http.Response(status=200, headers=[], body=b'[{"title": "A"}]')

    def get(key: str) -> str:
        value: Any = CONFIG
        for part in key.split("."):
            if part not in value:
                raise refusal("NotFound", key)
            value = value[part]
        return json.dumps(value)

    monkeypatch.setattr(http, "send", send)
    monkeypatch.setattr(config, "get", get)
    monkeypatch.setattr(config, "get_all", lambda: json.dumps(CONFIG))
    return reached


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], dict[str, Any]]:
    def executed(source: str) -> dict[str, Any]:
        # Dataclasses look their module up.
        module = ModuleType("example")
        monkeypatch.setitem(sys.modules, "example", module)
        exec(source, vars(module))
        return vars(module)

    return executed


def test_the_authors_page_asks_a_service(
    sent: list[Any],
    run: Callable[[str], dict[str, Any]],
    sdk: Callable[[str], ModuleType],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    host = sdk("wit_world.imports.credentials")
    monkeypatch.setattr(host, "sign", lambda name, operation: host.Signature(name, []))
    world = run(example("docs/authors.md", "open_issues"))["WitWorld"]()

    assert world.open_issues("bug") == ["A"]
    assert world.signed("text") == "webhook"

    (request,) = sent
    assert request.url == "https://api.example.org/repos/o/r/issues?labels=bug&per_page=20"
    assert (request.credential, request.timeout_ms) == ("github", 3000)


def test_the_sdk_s_page_has_a_session(
    sent: list[Any], run: Callable[[str], dict[str, Any]]
) -> None:
    names = run(example("sdk/python/README.md", "Session("))

    assert names["issues"] == [{"title": "A"}]
    assert [(each.method, each.url) for each in sent] == [
        ("GET", "https://api.example.org/repos/o/r/issues?state=open&labels=bug&labels=new"),
        ("POST", "https://api.example.org/repos/o/r/issues/1/labels"),
    ]


@pytest.mark.usefixtures("sent")
def test_the_sdk_s_page_reads_a_configuration(run: Callable[[str], dict[str, Any]]) -> None:
    names = run(example("sdk/python/README.md", "config.load"))

    assert (names["settings"].hours, names["settings"].rules[0].label) == (3, "bug")
    assert (names["settings"].place, names["daily"]) == (None, 7)
