"""Every kind of change of an API's document that breaks somebody, and those that do not."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from openapi_breaks import breaks

Json = dict[str, Any]
Change = Callable[[Json], object]

DOCUMENT: Json = {
    "paths": {
        "/things/{id}": {
            "get": {
                "parameters": [
                    {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}},
                    {"name": "limit", "in": "query",
                     "schema": {"type": "integer", "minimum": 1, "maximum": 100}},
                ],
                "responses": {
                    "200": {"content": {"application/json": {
                        "schema": {"$ref": "#/components/schemas/Thing"}}}},
                    "404": {"$ref": "#/components/responses/Problem"},
                },
            },
            "put": {
                "security": [{"bearer": []}],
                "requestBody": {"required": True, "content": {"application/json": {
                    "schema": {"$ref": "#/components/schemas/Wanted"}}}},
                "responses": {"204": {"description": ""}},
            },
            "post": {
                "requestBody": {"content": {"application/zip": {"schema": {"type": "string"}},
                                            "application/json": {"schema": {}}}},
                "responses": {"200": {"content": {"application/json": {"schema": {
                    "type": "array", "items": {"$ref": "#/components/schemas/Thing"}}}}}},
            },
        },
    },
    "components": {
        "responses": {"Problem": {"content": {"application/problem+json": {
            "schema": {"type": "object"}}}}},
        "schemas": {
            "Thing": {
                "type": "object",
                "required": ["name", "size"],
                "properties": {
                    "name": {"type": "string"},
                    "size": {"type": "integer"},
                    "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                    "state": {"enum": ["on", "off"]},
                    "parts": {"type": "array", "items": {"$ref": "#/components/schemas/Thing"}},
                    "tags": {"type": "object", "additionalProperties": {"type": "string"}},
                },
            },
            "Wanted": {
                "type": "object",
                "required": ["name"],
                "additionalProperties": True,
                "properties": {
                    "name": {"type": "string", "maxLength": 10},
                    "mode": {"enum": ["fast", "slow"]},
                    "count": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
                    "weight": {"type": "number"},
                    "limits": {"type": "object", "properties": {"daily": {"type": "integer"}}},
                    "ids": {"type": "array", "items": {"type": "string"}, "minItems": 1},
                },
            },
        },
    },
}  # fmt: skip


def item(document: Json) -> Json:
    found: Json = document["paths"]["/things/{id}"]
    return found


def thing(document: Json) -> Json:
    found: Json = document["components"]["schemas"]["Thing"]
    return found


def wanted(document: Json) -> Json:
    found: Json = document["components"]["schemas"]["Wanted"]
    return found


def of(schema: Callable[[Json], Json], name: str) -> Callable[[Json], Json]:
    def found(document: Json) -> Json:
        value: Json = schema(document)["properties"][name]
        return value

    return found


def put_in(where: Callable[[Json], Json], **values: Any) -> Change:
    return lambda document: where(document).update(values)


def taken(where: Callable[[Json], Any], name: str) -> Change:
    return lambda document: where(document).pop(name)


def parameter(**values: Any) -> Change:
    return lambda document: item(document)["get"]["parameters"].append(values)


def limit(document: Json) -> Json:
    found: Json = item(document)["get"]["parameters"][1]
    return found


def properties(where: Callable[[Json], Json]) -> Callable[[Json], Json]:
    return lambda document: where(document)["properties"]


BREAKING: dict[str, tuple[Change, str]] = {
    "a path": (lambda d: d["paths"].clear(), "GET /things/{id} is gone."),
    "a method": (taken(item, "put"), "PUT /things/{id} is gone."),
    "a parameter": (
        lambda d: item(d)["get"]["parameters"].pop(1), "the query parameter 'limit' is gone.",
    ),
    "a new required parameter": (
        parameter(name="x", **{"in": "query"}, required=True, schema={}),
        "the query parameter 'x' is new, and required.",
    ),
    "a parameter made required": (put_in(limit, required=True), "'limit' is required now."),
    "a parameter with a narrower bound": (
        put_in(lambda d: limit(d)["schema"], maximum=50), "its maximum is 50 now.",
    ),
    "a parameter with a higher bound below": (
        put_in(lambda d: limit(d)["schema"], minimum=2), "its minimum is 2 now.",
    ),
    "a parameter of another type": (
        put_in(lambda d: limit(d)["schema"], type="string"), "was integer, and is string.",
    ),
    "a status": (
        lambda d: item(d)["get"]["responses"].pop("404"), "the answer 404 is gone.",
    ),
    "a kind of answer": (
        lambda d: d["components"]["responses"]["Problem"].update(content={}),
        "the answer 404 is not application/problem+json any more.",
    ),
    "a property that is read": (taken(properties(thing), "note"), "'note' is gone."),
    "a property that is read and may be missing": (
        put_in(thing, required=["name"]), "the property 'size' may be missing now.",
    ),
    "a wider type that is read": (
        put_in(of(thing, "name"), type=["string", "null"]), "null may be read now.",
    ),
    "a number where an integer was read": (
        put_in(of(thing, "size"), type="number"), "was integer, and is number.",
    ),
    "any value where a text was read": (taken(of(thing, "name"), "type"), "is any value."),
    "a word that is read": (put_in(of(thing, "state"), enum=["on"]), "'off' is gone."),
    "any word where some were read": (
        taken(of(thing, "state"), "enum"), "may be any value now.",
    ),
    "items of another type": (
        put_in(of(thing, "parts"), items={"type": "string"}), "was object, and is string.",
    ),
    "values of another type": (
        put_in(of(thing, "tags"), additionalProperties={"type": "integer"}),
        "was string, and is integer.",
    ),
    "a format that is read": (put_in(of(thing, "name"), format="uri"), "its format was None"),
    "a body": (lambda d: item(d)["put"].pop("requestBody"), "the body is gone."),
    "a body made required": (
        lambda d: item(d)["post"]["requestBody"].update(required=True),
        "POST /things/{id}: the body is required now.",
    ),
    "a kind of body": (
        lambda d: item(d)["post"]["requestBody"]["content"].pop("application/zip"),
        "the body is not application/zip any more.",
    ),
    "a property that is sent": (taken(properties(wanted), "mode"), "'mode' is gone."),
    "a property that must be sent": (
        put_in(wanted, required=["name", "mode"]), "'mode' is required now.",
    ),
    "a new property that must be sent": (
        lambda d: (
            wanted(d)["properties"].update(new={}), wanted(d)["required"].append("new"),
        ),
        "the property 'new' is required now.",
    ),
    "a narrower type that is sent": (
        put_in(wanted, properties={**DOCUMENT["components"]["schemas"]["Wanted"]["properties"],
                                   "count": {"type": "integer"}}),
        "null is not taken any more.",
    ),
    "an integer where a number was sent": (
        put_in(of(wanted, "weight"), type="integer"), "was number, and is integer.",
    ),
    "a word that is sent": (put_in(of(wanted, "mode"), enum=["fast"]), "'slow' is gone."),
    "only some words where any was sent": (
        put_in(of(wanted, "name"), enum=["a"]), "takes only 'a' now.",
    ),
    "a shorter text": (put_in(of(wanted, "name"), maxLength=9), "its maxLength is 9 now."),
    "a new bound": (put_in(of(wanted, "ids"), maxItems=5), "its maxItems is 5 now."),
    "a longer list": (put_in(of(wanted, "ids"), minItems=2), "its minItems is 2 now."),
    "items that must differ": (put_in(of(wanted, "ids"), uniqueItems=True), "must differ now."),
    "a pattern": (put_in(of(wanted, "name"), pattern="^a"), "its pattern was None"),
    "no further properties": (
        put_in(wanted, additionalProperties=False), "takes no further properties now.",
    ),
    "a property within a property": (
        put_in(of(wanted, "limits"), properties={}), ".limits: the property 'daily' is gone.",
    ),
    "a key": (
        lambda d: item(d)["get"].update(security=[{"bearer": []}]), "GET /things/{id} takes a key",
    ),
}  # fmt: skip

HARMLESS: dict[str, Change] = {
    "nothing": lambda d: None,
    "a new path": lambda d: d["paths"].update({"/new": {"get": {"responses": {}}}}),
    "a new method": lambda d: item(d).update(delete={"responses": {}}),
    "a new parameter": parameter(name="x", **{"in": "query"}, schema={}),
    "a parameter made optional": lambda d: item(d)["get"]["parameters"][0].pop("required"),
    "a wider bound": put_in(lambda d: limit(d)["schema"], maximum=1_000),
    "a bound less": lambda d: limit(d)["schema"].pop("minimum"),
    "a new status": lambda d: item(d)["get"]["responses"].update({"304": {}}),
    "a new property that is read": lambda d: thing(d)["properties"].update(x={}),
    "a property that is always there now": put_in(thing, required=["name", "size", "note"]),
    "a narrower type that is read": lambda d: thing(d)["properties"].update(
        note={"type": "string"}
    ),
    "a new word that is read": put_in(of(thing, "state"), enum=["on", "off", "resting"]),
    "a new property that may be sent": lambda d: wanted(d)["properties"].update(x={}),
    "a property that need not be sent": put_in(wanted, required=[]),
    "a new word that is sent": put_in(of(wanted, "mode"), enum=["fast", "slow", "none"]),
    "a wider type that is sent": put_in(of(wanted, "name"), type=["string", "integer"]),
    "a number where an integer was sent": put_in(
        lambda d: of(wanted, "limits")(d)["properties"]["daily"], type="number"
    ),
    "a pattern less": lambda d: of(wanted, "name")(d).pop("maxLength"),
    "a body that may be left out": lambda d: item(d)["put"]["requestBody"].pop("required"),
    "prose": put_in(thing, description="Something else.", title="Other"),
    "no key": lambda d: item(d)["put"].pop("security"),
}


@pytest.mark.parametrize("name", BREAKING)
def test_what_breaks_somebody_is_told(name: str) -> None:
    change, sentence = BREAKING[name]
    new = deepcopy(DOCUMENT)
    change(new)
    found = breaks(DOCUMENT, new)
    assert any(sentence in each for each in found), found


@pytest.mark.parametrize("name", HARMLESS)
def test_what_breaks_nobody_is_not_told(name: str) -> None:
    new = deepcopy(DOCUMENT)
    HARMLESS[name](new)
    assert breaks(DOCUMENT, new) == []


def test_a_schema_that_has_another_name_now_is_the_same() -> None:
    new = deepcopy(DOCUMENT)
    schemas = new["components"]["schemas"]
    schemas["Other"] = schemas.pop("Wanted")
    body = item(new)["put"]["requestBody"]["content"]["application/json"]
    body["schema"] = {"$ref": "#/components/schemas/Other"}
    assert breaks(DOCUMENT, new) == []
