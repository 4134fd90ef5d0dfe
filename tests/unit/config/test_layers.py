"""Layers, paths, and what a schema calls a secret."""

from __future__ import annotations

from typing import Any

import pytest

from wardian.config.layers import configured, declared
from wardian.config.paths import NOTHING, changed, same, value_at, with_value, without
from wardian.config.secrets import HIDDEN, secret_faults, suspicious, without_secrets
from wardian.errors import InvalidArguments, NotFound
from wardian.policy.layers import Documents, Environment

PRODUCTION = Environment.PRODUCTION


def test_later_layers_lie_over_earlier_ones_and_within_one_the_plugin_over_the_tenant() -> None:
    schema = {"properties": {name: {} for name in "abcdefgh"}}
    all_of_it = [
        ("environment:production", 0),
        ("environment:production", 1),
        ("environment:production", 2),
        ("environment:production", 3),
        ("user", 1),
        ("user", 3),
        ("runtime", 1),
        ("runtime", 3),
    ]
    documents: list[dict[str, Any]] = [{}, {}, {}, {}]
    for rank, (slot, place) in enumerate(all_of_it):
        documents[place][slot] = dict.fromkeys("abcdefgh"[rank:], rank)
    first, second, third, fourth = documents

    found = configured((first, second, third, fourth), PRODUCTION, schema)

    assert found == {name: rank for rank, name in enumerate("abcdefgh")}


def test_another_environment_s_values_are_not_there() -> None:
    documents: Documents = ({}, {}, {}, {"environment:staging": {"a": 1}, "user": {"b": 2}})

    assert configured(documents, PRODUCTION, None) == {"b": 2}
    assert configured(documents, Environment.STAGING, None) == {"a": 1, "b": 2}


def test_tenant_wide_values_reach_whoever_declares_their_name() -> None:
    documents: Documents = ({}, {"user": {"a": {"x": 1}, "b": 2}}, {}, {"user": {"a": {"y": 3}}})

    assert configured(documents, PRODUCTION, None) == {"a": {"y": 3}}
    assert configured(documents, PRODUCTION, {"properties": {"a": {}}}) == {"a": {"x": 1, "y": 3}}
    assert configured(documents, PRODUCTION, {"patternProperties": {".": {}}}) == {"a": {"y": 3}}


def test_a_name_is_declared_by_reference_and_in_some_case_only_too() -> None:
    schema = {
        "$ref": "#/$defs/base",
        "properties": {"own": {"properties": {"nested": {}}}},
        "allOf": [{"properties": {"all": {}}}, {"anyOf": [{"properties": {"any": {}}}]}],
        "if": {"properties": {"kind": {}}},
        "then": {"properties": {"then": {}}},
        "dependentSchemas": {"own": {"properties": {"dependent": {}}}},
        "$defs": {"base": {"properties": {"base": {}}, "allOf": [{"$ref": "#/$defs/base"}]}},
    }

    assert declared(schema) == {"own", "all", "any", "kind", "then", "dependent", "base"}


def test_what_changed_is_told_by_path() -> None:
    before = {"a": {"b": 1, "c": 2}, "d": 1, "e": [1], "a.b": 0, "same": {}}
    after = {"a": {"b": {"x": 1}}, "d": True, "e": [1, 2], "a.b": 0, "same": {}}

    assert list(changed(before, after)) == [
        (("a", "b"), 1, NOTHING),
        (("a", "b", "x"), NOTHING, 1),
        (("a", "c"), 2, NOTHING),
        (("d",), 1, True),
        (("e",), [1], [1, 2]),
    ]


def test_true_is_not_one_wherever_it_is() -> None:
    assert not same({"a": [1]}, {"a": [True]})
    assert not same(0, False)
    assert same({"a": [1, {"b": None}]}, {"a": [1, {"b": None}]})


def test_a_value_is_set_and_taken_away_deep_in_objects() -> None:
    settings = {"a": {"b": {"c": 1}}, "d": 2}

    assert with_value(settings, ("a", "b", "x"), None) == {"a": {"b": {"c": 1, "x": None}}, "d": 2}
    assert without(settings, ("a", "b", "c")) == {"d": 2}
    assert without({"a": {"b": 1, "c": 2}}, ("a", "b")) == {"a": {"c": 2}}
    assert settings == {"a": {"b": {"c": 1}}, "d": 2}
    assert value_at(settings, ("d", "e")) == 2
    assert value_at(settings, ("a", "x")) is NOTHING
    with pytest.raises(InvalidArguments, match="no object"):
        with_value(settings, ("d", "e"), 1)
    for path in (("x",), ("a", "x"), ("d", "e")):
        with pytest.raises(NotFound):
            without(settings, path)


CANARY = "hunter2-hunter2"


@pytest.mark.parametrize(
    ("schema", "values", "path"),
    [
        ({"properties": {"a": {"writeOnly": True}}}, {"a": CANARY}, "a"),
        ({"properties": {"a": {"format": "password"}}}, {"a": CANARY}, "a"),
        ({"$ref": "#/$defs/x", "$defs": {"x": {"properties": {"a": {"writeOnly": True}}}}},
         {"a": CANARY}, "a"),
        ({"allOf": [{"properties": {"a": {"anyOf": [{}, {"writeOnly": True}]}}}]},
         {"a": CANARY}, "a"),
        ({"patternProperties": {"^s_": {"writeOnly": True}}}, {"s_1": CANARY}, "s_1"),
        ({"additionalProperties": {"format": "password"}}, {"any": CANARY}, "any"),
        ({"unevaluatedProperties": {"writeOnly": True}}, {"any": CANARY}, "any"),
        ({"properties": {"l": {"items": {"properties": {"t": {"writeOnly": True}}}}}},
         {"l": [{"t": CANARY}]}, "l[0].t"),
        ({"properties": {"l": {"prefixItems": [{}, {"writeOnly": True}]}}},
         {"l": [1, CANARY]}, "l[1]"),
        ({"properties": {"o": {"writeOnly": True}}}, {"o": {"deep": [CANARY]}}, "o"),
        ({"if": {}, "then": {"properties": {"a": {"writeOnly": True}}}}, {"a": CANARY}, "a"),
        ({"dependentSchemas": {"b": {"properties": {"a": {"writeOnly": True}}}}},
         {"a": CANARY, "b": 1}, "a"),
        ({"properties": {"l": {"contains": {"writeOnly": True}}}}, {"l": [CANARY]}, "l[0]"),
        ({"writeOnly": True}, {"a": CANARY}, None),
    ],
)  # fmt: skip
def test_what_a_schema_marks_as_secret_is_found_and_not_repeated(
    schema: dict[str, Any], values: dict[str, Any], path: str | None
) -> None:
    (fault,) = secret_faults(schema, values)

    assert fault.path == path
    assert "wardian credential set" in fault.message
    assert CANARY not in fault.message
    assert CANARY not in repr(without_secrets(schema, values))


def test_looking_for_secrets_is_bounded() -> None:
    schema = {"additionalProperties": {"allOf": [{"title": "x"}] * 4_000}}

    (fault,) = secret_faults(schema, {f"key-{number}": 1 for number in range(5_000)})

    assert "too large to look" in fault.message


def test_values_with_the_names_of_secrets_are_told_and_references_to_them_are_not() -> None:
    values = {
        "api_token": "x",
        "smtp": {"password": "x", "host": "x"},
        "list": [{"client_secret": "x"}],
        "github_credential": "github",
        "token_name": "github",
        "max_tokens": 5,
        "password": "",
    }

    assert list(suspicious(values)) == ["api_token", "smtp.password", "list[0].client_secret"]
    shown = without_secrets(None, values)
    assert shown["api_token"] == shown["smtp"]["password"] == HIDDEN
    assert (shown["github_credential"], shown["max_tokens"]) == ("github", 5)
