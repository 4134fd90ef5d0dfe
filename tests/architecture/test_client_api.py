"""The client and the API's description say the same: every route, parameter, body and answer."""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

import jsonschema_rs
import msgspec
import pytest

from wardian.api.app import create_app
from wardian.api.openapi import static_document
from wardian.api.problems import known_problems
from wardian.client.answers import error_types
from wardian.client.api import Api, NamedPlugin
from wardian.client.binding import Method, Noun, Stream
from wardian.client.exchange import named as identified
from wardian.client.models import (
    AgentBounds,
    AgentCriteria,
    AgentPrice,
    AgentRule,
    BatchCall,
    Problem,
    Tenant,
)
from wardian.client.models.pages import Tagged
from wardian.client.operations import Operation
from wardian.client.options import Options
from wardian.settings import Settings

ROOT = Path(__file__).parents[2]

ELSEWHERE = {
    (method, "/api/v1/plugins/{name}/api/{path}"): "`request`: these are the plugin's own words"
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE")
} | {
    ("POST", "/api/v1/agents/ask"): "`agents.ask` asks version 2: the same, with more of usage",
}
"""Routes that the client has no method for, and why."""

Json = dict[str, Any]


class Nowhere:
    """What nouns are made with where nothing is sent."""


API = Api(Nowhere())  # type: ignore[type-var]


@cache
def document() -> Json:
    return static_document(create_app(Settings(data_dir=Path("unused"))))


@cache
def routes() -> dict[tuple[str, str], Json]:
    return {
        (method.upper(), path): operation
        for path, item in document()["paths"].items()
        for method, operation in item.items()
    }


def nouns() -> Iterator[tuple[str, Noun[Any]]]:
    yield "", API
    yield "plugin(…)", NamedPlugin(Nowhere(), "p")  # type: ignore[type-var]
    for name, noun in vars(API).items():
        if isinstance(noun, Noun):
            yield name, noun


def methods() -> dict[str, tuple[Noun[Any], Method[Any, Any] | Stream[Any, Any]]]:
    """Every method of the client by its name, such as ``plugins.get``."""
    return {
        f"{noun_name}.{name}".removeprefix("."): (noun, method)
        for noun_name, noun in nouns()
        for name, method in inspect.getmembers(type(noun))
        if isinstance(method, Method | Stream)
    }


METHODS = methods()


EXAMPLES: dict[Any, Any] = {
    int: 7,
    float: 0.5,
    bool: True,
    str: "x",
    bytes: b"{}",
    Any: "any",
    datetime: datetime(2030, 1, 2, tzinfo=UTC),
    AgentBounds: AgentBounds(units=1),
    AgentCriteria: AgentCriteria(ceilings={"cost": 1.0}, weights={"quality": 2.0}, hedge=True),
    AgentPrice: AgentPrice(per_call=1.0, per_unit=0.0),
    AgentRule: AgentRule(name="r", strategy="cheapest"),
    BatchCall: BatchCall("p", "f", {"a": 1}, {"wall_seconds": 1.0}),
}


def example(kind: Any) -> Any:
    """A value of a type that an argument has."""
    if kind in EXAMPLES:
        return EXAMPLES[kind]
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Literal:
        return inner[0]
    if origin in (Union, UnionType):
        # A file is given as bytes here, and one of several types as the last.
        given = [each for each in inner if each is not type(None)]
        return example(bytes if bytes in given else given[-1])
    if origin is tuple:
        return tuple(map(example, inner))
    if issubclass(origin, Mapping):
        return {"k": example(inner[1])}
    return [example(inner[0])]


def arguments_of(build: Any) -> tuple[list[Any], dict[str, Any]]:
    """Arguments that say everything that a method can say."""
    hints = typing.get_type_hints(build)
    positional: list[Any] = []
    named: dict[str, Any] = {}
    for parameter in list(inspect.signature(build).parameters.values())[1:]:
        kind = hints[parameter.name]
        if parameter.kind is parameter.VAR_KEYWORD:
            terms = get_args(kind)
            named |= (
                {name: example(each) for name, each in typing.get_type_hints(terms[0]).items()}
                if terms
                else {"k": "v"}
            )
        elif parameter.kind is parameter.POSITIONAL_ONLY:
            positional.append(example(kind))
        elif parameter.name != "progress":
            named[parameter.name] = example(kind)
    return positional, named


def asked(name: str, **other: Any) -> Operation[Any]:
    """What a method asks for when it is told everything."""
    noun, method = METHODS[name]
    positional, named = arguments_of(method.build)
    built = method.build(noun, *positional, **{**named, **other})
    return built if isinstance(built, Operation) else built.request


def route_of(operation: Operation[Any]) -> tuple[str, str]:
    """The route that takes an operation: of those that fit, the one with the fewest places."""
    fitting = [
        (method, path)
        for method, path in routes()
        if method == operation.method
        and re.fullmatch(re.sub(r"\\{[^}]*\\}", "[^/]+", re.escape(path)), operation.path)
    ]
    assert fitting, f"the API has no {operation.method} {operation.path}"
    return min(fitting, key=lambda route: route[1].count("{"))


WITHOUT_DESCRIPTION = {"openapi", "request"}
"""The description does not describe itself, and `request` is for what has no method."""

DESCRIBED = sorted(set(METHODS) - WITHOUT_DESCRIPTION)


def routes_of(name: str) -> set[tuple[str, str]]:
    found = {route_of(asked(name))}
    if name.startswith("config.") and name != "config.reload":
        found.add(route_of(asked(name, plugin=None)))
    return found


def test_every_route_has_a_method() -> None:
    reached = {route for name in DESCRIBED for route in routes_of(name)}
    assert set(routes()) - reached == set(ELSEWHERE)


def parameters(route: tuple[str, str], place: str) -> set[str]:
    shared = document()["components"]["parameters"]
    described = [
        shared[each["$ref"].rpartition("/")[2]] if "$ref" in each else each
        for each in routes()[route].get("parameters", [])
    ]
    return {each["name"].lower() for each in described if each["in"] == place}


ALWAYS_SAID = {
    "plugins.upgrade": {"dry_run"},
    "events.stream": {"after"},
    "rows.put": {"if-none-match"},
}
"""What a method says by being this method, by ``Last-Event-ID``, or by the version 0."""


@pytest.mark.parametrize("name", DESCRIBED)
def test_a_method_can_say_every_parameter_of_its_route_and_no_other(name: str) -> None:
    # Which every change can have, whatever method it is asked for by.
    operation = identified(asked(name), Options(idempotency_key="k"))
    route = route_of(operation)
    said = {key.lower() for key, _ in operation.query}
    wanted = parameters(route, "query")
    assert said | (ALWAYS_SAID.get(name, set()) & wanted) == wanted
    own = {"content-type", "content-length", "last-event-id", "accept"}
    headers = {key.lower() for key in operation.headers} - own
    wanted = parameters(route, "header")
    assert headers | (ALWAYS_SAID.get(name, set()) & wanted) == wanted


@pytest.mark.parametrize("name", DESCRIBED)
def test_a_method_s_body_has_what_its_route_takes(name: str) -> None:
    operation = asked(name)
    described = routes()[route_of(operation)].get("requestBody", {}).get("content", {})
    kind = operation.headers.get("Content-Type", "").partition(";")[0]
    assert (kind in described) if described else not kind
    if not isinstance(operation.body, bytes):
        return
    schema = described["application/json"]["schema"]
    body = msgspec.json.decode(operation.body)
    jsonschema_rs.validator_for({**schema, "components": document()["components"]}).validate(body)
    if "$ref" in schema and name not in NOT_ALL_AT_ONCE:
        members = component(schema)["properties"]
        assert set(body) == set(members)


NOT_ALL_AT_ONCE = {
    "plugin(…).call": "limits are of Client.call",
    "kv.clear": "of a member that has another name",
}


def component(schema: Json) -> Json:
    while "$ref" in schema:
        found: Json = document()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        schema = found
    return schema


STATUS = {"jobs.submit": "202"}
"""Of which success a method reads the answer, where there are several."""

ANSWERED = [name for name in DESCRIBED if isinstance(METHODS[name][1], Method)]


@pytest.mark.parametrize("name", ANSWERED)
def test_a_method_reads_what_its_route_answers(name: str) -> None:
    operation = asked(name)
    responses = routes()[route_of(operation)]["responses"]
    described = next(
        (
            content["schema"]
            for status, response in responses.items()
            for media_type, content in response.get("content", {}).items()
            if status.startswith(STATUS.get(name, "2"))
            and media_type.endswith("json")
            and content["schema"]
        ),
        None,
    )
    kind = operation.reads.kind
    if kind is None or described in (None, {}):
        assert kind is None or operation.path in {"/healthz", "/readyz"} or kind is Any, name
        return
    if "anyOf" in described and name in {"plugins.upgrade", "plugins.upgrade_report"}:
        described = described["anyOf"][name == "plugins.upgrade_report"]
    assert_reads(kind, described, name)


def test_problems_are_read_as_the_description_has_them() -> None:
    assert_reads(Problem, {"$ref": "#/components/schemas/Problem"}, "Problem")


def assert_reads(kind: Any, described: Json, where: str) -> None:
    """Fail unless a type of the client's reads everything that a schema allows."""
    (schema,), own = msgspec.json.schema_components([kind], ref_template="#/own/{name}")
    seen: set[tuple[str, str]] = set()
    _compare(schema, described, own, where, seen)


def _compare(mine: Json, theirs: Json, own: Json, where: str, seen: set[tuple[str, str]]) -> None:
    pair = (repr(mine), repr(theirs))
    if pair in seen:
        return
    seen.add(pair)
    if "$ref" in mine:
        mine = own[mine["$ref"].removeprefix("#/own/")]
    theirs = component(theirs)
    if set(mine) <= {"description", "default"}:
        return  # anything
    assert _types(mine, own) == _types(theirs, own), where
    _compare_choices(mine, theirs, own, where, seen)
    if "properties" in mine:
        _compare_members(mine, theirs, own, where, seen)
    for part in ("items", "additionalProperties"):
        if isinstance(theirs.get(part), dict) and isinstance(mine.get(part), dict):
            _compare(mine[part], theirs[part], own, f"{where}[]", seen)


def _compare_members(
    mine: Json, theirs: Json, own: Json, where: str, seen: set[tuple[str, str]]
) -> None:
    members = theirs["properties"]
    beside = LATER.get(where, set()) | set(Tagged.__struct_fields__)
    assert set(mine["properties"]) - (beside - set(members)) == set(members), where
    # What the client needs is always there; it may do without more than it has to.
    assert set(mine.get("required", [])) <= set(theirs.get("required", [])), where
    for name, member in mine["properties"].items():
        if name in members:
            _compare(member, members[name], own, f"{where}.{name}", seen)


LATER = {"Problem": {"retry_after_seconds"}}
"""Members that the description does not have, and the host sends; and what its headers say."""


def _compare_choices(
    mine: Json, theirs: Json, own: Json, where: str, seen: set[tuple[str, str]]
) -> None:
    ours, others = (
        [each for each in side.get("anyOf", []) if each.get("type") != "null"]
        for side in (mine, theirs)
    )
    if len(ours) == len(others) == 1:
        _compare(ours[0], others[0], own, where, seen)


def _types(schema: Json, own: Json) -> set[str]:
    """The JSON types of a schema; ``null`` left out, which a client may allow beyond the host."""
    if "$ref" in schema:
        place, _, name = schema["$ref"].rpartition("/")
        schema = own[name] if place == "#/own" else component(schema)
    if "anyOf" in schema:
        return set().union(*(_types(each, own) for each in schema["anyOf"])) - {"null"}
    if "enum" in schema:
        return {"string"}
    return {schema.get("type", "any")} - {"null"}


def test_every_type_of_problem_has_a_class_of_its_own() -> None:
    # The client is ahead of its host, or behind, wherever the two are not of one version.
    assert set(error_types()) >= set(known_problems())
    for kind, raised in error_types().items():
        assert raised.__doc__, kind


@pytest.mark.parametrize("name", sorted(METHODS))
def test_every_method_says_what_it_does(name: str) -> None:
    assert (METHODS[name][1].__doc__ or "").endswith((".", ".\n        ")), name


DRIFTED = {
    "a member too many": {"type": "object", "properties": {"name": {"type": "string"}}},
    "a member less": {
        "type": "object",
        "properties": {each: {"type": "string"} for each in ("name", "created_at", "more")},
        "required": ["name", "created_at"],
    },
    "another type": {
        "type": "object",
        "properties": {"name": {"type": "integer"}, "created_at": {"type": "string"}},
        "required": ["name", "created_at"],
    },
    "not always there": {
        "type": "object",
        "properties": {each: {"type": "string"} for each in ("name", "created_at")},
        "required": ["name"],
    },
}


@pytest.mark.parametrize("drift", DRIFTED)
def test_a_shape_that_drifted_is_noticed(drift: str) -> None:
    with pytest.raises(AssertionError):
        assert_reads(Tenant, DRIFTED[drift], "Tenant")
