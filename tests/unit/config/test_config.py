"""Configuration: layers, lookups, schemas."""

from __future__ import annotations

import resource
import socket
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


@pytest.mark.quiet
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


def _deep(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object"}
    for _ in range(levels):
        schema = {"not": schema}
    return schema


def _chained(references: int, levels: int) -> dict[str, Any]:
    """References that each lead to one further down, so that together they are deep."""
    steps: dict[str, Any] = {f"d{references}": {"type": "object"}}
    for number in range(references):
        step: dict[str, Any] = {"$ref": f"#/$defs/d{number + 1}"}
        for _ in range(levels):
            step = {"not": step}
        steps[f"d{number}"] = step
    return {"$defs": steps, "$ref": "#/$defs/d0"}


def _long_texts() -> dict[str, Any]:
    """One long text that each of many errors would repeat."""
    return {
        "$defs": {"a": {"enum": ["a" * 60_000]}},
        "properties": {"a": {"anyOf": [{"$ref": "#/$defs/a"}] * 500}},
    }


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
        ({"$ref": "#name"}, "outside"),
        ({"$defs": {"a b": {}, "a%20b": {}}, "$ref": "#/$defs/a%20b"}, "outside"),
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, "2020-12"),
        ({"pattern": "a{1,100000}"}, "repeats"),
        ({"pattern": "a{100000,}"}, "repeats"),
        ({"patternProperties": {"(a{1,9999}){1,9999}": {}}}, "repeats"),
        ({"pattern": r"^(?!a)b$"}, "regex"),
        ({"pattern": r"^(a+)\1$"}, "regex"),
        ({"patternProperties": {"(?<=a)b": {}}}, "regex"),
        ({"propertyNames": {"pattern": "(?=a)"}}, "regex"),
        ({"pattern": r"\p{L}{1000}"}, "regex"),
        (_deep(200), "nested deeper"),
        (_chained(31, 60), "nested deeper"),
        (_long_texts(), "nodes"),
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


@pytest.mark.parametrize(
    ("schema", "path"),
    [
        ({"properties": {"a": {"pattern": "a{9999}"}}}, "config_schema.properties.a.pattern"),
        ({"allOf": [{}, {"$ref": "#/x"}]}, "config_schema.allOf[1].$ref"),
        ({"properties": {"a": {"$id": "x"}}}, "config_schema.properties.a.$id"),
        ({"patternProperties": {"a{9999}": {}}}, "config_schema.patternProperties.a{9999}"),
        ({"properties": {"a": {"type": "text"}}}, "config_schema.properties.a.type"),
    ],
)
def test_a_schema_is_refused_with_the_path_of_what_is_wrong_in_it(
    schema: dict[str, Any], path: str
) -> None:
    with pytest.raises(InvalidManifest) as caught:
        ConfigSchema(schema)

    assert caught.value.path == path


def test_a_path_of_long_names_is_shortened() -> None:
    schema: dict[str, Any] = {"pattern": "a{9999}"}
    for _ in range(30):
        schema = {"properties": {"n" * 250: schema}}

    with pytest.raises(InvalidManifest) as caught:
        ConfigSchema(schema)

    assert len(caught.value.path or "") == 500


CATASTROPHIC = ["^(a+)+$", "^(a|a)*$", "^(a|aa)+$", "^(.*a){20}$", "(x+x+)+y", r"^(\w+\s?)*$"]


@pytest.mark.parametrize("pattern", CATASTROPHIC)
@pytest.mark.parametrize("keyword", ["pattern", "patternProperties", "propertyNames"])
def test_a_pattern_that_backtracking_would_never_finish_gives_its_answer(
    pattern: str, keyword: str
) -> None:
    """On a backtracking engine none of these would end, or it would give up with an error."""
    text = "a" * 30_000 + "!"
    schemas: dict[str, dict[str, Any]] = {
        "pattern": {"properties": {"v": {"pattern": pattern}}},
        "patternProperties": {"patternProperties": {pattern: False}},
        "propertyNames": {"propertyNames": {"pattern": pattern}},
    }
    schema = ConfigSchema(schemas[keyword])
    values = {"v": text} if keyword == "pattern" else {text: 1}

    if keyword == "patternProperties":
        schema.check(values)
    else:
        with pytest.raises(InvalidArguments, match="does not match"):
            schema.check(values)


def test_nothing_is_fetched_for_a_schema() -> None:
    """Neither for a reference nor for a dialect nor for the schema of a content."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/schema"
        for schema in (
            {"$ref": address},
            {"$schema": address},
            {"$id": address, "$ref": "other"},
            {"properties": {"a": {"$dynamicRef": address}}},
            {"dependentSchemas": {"a": {"allOf": [{"$ref": f"{address}#/$defs/a"}]}}},
            {"contentMediaType": "application/json", "contentSchema": {"$ref": address}},
        ):
            with pytest.raises(InvalidManifest):
                ConfigSchema(schema)
        with pytest.raises(BlockingIOError):
            server.accept()


def test_a_format_is_a_remark_and_no_check() -> None:
    ConfigSchema({"properties": {"a": {"format": "regex"}}}).check({"a": "("})


ALTERNATIVES = ConfigSchema(
    {"properties": {"x": {"items": {"anyOf": [{"const": number} for number in range(2_000)]}}}}
)


@pytest.mark.parametrize("values", [{"x": [-1] * 2_000}, {"x": ["a" * 60_000]}])
def test_to_say_where_a_large_value_fails_takes_no_memory(values: dict[str, Any]) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    with pytest.raises(InvalidArguments, match="too large to say where") as refused:
        ALTERNATIVES.check(values)
    with pytest.raises(InvalidManifest, match="too large to say where"):
        ALTERNATIVES.check_defaults(values)

    assert refused.value.path is None
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024


def test_a_small_value_of_a_large_schema_is_told_where_it_fails() -> None:
    ALTERNATIVES.check({"x": [0, 1_999]})
    with pytest.raises(InvalidArguments) as caught:
        ALTERNATIVES.check({"x": [0, -1]})

    assert caught.value.path == "x[1]"


def test_every_default_that_does_not_fit_is_told() -> None:
    with pytest.raises(InvalidManifest) as caught:
        ConfigSchema(SCHEMA).check_defaults({"url": 1, "limits": {"daily": 0}, "other": 1})

    assert sorted(fault.path or "" for fault in caught.value.faults) == [
        "default_config",
        "default_config.limits.daily",
        "default_config.url",
    ]
