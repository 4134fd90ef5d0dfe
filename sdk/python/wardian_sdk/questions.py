"""Answer questions by methods: what makes a plugin an agent.

A class that derives from ``PluginAgent`` is the plugin's agent, and its methods answer::

    from dataclasses import dataclass
    from wardian_sdk import Answer, Err, PluginAgent, answers

    @dataclass(frozen=True)
    class Text:
        text: str

    class Agent(PluginAgent):
        @answers("count-words")
        def count(self, asked: Text) -> Answer:
            if not asked.text:
                raise Err("there is no text")
            return Answer({"words": len(asked.text.split())}, units=len(asked.text))

The world exports ``wardian:plugin/agent``; the manifest has the category ``ai_agent`` and lists
each capability. What a method takes is JSON, read as the type that it says: a dataclass, ``str``,
``list[str]`` … or ``Any``; what does not fit is answered as an error with the path of the fault,
and the method is not called. It returns an ``Answer``, or the output alone; a dataclass is an
object. It refuses with ``Err``, whose text the asker reads; any other exception ends the call.
"""

import importlib
import inspect
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, is_dataclass
from typing import Any, TypeVar, get_type_hints

from wardian_sdk._json import from_text, to_text
from wardian_sdk._plain import Err
from wardian_sdk._typed import Misfit, typed

_made: Any
try:
    # Found where the plugin's world exports it; there is none in the plugin's own tests.
    _made = importlib.import_module("wit_world.exports.agent").Answer
except ImportError:
    _made = None

F = TypeVar("F", bound=Callable[..., Any])

_CAPABILITIES = "__wardian_capabilities__"


@dataclass(frozen=True)
class Answer:
    """What an agent answers.

    Attributes:
        output: a value that JSON can hold, or a dataclass of such.
        units: how many it used, of what the manifest's ``[agent.cost]`` prices.
        confidence: how sure the agent is, 0 to 1, when it can tell.
        cacheable: whether the host may answer the same question with this answer again.
    """

    output: Any
    units: int = 0
    confidence: float | None = None
    cacheable: bool = False


def answers(*capabilities: str) -> Callable[[F], F]:
    """Have a method answer the questions for these capabilities."""
    if not capabilities:
        raise ValueError("answers takes the capabilities, such as @answers('summarize')")

    def declare(function: F) -> F:
        setattr(function, _CAPABILITIES, capabilities)
        return function

    return declare


class PluginAgent:
    """Has the method answer that is for the capability."""

    def __init_subclass__(cls, **named: Any) -> None:
        super().__init_subclass__(**named)
        methods = dict(_methods(cls))

        def ask(self: PluginAgent, question: Any) -> Any:
            found = methods.get(question.capability)
            if found is None:
                known = ", ".join(sorted(methods)) or "nothing"
                raise Err(f"this agent answers {known}, and not {question.capability[:100]!r}")
            name, kind = found
            return _written(getattr(self, name)(_read(question.input, kind)))

        # Its own, because whoever watches over exports puts something else in its place.
        cls.ask = ask  # type: ignore[attr-defined]


def _methods(cls: type) -> Iterator[tuple[str, tuple[str, Any]]]:
    """Yield each capability with the method that answers it, and what that takes."""
    known: dict[str, str] = {}
    names = dict.fromkeys(name for each in reversed(cls.__mro__) for name in vars(each))
    for name in names:
        member = getattr(cls, name)
        for capability in getattr(member, _CAPABILITIES, ()):
            if capability in known:
                raise ValueError(f"{known[capability]} and {name} both answer {capability}")
            known[capability] = name
            yield capability, (name, _taken(member, name))


def _taken(method: Callable[..., Any], name: str) -> Any:
    parameters = list(inspect.signature(method).parameters)
    if len(parameters) != 2:
        raise ValueError(f"{name} answers questions, so it takes self and the input")
    return get_type_hints(method).get(parameters[1], Any)


def _read(text: str, kind: Any) -> Any:
    try:
        return typed(from_text(text), kind, "")
    except Misfit as misfit:
        raise Err(misfit.of("the input")) from None
    except ValueError as fault:
        raise Err(f"the input is no JSON: {fault}") from None


def _written(given: Any) -> Any:
    answer = given if isinstance(given, Answer) else Answer(given)
    if _made is None:  # in the plugin's own tests
        return answer
    output = answer.output
    if is_dataclass(output) and not isinstance(output, type):
        output = asdict(output)
    return _made(to_text(output), answer.units, answer.confidence, answer.cacheable)
