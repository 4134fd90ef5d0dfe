"""``wardian_sdk.questions``: methods that answer, over the bindings of a world that exports it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from wardian.cli.authoring import Language, sdk_directory

pytestmark = pytest.mark.toolchain

Sdk = Callable[[str], ModuleType]

PLAIN = """
from wardian_sdk import Answer, Err, PluginAgent, answers

class Agent(PluginAgent):
    @answers("count")
    def count(self, text: str) -> Answer:
        if not text:
            raise Err("nothing to count")
        return Answer(len(text), units=1)

class Question:
    capability = "count"
    input = '"four"'

print(Agent().ask(Question()), Agent().count("ab").output)
"""


@dataclass(frozen=True)
class Limits:
    words: int = 60


@dataclass(frozen=True)
class Text:
    text: str
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True)
class Counted:
    words: int
    most: int


def asked(capability: str, value: Any) -> Any:
    text = value if isinstance(value, str) else json.dumps(value)
    return SimpleNamespace(capability=capability, input=text)


def agent(sdk: Sdk) -> Any:
    """An agent that answers three capabilities by two methods, and has one that answers none."""
    questions, plain = sdk("questions"), sdk("_plain")

    class Counter(questions.PluginAgent):  # type: ignore[misc]
        @questions.answers("count", "count-words")  # type: ignore[untyped-decorator]
        def count(self, asked: Text) -> Any:
            if not asked.text:
                raise plain.Err("there is no text")
            found = Counted(len(asked.text.split()), asked.limits.words)
            return questions.Answer(found, units=len(asked.text), confidence=0.5, cacheable=True)

        @questions.answers("echo")  # type: ignore[untyped-decorator]
        def echo(self, asked: Any) -> Any:
            return asked

        def helper(self) -> None:
            raise AssertionError

    return Counter()


def refusal(sdk: Sdk, capability: str, value: Any) -> str:
    with pytest.raises(sdk("componentize_py_types").Err) as caught:
        agent(sdk).ask(asked(capability, value))
    return str(caught.value.value)


def test_a_question_is_read_answered_and_written_as_the_bindings_have_it(sdk: Sdk) -> None:
    answer = agent(sdk).ask(asked("count-words", {"text": "a b c", "limits": {"words": 2}}))

    assert isinstance(answer, sdk("wit_world.exports.agent").Answer)
    assert json.loads(answer.output) == {"words": 3, "most": 2}
    assert (answer.units, answer.confidence, answer.cacheable) == (5, 0.5, True)


def test_what_is_no_answer_is_the_output_alone(sdk: Sdk) -> None:
    answer = agent(sdk).ask(asked("echo", {"as": ["it", "is"]}))

    assert json.loads(answer.output) == {"as": ["it", "is"]}
    assert (answer.units, answer.confidence, answer.cacheable) == (0, None, False)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("{", "the input is no JSON"),
        ([], "the input is a list, not object"),
        ({}, "the input's text is not set"),
        ({"text": 1}, "the input's text is a number, not text"),
        ({"text": "a", "limits": {"words": "2"}}, "the input's limits.words is text"),
        ({"text": ""}, "there is no text"),
    ],
)
def test_an_input_that_does_not_fit_is_refused_with_its_path(
    sdk: Sdk, value: Any, told: str
) -> None:
    assert told in refusal(sdk, "count", value)


def test_a_capability_that_it_does_not_answer_is_refused_with_those_that_it_does(sdk: Sdk) -> None:
    told = refusal(sdk, "translate", {})

    assert told == "this agent answers count, count-words, echo, and not 'translate'"


def test_two_methods_for_one_capability_are_refused(sdk: Sdk) -> None:
    questions = sdk("questions")

    def one(self: Any, asked: Any) -> Any:
        return asked

    methods = {name: questions.answers("same")(type(one)(one.__code__, {})) for name in "ab"}
    with pytest.raises(ValueError, match="a and b both answer same"):
        type("Twice", (questions.PluginAgent,), methods)


def test_a_method_that_takes_no_input_is_refused(sdk: Sdk) -> None:
    questions = sdk("questions")

    with pytest.raises(ValueError, match="takes self and the input"):
        type("Deaf", (questions.PluginAgent,), {"no": questions.answers("x")(lambda self: None)})


def test_answers_needs_a_capability(sdk: Sdk) -> None:
    with pytest.raises(ValueError, match="takes the capabilities"):
        sdk("questions").answers()


def test_an_agent_can_be_tested_in_plain_python() -> None:
    found = subprocess.run(
        [sys.executable, "-c", PLAIN],
        env={"PYTHONPATH": str(sdk_directory(Language.PYTHON))},
        capture_output=True,
        text=True,
        check=False,
    )
    answer = "Answer(output=4, units=1, confidence=None, cacheable=False)"
    assert (found.stdout, found.stderr) == (f"{answer} 2\n", "")
