"""Configuration: layers, lookups, schemas."""

from __future__ import annotations

import time
from typing import Any

import pytest

from wardian.config import MAX_CONFIG_BYTES, ConfigSchema, check_values, lookup, overlaid
from wardian.errors import InvalidArguments, InvalidManifest, NotFound

SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["url"],
    "properties": {
        "url": {"type": "string"},
        "limits": {"type": "object", "properties": {"daily": {"type": "integer", "minimum": 1}}},
        "names": {"type": "array", "items": {"type": "string", "pattern": "^(a+)+$"}},
    },
}


def test_objects_merge_and_everything_else_replaces() -> None:
    defaults = {"a": {"x": 1, "y": [1, 2]}, "b": 1, "c": {"z": 1}}

    merged = overlaid(defaults, {"a": {"y": [3]}, "b": {"new": 1}, "c": None})

    assert merged == {"a": {"x": 1, "y": [3]}, "b": {"new": 1}, "c": None}
    assert defaults["a"] == {"x": 1, "y": [1, 2]}


def test_a_key_goes_into_objects_with_dots_and_a_dotted_name_wins() -> None:
    values = {"limits": {"daily": 5}, "a.b": 1, "a": {"b": 2}, "none": None}

    assert lookup(values, "limits.daily") == 5
    assert lookup(values, "a.b") == 1
    assert lookup(values, "none") is None


@pytest.mark.parametrize("key", ["", "x", "limits.weekly", "limits.daily.x", ".", "limits."])
def test_a_key_that_leads_nowhere_is_not_found(key: str) -> None:
    with pytest.raises(NotFound):
        lookup({"limits": {"daily": 5}}, key)


@pytest.mark.parametrize(
    "values", [{"a": float("inf")}, {"a": object()}, {"a": "x" * MAX_CONFIG_BYTES}, {1: 2}]
)
def test_what_is_no_bounded_json_object_is_refused(values: Any) -> None:
    with pytest.raises(InvalidArguments):
        check_values(values)


@pytest.mark.parametrize(
    ("values", "path"),
    [
        ({"url": 1}, "url"),
        ({"url": "x", "limits": {"daily": 0}}, "limits.daily"),
        ({"url": "x", "names": ["a", 2]}, "names[1]"),
        ({"url": "x", "other": 1}, None),
        ({}, None),
    ],
)
def test_a_configuration_that_does_not_fit_is_refused_with_the_path(
    values: dict[str, Any], path: str | None
) -> None:
    with pytest.raises(InvalidArguments) as caught:
        ConfigSchema(SCHEMA).check(values)

    assert caught.value.path == path


def test_defaults_may_leave_what_is_required_to_the_operator() -> None:
    schema = ConfigSchema(SCHEMA)

    schema.check_defaults({"limits": {"daily": 1}})
    with pytest.raises(InvalidManifest) as caught:
        schema.check_defaults({"limits": {"daily": "many"}})
    assert caught.value.path == "default_config.limits.daily"


def test_a_catastrophic_pattern_takes_linear_time() -> None:
    started = time.perf_counter()

    with pytest.raises(InvalidArguments):
        ConfigSchema(SCHEMA).check({"url": "x", "names": ["a" * 20_000 + "!"]})

    assert time.perf_counter() - started < 1.0


def _doubling(levels: int) -> dict[str, Any]:
    steps = {
        f"d{level}": {"allOf": [{"$ref": f"#/$defs/d{level + 1}"}] * 2} for level in range(levels)
    }
    return {"$defs": {**steps, f"d{levels}": {"type": "object"}}, "$ref": "#/$defs/d0"}


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ({"type": 5}, "JSON Schema"),
        ({"properties": {"a": {"pattern": "("}}}, "JSON Schema"),
        ({"pattern": "a{1000}{1000}{1000}"}, "repeats"),
        ({"pattern": "(a{1,200}){1,30}N"}, "repeats"),
        ({"pattern": "(?x)(a{40} ) {40}"}, "repeats"),
        ({"pattern": "a{40}?{40}"}, "repeats"),
        ({"pattern": "a{,1001}"}, "repeats"),
        ({"patternProperties": {"((a{11}){11}){11}": {}}}, "repeats"),
        ({"items": [{"properties": {"a": {"pattern": "a{1001}"}}}]}, "repeats"),
        ({"pattern": "a" * 257}, "longer than 256"),
        ({"anyOf": [{"pattern": "a"}] * 33}, "more than 32 patterns"),
        ({"patternProperties": {str(number): {} for number in range(33)}}, "more than 32 patterns"),
        ({"anyOf": [{"pattern": "a" * 200}] * 30}, "together"),
        ({"$ref": "https://example.org/schema"}, "outside"),
        ({"$ref": "file:///etc/passwd"}, "outside"),
        ({"$ref": "#/nowhere"}, "nowhere"),
        ({"$id": "https://example.org"}, "not supported"),
        ({"properties": {"a": {"$dynamicRef": "#x"}}}, "not supported"),
        ({"$defs": {"a": {"items": {"$ref": "#/$defs/a"}}}, "$ref": "#/$defs/a"}, "itself"),
        ({"$ref": "#"}, "itself"),
        (_doubling(30), "nodes"),
        (_doubling(300), "nested deeper"),
    ],
)
def test_a_schema_that_could_harm_the_host_is_refused(schema: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidManifest, match=reason) as caught:
        ConfigSchema(schema)

    assert (caught.value.path or "").startswith("config_schema")


def test_references_within_the_schema_work() -> None:
    schema = ConfigSchema(
        {"$defs": {"p/q": {"type": "integer"}}, "properties": {"a": {"$ref": "#/$defs/p~1q"}}}
    )

    schema.check({"a": 1})
    with pytest.raises(InvalidArguments):
        schema.check({"a": "x"})


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (
            "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
            "123e4567-e89b-12d3-a456-426614174000",
        ),
        (r"^(\d{1,3}\.){3}\d{1,3}$", "127.0.0.1"),
        (r"^\w{1,100}$", "word"),
        ("^[a-z]{2,}(-[A-Z]{2})?$", "de-CH"),
    ],
)
def test_patterns_of_everyday_are_taken(pattern: str, text: str) -> None:
    schema = ConfigSchema({"properties": {"a": {"pattern": pattern}}})

    schema.check({"a": text})
    with pytest.raises(InvalidArguments):
        schema.check({"a": "?"})
