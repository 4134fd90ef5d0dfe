"""The JSON Schema of plugin.toml says to editors what the host says at install."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator, meta

from wardian.errors import InvalidManifest
from wardian.plugins import Manifest, parse_manifest
from wardian.plugins.manifest_schema import manifest_schema

SAMPLES = sorted((Path(__file__).parents[3] / "sample-plugins").glob("*/plugin.toml"))
SMALLEST = 'name = "counter"\nversion = "1.0.0"\n'


def fits(text: str) -> bool:
    return Draft202012Validator(manifest_schema()).is_valid(tomllib.loads(text))


def fields(schema: Any, path: str = "") -> list[tuple[str, Any]]:
    """Every field of the manifest and of its tables."""
    tables = {"": schema, **schema["$defs"]}
    return [
        (f"{name}.{field}", description)
        for name, table in tables.items()
        for field, description in table.get("properties", {}).items()
    ]


def test_it_is_a_json_schema_of_this_draft_without_references_to_elsewhere() -> None:
    schema = manifest_schema()

    meta.validate(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    references = str(schema).count("'$ref': ")
    assert references == str(schema).count("'$ref': '#/$defs/") > 5


def test_it_has_every_field_of_the_manifest_and_no_other() -> None:
    schema = manifest_schema()

    assert schema["properties"].keys() == Manifest.model_fields.keys()
    assert schema["required"] == ["name", "version"]
    tables = [schema, *(table for table in schema["$defs"].values() if "properties" in table)]
    assert len(tables) == 23
    assert all(table["additionalProperties"] is False for table in tables)


@pytest.mark.parametrize(("name", "field"), fields(manifest_schema()))
def test_every_field_is_described_and_bounded(name: str, field: dict[str, Any]) -> None:
    assert field["description"].endswith(".")
    match field.get("type"):
        case "string":
            assert "maxLength" in field or "enum" in field
        case "array":
            assert "maxItems" in field
        case "number" | "integer":
            assert "maximum" in field
        case "object":
            assert "maxProperties" in field or field["additionalProperties"] is True
        case kind:
            told = [field, *field.get("anyOf", ())]
            assert kind == "boolean" or any("$ref" in each for each in told)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.parent.name)
def test_the_samples_fit(path: Path) -> None:
    assert fits(path.read_text())
    parse_manifest(path.read_bytes())


@pytest.mark.parametrize(
    "text",
    [
        "description = 'Zo\u00eb\\n'",
        "tags = ['a-b', 'c']",
        "sandbox_level = 'isolated'",
        "capabilities = ['a.b@1.0.0-rc.1']",
        "dependencies = { markdown = '>=1, <2', other = '*' }",
        "permissions = [{ permission = 'http:request:GET:https://example.org/*', reason = 'x' }]",
        "permissions = [{ permission = 'kv:read', reason = 'x', optional = true }]",
        "health_check = {}",
        "health_check = { interval_seconds = 1, timeout_seconds = 0.5 }",
        "webhooks = [{ name = 'a', recipe = 'github' }]",
        "oauth = [{ provider = 'github', token_url = 'https://example.org/token' }]",
        "config_schema = { type = 'object' }",
        "api_endpoints = [{ path = '/', method = 'GET', function = 'a#b' }]",
        "schedule = [{ name = 'a', cron = '0 8 * * MON-FRI', function = 'f' }]",
        "schedule = [{ name = 'a', every = '15m', missed = 'run-all', topic = 'a.b', data = {} }]",
        "schedule = [{ name = 'a', cron = '0 8 * * *', timezone = 'Europe/Berlin', topic = 'a' }]",
    ],
)
def test_what_the_host_takes_fits(text: str) -> None:
    parse_manifest((SMALLEST + text).encode())
    assert fits(SMALLEST + text)


@pytest.mark.parametrize(
    "text",
    [
        "colour = 'red'",
        "api_version = 'two'",
        "category = 'game'",
        "description = '''a\\u202e'''".replace("'''", '"'),
        "author = 'a\u200bb'",
        "license = '''a\nb'''",
        "tags = ['Not Ok']",
        f"tags = {['a'] * 33}",
        "sandbox_level = 'root'",
        "dependencies = { markdown = 'latest' }",
        "dependencies = { 'Mark Down' = '*' }",
        "permissions = [{ permission = 'kv:read' }]",
        "permissions = [{ permission = 'kv:all', reason = 'x' }]",
        "permissions = [{ permission = 'kv:read:x', reason = 'x' }]",
        "permissions = [{ permission = 'kv:read', reason = '' }]",
        "permissions = [{ permission = 'kv:read', reason = 'x', optional = 'no' }]",
        "health_check = { interval_seconds = 0 }",
        "health_check = { interval_seconds = inf }",
        "ui_components = [{ name = 'a', entry = '../x' }]",
        "webhooks = [{ name = 'a' }]",
        "config_schema = 5",
        "migration_scripts = [{ from_version = '1', to_version = '2.0.0' }]",
        "api_endpoints = [{ path = 'a', function = 'b' }]",
        "schedule = [{ name = 'a', cron = '@daily', function = 'f' }]",
        "schedule = [{ name = 'a', cron = '* * * * * *', function = 'f' }]",
        "schedule = [{ name = 'a', every = '0s', function = 'f' }]",
        "schedule = [{ name = 'a', every = '15m', function = 'f', missed = 'always' }]",
        "schedule = [{ name = 'a', every = '15m', topic = 'A.b' }]",
        "schedule = [{ every = '15m', function = 'f' }]",
    ],
)
def test_what_the_host_refuses_does_not_fit(text: str) -> None:
    with pytest.raises(InvalidManifest):
        parse_manifest((SMALLEST + text).encode())
    assert not fits(SMALLEST + text)
