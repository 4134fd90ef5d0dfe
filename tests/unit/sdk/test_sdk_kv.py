"""``wardian_sdk.kv_namespaces``: the host's functions, with the namespace that they are about."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from types import ModuleType
from typing import Any

import pytest

pytestmark = pytest.mark.toolchain


@pytest.fixture
def asked(sdk: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the host is asked for; it has two pages of keys and answers the rest alike."""
    host: Any = sdk("wit_world.imports.kv_namespaces")
    calls: list[Any] = []

    def answering(name: str, answer: Callable[..., Any]) -> None:
        def answered(*arguments: Any) -> Any:
            calls.append((name, *arguments))
            return answer(*arguments)

        monkeypatch.setattr(host, name, answered)

    answering("get", lambda namespace, key: '{"a": 1}' if key == "there" else None)
    answering("list_keys", lambda namespace, prefix, cursor, limit: pages[cursor])
    pages = {None: host.Page(["a", "b"], "b"), "b": host.Page(["c"], None)}
    answering("increment", lambda namespace, key, by: by)
    answering("list_namespaces", lambda: ["sessions"])
    for name in ("set", "delete", "clear", "compare_and_set"):
        answering(name, lambda *arguments: True)
    return calls


def test_a_namespace_names_itself_in_everything_it_asks(
    sdk: Callable[[str], ModuleType], asked: list[Any]
) -> None:
    module = sdk("kv_namespaces")
    sessions = module.Namespace("sessions")

    assert sessions.get("nothing") is None
    assert sessions.get_json("there") == {"a": 1}
    assert sessions.get_json("nothing", default=7) == 7
    sessions.set("k", "v", ttl=timedelta(seconds=2))
    sessions.set_json("k", [1])
    assert sessions.delete("k")
    assert list(sessions.keys("p", page_size=2)) == ["a", "b", "c"]
    assert sessions.compare_and_set("k", None, "v", ttl=timedelta(milliseconds=5))
    assert sessions.increment("n", -3) == -3
    assert sessions.clear()
    assert module.list_namespaces() == ["sessions"]

    assert asked == [
        ("get", "sessions", "nothing"),
        ("get", "sessions", "there"),
        ("get", "sessions", "nothing"),
        ("set", "sessions", "k", "v", 2000),
        ("set", "sessions", "k", "[1]", None),
        ("delete", "sessions", "k"),
        ("list_keys", "sessions", "p", None, 2),
        ("list_keys", "sessions", "p", "b", 2),
        ("compare_and_set", "sessions", "k", None, "v", 5),
        ("increment", "sessions", "n", -3),
        ("clear", "sessions"),
        ("list_namespaces",),
    ]


def test_a_refusal_of_the_host_is_raised(
    sdk: Callable[[str], ModuleType],
    refusal: Callable[[str, str], Exception],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: Any) -> Any:
        raise refusal("Exhausted", "64 namespaces are kept, as many as may be.")

    monkeypatch.setattr(sdk("wit_world.imports.kv_namespaces"), "set", refuse)

    with pytest.raises(sdk("wardian_sdk").Exhausted, match="64 namespaces"):
        sdk("kv_namespaces").Namespace("one-more").set("k", "v")
