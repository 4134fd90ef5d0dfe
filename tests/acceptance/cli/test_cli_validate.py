"""``wardian validate`` on directories, manifests and packages."""

from __future__ import annotations

from pathlib import Path

import pytest

from commands import CommandLine
from guests import component, guest
from packages import ASKING, package
from wardian.plugins.manifest_schema import manifest_schema


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    folder = tmp_path / "plugin"
    folder.mkdir()
    (folder / "plugin.toml").write_text('name = "checked"\nversion = "1.2.3"\n' + ASKING)
    return folder


@pytest.mark.parametrize("language", ["python", "typescript", "rust"])
def test_what_new_writes_is_valid(wardian: CommandLine, tmp_path: Path, language: str) -> None:
    wardian.json("new", "first", "--language", language, "--in", tmp_path)

    for path in (tmp_path / "first", tmp_path / "first" / "plugin.toml"):
        assert wardian.json("validate", path) == {
            "valid": True,
            "name": "first",
            "version": "0.1.0",
            "component": None,
            "warnings": [],
        }


def test_without_a_path_it_is_the_directory_one_is_in(
    wardian: CommandLine, plugin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(plugin)

    done = wardian("validate")

    assert (done.code, done.out) == (0, "checked 1.2.3: the manifest is valid.\n")


def test_every_fault_is_shown_with_its_line(wardian: CommandLine, plugin: Path) -> None:
    with (plugin / "plugin.toml").open("a") as stream:
        stream.write('\n[[webhooks]]\nname = "A B"\n')

    done = wardian("validate", plugin)

    assert done.code == 1
    assert done.err.splitlines() == [
        "error: plugin.toml:12: webhooks[0].recipe is missing.",
        "plugin.toml:13: webhooks[0].name must be lower-case words with dashes between them, "
        "such as 'my-plugin'.",
    ]
    error = wardian.error("validate", plugin)
    assert (error["type"], error["path"], error["line"]) == (
        "invalid-manifest",
        "webhooks[0].recipe",
        12,
    )
    assert [fault["line"] for fault in error["faults"]] == [12, 13]


@pytest.mark.parametrize(
    ("more", "line", "path"),
    [
        ("api_version = '2.0'", 3, "api_version"),
        ("[config_schema.properties.a]\ntype = 'number'\npattern = '('", 5,
         "config_schema.properties.a.pattern"),
        ("[config_schema.properties.a]\ntype = 'text'", 4, "config_schema.properties.a.type"),
        ("[config_schema]\n[config_schema.properties.a]\n\n'$ref' = '#/nowhere'", 6,
         "config_schema.properties.a.$ref"),
        ("[default_config]\n\na = 'x'\n[config_schema.properties.a]\ntype = 'integer'", 5,
         "default_config.a"),
        ("[[ui_components]]\nname = 'a'\nentry = 'ui/none.html'", 5, "ui_components[0].entry"),
        ("[dependencies]\nmarkdown = '>2, <1'", 3, "dependencies"),
    ],
)  # fmt: skip
def test_what_a_host_would_refuse_at_install_is_refused_with_its_line(
    wardian: CommandLine, plugin: Path, more: str, line: int, path: str
) -> None:
    (plugin / "plugin.toml").write_text(f'name = "checked"\nversion = "1.2.3"\n{more}\n')

    error = wardian.error("validate", plugin)

    assert (error["line"], error["path"]) == (line, path)
    assert error["detail"].startswith(f"plugin.toml:{line}: ")


def test_faults_of_different_checks_are_told_together(wardian: CommandLine, plugin: Path) -> None:
    (plugin / "plugin.toml").write_text(
        'name = "checked"\nversion = "1.2.3"\napi_version = "9.0"\n'
        "[[ui_components]]\nname = 'a'\nentry = 'ui/none.html'\n"
    )

    assert [fault["path"] for fault in wardian.error("validate", plugin)["faults"]] == [
        "api_version",
        "ui_components[0].entry",
    ]


def test_a_component_that_imports_what_nobody_asked_for_is_warned_about(
    wardian: CommandLine, plugin: Path
) -> None:
    (plugin / "plugin.toml").write_text('name = "checked"\nversion = "1.2.3"\n')
    (plugin / "plugin.wasm").write_bytes(guest("stores"))

    found = wardian.json("validate", plugin)
    packed = wardian.json("pack", plugin, "-o", plugin / "a.wardian")

    assert found["valid"] is True
    assert found["component"]
    assert {warning["path"] for warning in found["warnings"]} == {"permissions"}
    assert any("wardian:plugin/kv" in warning["message"] for warning in found["warnings"])
    assert packed["warnings"] == found["warnings"]
    shown = wardian("validate", plugin)
    assert shown.code == 0
    assert "warning: The component imports wardian:plugin/kv" in shown.err


def test_a_permission_that_the_component_cannot_use_is_warned_about_with_its_line(
    wardian: CommandLine, plugin: Path
) -> None:
    (plugin / "plugin.wasm").write_bytes(component("(component)"))

    assert [
        (each["line"], each["path"]) for each in wardian.json("validate", plugin)["warnings"]
    ] == [
        (5, "permissions[0].permission"),
        (9, "permissions[1].permission"),
    ]


def test_a_package_is_checked_like_the_directory_it_was_made_of(
    wardian: CommandLine, tmp_path: Path
) -> None:
    path = tmp_path / "a.wardian"
    path.write_bytes(package("packed", component("(component)")))
    assert wardian.json("validate", path)["name"] == "packed"

    path.write_bytes(package("packed", component("(component)"), "api_version = '7.0'"))
    assert wardian.error("validate", path)["line"] == 4

    path.write_bytes(b"PK")
    assert wardian.error("validate", path)["type"] == "invalid-manifest"


def test_a_component_that_no_host_takes_is_refused(wardian: CommandLine, plugin: Path) -> None:
    (plugin / "plugin.wasm").write_bytes(component('(component (import "evil:x/y" (instance)))'))
    assert wardian.error("validate", plugin)["type"] == "import-refused"
    # The manifest alone has no fault.
    assert wardian.json("validate", plugin / "plugin.toml")["valid"] is True

    (plugin / "plugin.wasm").write_bytes(b"text")
    assert wardian.error("validate", plugin)["type"] == "invalid-component"


def test_where_there_is_no_plugin_it_says_so(wardian: CommandLine, tmp_path: Path) -> None:
    assert wardian.error("validate", tmp_path)["type"] == "invalid-arguments"
    assert wardian.error("validate", tmp_path / "nothing")["type"] == "invalid-arguments"


def test_a_manifest_that_is_too_large_is_refused(wardian: CommandLine, plugin: Path) -> None:
    (plugin / "plugin.toml").write_text("#" * 70_000)

    assert "it may have 65536" in wardian.error("validate", plugin)["detail"]


def test_the_schema_is_printed_for_editors(wardian: CommandLine) -> None:
    assert wardian.json("validate", "--schema") == manifest_schema()
    assert wardian("validate", "--schema").json == manifest_schema()
