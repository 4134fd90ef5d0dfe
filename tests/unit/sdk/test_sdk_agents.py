"""Agents, from the Python SDK: what the host is asked, and what comes back."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

pytestmark = pytest.mark.toolchain

Sdk = Callable[[str], ModuleType]


def refusing(sdk: Sdk, case: str) -> Callable[..., Any]:
    """Return what refuses as the host does, with the bindings' own types."""
    types: Any = sdk("wit_world.imports.types")
    err = sdk("componentize_py_types").Err

    def refuse(*arguments: Any) -> Any:
        raise err(getattr(types, f"Error_{case}")("so the host says"))

    return refuse


def test_a_question_and_criteria_go_as_text_and_the_output_comes_as_a_value(
    sdk: Sdk, monkeypatch: pytest.MonkeyPatch
) -> None:
    host: Any = sdk("wit_world.imports.agents")
    asked: list[Any] = []

    def ask(*arguments: Any) -> Any:
        asked.append(arguments)
        return host.Answer("lead", '{"text": "short"}', 0.25)

    monkeypatch.setattr(host, "ask", ask)
    agents: Any = sdk("agents")

    answer = agents.ask("summarize", {"text": "é"}, criteria={"ceilings": {"cost": 1}})
    agents.ask("summarize", None)

    assert (answer.agent, answer.output, answer.cost) == ("lead", {"text": "short"}, 0.25)
    assert asked == [
        ("summarize", '{"text":"é"}', '{"ceilings":{"cost":1}}'),
        ("summarize", "null", None),
    ]


@pytest.mark.parametrize("case", ["Denied", "NotFound", "Invalid", "Exhausted", "Unavailable"])
def test_what_the_host_refuses_is_raised(
    sdk: Sdk, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    for module, function, arguments in (
        ("agents", "ask", ("summarize", "text")),
        ("answering", "emit", ("a piece",)),
    ):
        monkeypatch.setattr(sdk(f"wit_world.imports.{module}"), function, refusing(sdk, case))
        with pytest.raises(getattr(sdk("_errors"), case), match="so the host says"):
            getattr(sdk(module), function)(*arguments)


def test_pieces_go_as_they_are(sdk: Sdk, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(sdk("wit_world.imports.answering"), "emit", said.append)
    answering: Any = sdk("answering")

    for piece in ("one, ", "é", ""):
        answering.emit(piece)

    assert said == ["one, ", "é", ""]
