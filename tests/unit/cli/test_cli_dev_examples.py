"""Example arguments are ones that the function takes."""

from __future__ import annotations

import jsonschema_rs
import pytest

from wardian.cli.dev.examples import example, function_to_try, question_to_try, short_name
from wardian.plugins.manifest import parse_manifest
from wardian.sandbox.description import FunctionDescription
from wardian.sandbox.schema import parameters_schema
from wardian.sandbox.signatures import parse_signature

SIGNATURES = {
    "func()": {},
    "func(name: string, count: u8, big: u64)": {"name": "hello", "count": 1, "big": 1},
    "func(on: bool, ratio: f64, letter: char)": {"on": True, "ratio": 1.5, "letter": "a"},
    "func(maybe: option<string>)": {},
    "func(rows: list<record{id: s32, note: option<string>}>)": {"rows": [{"id": 1}]},
    "func(content: list<u8>)": {"content": "aGVsbG8="},
    "func(pair: tuple<string, bool>)": {"pair": ["hello", True]},
    "func(colour: enum{red, green})": {"colour": "red"},
    "func(rights: flags{read, write})": {"rights": ["read"]},
    "func(shape: variant{point, circle: f32})": {"shape": {"tag": "point"}},
    "func(deep: list<option<string>>)": {"deep": [None]},
    "func(done: result<u8, string>)": {"done": {"tag": "ok", "val": 1}},
}


@pytest.mark.parametrize("signature", SIGNATURES)
def test_an_example_fits_the_schema_that_it_was_made_from(signature: str) -> None:
    schema = parameters_schema(parse_signature(signature))

    made = example(schema)

    assert made == SIGNATURES[signature]
    jsonschema_rs.validate(schema, made)


def functions(*names: str) -> dict[str, FunctionDescription]:
    return {
        name: FunctionDescription(name=name, signature="func()", parameters={}, result={})
        for name in names
    }


def test_functions_that_the_host_calls_are_not_suggested() -> None:
    init, greet = "wardian:plugin/lifecycle@1.0.0#init", "acme:hello/greeter#greet"
    found = function_to_try(functions(init, greet))
    assert found is not None
    assert found.name == greet
    assert function_to_try(functions(init)) is None


def test_the_bare_name_is_used_where_there_is_only_one_of_it() -> None:
    known = functions("a:b/c#run", "a:b/d#run", "a:b/d#walk", "jump")
    assert short_name("a:b/d#walk", known) == "walk"
    assert short_name("a:b/d#run", known) == "a:b/d#run"
    assert short_name("jump", known) == "jump"


AGENT = 'name = "a"\nversion = "1.0.0"\ncategory = "ai_agent"\ncapabilities = ["sum-up@2.0.0"]\n'
PROBE = """[agent.probe]\ncapability = "sum-up"\ninput = '{"text": "…"}'\n"""


@pytest.mark.parametrize(
    ("text", "question"),
    [
        (AGENT + PROBE, {"capability": "sum-up", "input": {"text": "…"}}),
        (AGENT, {"capability": "sum-up", "input": {}}),
        (AGENT.replace("ai_agent", "workflow"), None),
    ],
    ids=["probe", "no-probe", "no-agent"],
)
def test_an_agent_is_asked_what_it_is_probed_with(
    text: str, question: dict[str, object] | None
) -> None:
    assert question_to_try(parse_manifest(text.encode())) == question
