"""Example arguments, from a function's schema: something to begin with, which the host takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from wardian.errors import InvalidArguments
from wardian.plugins.askable import AGENTS
from wardian.plugins.manifest import Manifest
from wardian.sandbox.description import FunctionDescription

Schema = Mapping[str, Any]

_HOSTS_OWN = "wardian:plugin/"


def function_to_try(functions: Mapping[str, FunctionDescription]) -> FunctionDescription | None:
    """Return the first function of the author's own: none that the host calls by itself."""
    return next((each for name, each in functions.items() if not name.startswith(_HOSTS_OWN)), None)


def short_name(name: str, functions: Mapping[str, FunctionDescription]) -> str:
    """Return a function's bare name where that is enough, else its full name."""
    bare = name.rpartition("#")[2]
    bears = [each for each in functions if each.rpartition("#")[2] == bare]
    return bare if len(bears) == 1 else name


def question_to_try(manifest: Manifest) -> dict[str, Any] | None:
    """Return a question that an agent can be asked, which is its probe's if it has one; None of
    what is no agent."""
    if manifest.category != AGENTS or not manifest.capabilities:
        return None
    probe = None if manifest.agent is None else manifest.agent.probe
    if probe is not None:
        return {"capability": probe.capability, "input": msgspec.json.decode(probe.input)}
    return {"capability": manifest.capabilities[0].partition("@")[0], "input": {}}


class AskedQuestion(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A question for an agent, as `POST /api/v1/agents/ask` takes it."""

    capability: str
    input: Any
    criteria: dict[str, Any] = {}


def question_wanted(arguments: Mapping[str, Any], otherwise: Mapping[str, Any]) -> AskedQuestion:
    """Return what an agent is to be asked, from the arguments that its `ask` is called with.

    They are those of the function, whose `input` is JSON as text, or what
    `POST /api/v1/agents/ask` takes; none at all is ``otherwise``.

    Raises:
        InvalidArguments: they are neither.
    """
    if not arguments:
        return msgspec.convert(otherwise, AskedQuestion)
    try:
        if "question" not in arguments:
            return msgspec.convert(arguments, AskedQuestion)
        found = msgspec.convert(arguments["question"], _FunctionsQuestion)
        return AskedQuestion(capability=found.capability, input=msgspec.json.decode(found.input))
    except msgspec.MsgspecError as error:
        raise InvalidArguments(
            f"{error}. Say --args '{msgspec.json.encode(otherwise).decode()}', or leave it out."
        ) from error


class _FunctionsQuestion(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    capability: str
    input: str


def example(schema: Schema) -> Any:
    """Return a value that fits a schema of those that WIT types have.

    Options are left out or null, lists have one element, numbers are as near to 1 as they may be.
    """
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    for choice in ("oneOf", "anyOf"):
        if choice in schema:
            return _choice(schema[choice])
    return _EXAMPLES[schema["type"]](schema)


def _choice(schemas: list[Schema]) -> Any:
    if {"type": "null"} in schemas:
        return None
    return example(schemas[0])


def _object(schema: Schema) -> dict[str, Any]:
    return {name: example(schema["properties"][name]) for name in schema.get("required", ())}


def _array(schema: Schema) -> list[Any]:
    if "prefixItems" in schema:
        return [example(each) for each in schema["prefixItems"]]
    return [example(schema["items"])]


def _text(schema: Schema) -> str:
    if schema.get("contentEncoding") == "base64":
        return "aGVsbG8="
    return "a" if schema.get("maxLength") == 1 else "hello"


_EXAMPLES: dict[str, Callable[[Schema], Any]] = {
    "object": _object,
    "array": _array,
    "string": _text,
    "integer": lambda _: 1,
    "number": lambda _: 1.5,
    "boolean": lambda _: True,
    "null": lambda _: None,
}
