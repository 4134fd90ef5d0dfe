"""``wardian new`` writes a plugin, or says why it does not."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from jsonschema_rs import Draft202012Validator

from wardian.cli.authoring import (
    Language,
    ScaffoldRefused,
    Template,
    detect_language,
    scaffold,
)
from wardian.plugins.manifest import parse_manifest
from wardian.plugins.manifest_schema import manifest_schema

LANGUAGES = list(Language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_new_plugin_is_recognised_as_its_language(tmp_path: Path, language: Language) -> None:
    assert detect_language(scaffold("first", language, tmp_path)) is language


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_new_plugin_carries_its_name_everywhere(tmp_path: Path, language: Language) -> None:
    made = scaffold("my-plugin-2", language, tmp_path)

    manifest = tomllib.loads((made / "plugin.toml").read_text(encoding="utf-8"))
    written = [path for path in made.rglob("*") if path.is_file()]

    assert made == tmp_path / "my-plugin-2"
    assert manifest["name"] == "my-plugin-2"
    assert not [path for path in written if "@NAME@" in path.read_text(encoding="utf-8")]
    assert not [path for path in written if path.suffix == ".template"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_manifest_of_a_new_plugin_is_valid(tmp_path: Path, language: Language) -> None:
    made = scaffold("first", language, tmp_path)

    assert parse_manifest((made / "plugin.toml").read_bytes()).name == "first"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_first_line_of_a_new_manifest_leads_editors_to_its_schema(
    tmp_path: Path, language: Language
) -> None:
    made = scaffold("first", language, tmp_path)

    first, *_ = (made / "plugin.toml").read_text(encoding="utf-8").splitlines()
    directive, _, place = first.partition(" ")

    assert directive == "#:schema"
    schema = json.loads((made / place).read_text(encoding="utf-8"))
    assert schema == manifest_schema()
    manifest = tomllib.loads((made / "plugin.toml").read_text(encoding="utf-8"))
    assert Draft202012Validator(schema).is_valid(manifest)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_default_is_given_for_every_configured_value(tmp_path: Path, language: Language) -> None:
    made = scaffold("first", language, tmp_path)

    manifest = tomllib.loads((made / "plugin.toml").read_text(encoding="utf-8"))

    assert manifest["config_schema"]["properties"].keys() == manifest["default_config"].keys()


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_contract_is_there_for_an_editor_and_git_ignores_it(
    tmp_path: Path, language: Language
) -> None:
    made = scaffold("first", language, tmp_path)

    ignored = (made / ".gitignore").read_text(encoding="utf-8").splitlines()

    assert (made / "wit/deps/wardian-plugin/kv.wit").is_file()
    assert {"wit/deps/wardian-plugin/", ".wardian-build/", "*.wasm"} <= set(ignored)


def test_the_json_of_a_typescript_plugin_is_json(tmp_path: Path) -> None:
    made = scaffold("first", Language.TYPESCRIPT, tmp_path)

    for name in ("package.json", "tsconfig.json"):
        json.loads((made / name).read_text(encoding="utf-8"))


def test_an_empty_directory_is_filled(tmp_path: Path) -> None:
    (tmp_path / "first").mkdir()

    assert (scaffold("first", Language.PYTHON, tmp_path) / "plugin.toml").is_file()


def test_a_directory_that_holds_anything_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "first").mkdir()
    (tmp_path / "first" / "notes.txt").write_text("mine", encoding="utf-8")

    with pytest.raises(ScaffoldRefused, match="not an empty directory"):
        scaffold("first", Language.PYTHON, tmp_path)

    assert [path.name for path in (tmp_path / "first").iterdir()] == ["notes.txt"]


def test_a_file_in_the_way_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "first").write_text("mine", encoding="utf-8")

    with pytest.raises(ScaffoldRefused, match="not an empty directory"):
        scaffold("first", Language.PYTHON, tmp_path)


def test_a_place_that_cannot_be_written_is_an_error_for_people(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")

    with pytest.raises(ScaffoldRefused, match="cannot be written"):
        scaffold("first", Language.PYTHON, tmp_path / "file")


@pytest.mark.parametrize("name", ["a", "a1", "my-plugin", "a-1-b", "record", "x" * 64])
def test_a_valid_name_is_taken(tmp_path: Path, name: str) -> None:
    assert scaffold(name, Language.PYTHON, tmp_path).name == name


@pytest.mark.parametrize(
    "name",
    ["", "A", "1a", "-a", "a-", "a--b", "a_b", "a b", "a/b", "..", "é", "a\n", "x" * 65],
)
def test_an_invalid_name_is_refused_before_anything_is_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(ScaffoldRefused):
        scaffold(name, Language.PYTHON, tmp_path)

    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("language", [Language.PYTHON, Language.TYPESCRIPT])
def test_a_new_agent_says_what_it_answers_and_what_that_costs(
    tmp_path: Path, language: Language
) -> None:
    made = scaffold("first", language, tmp_path, Template.AGENT)

    manifest = parse_manifest((made / "plugin.toml").read_bytes())
    world = (made / "wit/world.wit").read_text(encoding="utf-8")

    assert detect_language(made) is language
    assert (manifest.name, manifest.category) == ("first", "ai_agent")
    assert manifest.capabilities == ("count-words@1.0.0",)
    assert manifest.agent.cost.unit == "character"
    assert "export wardian:plugin/agent@1.0.0;" in world
    written = [path for path in made.rglob("*") if path.is_file()]
    assert not [path for path in written if "@NAME@" in path.read_text(encoding="utf-8")]


def test_a_language_without_a_template_of_agents_is_told(tmp_path: Path) -> None:
    with pytest.raises(ScaffoldRefused, match="no template of an agent in rust"):
        scaffold("first", Language.RUST, tmp_path, Template.AGENT)

    assert not (tmp_path / "first").exists()
