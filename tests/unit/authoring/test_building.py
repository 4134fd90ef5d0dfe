"""What ``wardian build`` checks before it starts a toolchain."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from wardian.cli.authoring import (
    BuildFailed,
    Language,
    NotAPlugin,
    ToolchainMissing,
    build,
    detect_language,
    rust,
    scaffold,
    sdk_directory,
    wit_directory,
)
from wardian.cli.authoring.options import Options, read_options
from wardian.cli.authoring.staging import stage_wit, world_name
from wardian.cli.authoring.steps import SHOWN_LINES, Steps
from wardian.cli.authoring.toolchain import cache_directory
from wardian.errors import InvalidManifest


def _nothing(step: str) -> None:
    """Take no notice of ``step``."""


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    return scaffold("first", Language.PYTHON, tmp_path)


@pytest.fixture
def steps(tmp_path: Path) -> Steps:
    return Steps(tmp_path / "build.log", _nothing, tmp_path / "staging", tmp_path / "plugin")


def _python(*lines: str) -> list[str]:
    return [sys.executable, "-c", "\n".join(lines)]


# Where things are


def test_the_contract_and_both_sdks_are_found() -> None:
    assert (wit_directory() / "types.wit").is_file()
    assert (sdk_directory(Language.PYTHON) / "wardian_sdk" / "kv.py").is_file()
    assert (sdk_directory(Language.TYPESCRIPT) / "package-lock.json").is_file()


def test_the_cache_is_where_the_user_wants_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_directory() == tmp_path / "wardian"


@pytest.mark.parametrize("value", ["", "relative"])
def test_a_cache_that_is_no_absolute_path_is_ignored(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, value: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", value)
    assert cache_directory() == tmp_path / ".cache" / "wardian"


# What a plugin is


def test_a_directory_without_sources_is_no_plugin(tmp_path: Path) -> None:
    with pytest.raises(NotAPlugin, match=r"src/plugin\.py \(python\)"):
        detect_language(tmp_path)


def test_a_directory_that_is_not_there_is_no_plugin(tmp_path: Path) -> None:
    with pytest.raises(NotAPlugin, match="There is no directory"):
        detect_language(tmp_path / "nowhere")


def test_two_languages_in_one_directory_are_refused(plugin: Path) -> None:
    (plugin / "src" / "plugin.ts").write_text("", encoding="utf-8")

    with pytest.raises(NotAPlugin, match=r"plugin\.py and src/plugin\.ts"):
        detect_language(plugin)


def test_a_plugin_without_a_manifest_is_not_built(plugin: Path) -> None:
    (plugin / "plugin.toml").unlink()

    with pytest.raises(NotAPlugin, match=r"no plugin\.toml"):
        build(plugin, progress=_nothing)


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ("colour = 'green'", "colour"),
        ("[config_schema.properties.greeting]\ntype = 'integer'", "default_config.greeting"),
        ("[config_schema]\ntype = 'nothing'", "config_schema.type"),
    ],
)
def test_a_manifest_that_no_host_would_take_is_refused_before_anything_is_built(
    plugin: Path, line: str, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = 'name = "first"\nversion = "1.0.0"\ndefault_config = { greeting = "Hello" }\n'
    (plugin / "plugin.toml").write_text(f"{manifest}{line}\n", encoding="utf-8")
    told: list[str] = []

    with pytest.raises(InvalidManifest) as caught:
        build(plugin, progress=told.append)

    assert caught.value.path == path
    assert told == []


def test_a_plugin_without_wit_is_not_built(plugin: Path) -> None:
    (plugin / "wit" / "world.wit").unlink()

    with pytest.raises(NotAPlugin, match="states what the plugin exports"):
        build(plugin, progress=_nothing)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("world one {}", "one"),
        ("/* world old {} */ // world none {\nworld two{ }", "two"),
        ("interface world-like {}\nworld %three {}", "three"),
    ],
)
def test_the_world_is_found_by_its_name(plugin: Path, text: str, name: str) -> None:
    (plugin / "wit" / "world.wit").write_text(f"package a:b;\n{text}\n", encoding="utf-8")

    assert world_name(plugin) == name


@pytest.mark.parametrize(("text", "found"), [("", "none"), ("world a {}\nworld b {}", "a, b")])
def test_there_is_exactly_one_world(plugin: Path, text: str, found: str) -> None:
    (plugin / "wit" / "world.wit").write_text(text, encoding="utf-8")

    with pytest.raises(NotAPlugin, match=f"exactly one world; found: {found}"):
        world_name(plugin)


def test_a_build_uses_the_hosts_contract_and_not_the_authors_copy(
    plugin: Path, tmp_path: Path
) -> None:
    forged = plugin / "wit" / "deps" / "wardian-plugin" / "kv.wit"
    forged.write_text("interface kv {}", encoding="utf-8")

    staged = stage_wit(plugin, tmp_path / "staging")

    assert (staged / "world.wit").is_file()
    assert (staged / "deps/wardian-plugin/kv.wit").read_text(encoding="utf-8") == (
        wit_directory() / "kv.wit"
    ).read_text(encoding="utf-8")


# build.toml


def test_wasi_is_off_unless_the_author_turns_it_on(plugin: Path) -> None:
    assert read_options(plugin) == Options(wasi=False)

    (plugin / "build.toml").write_text("wasi = true\n", encoding="utf-8")

    assert read_options(plugin) == Options(wasi=True)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("wasi = 1", "true or false"),
        ("wassi = true", "unknown keys: wassi"),
        ("wasi =", "not valid TOML"),
    ],
)
def test_what_build_toml_may_not_hold_is_named(plugin: Path, text: str, complaint: str) -> None:
    (plugin / "build.toml").write_text(text, encoding="utf-8")

    with pytest.raises(BuildFailed, match=complaint):
        build(plugin, progress=_nothing)


# Toolchains


def test_without_componentize_py_the_extra_is_named(
    plugin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    with pytest.raises(ToolchainMissing, match=r"pip install 'wardian\[python\]'"):
        build(plugin, progress=_nothing)

    assert not (plugin / "plugin.wasm").exists()


def test_without_node_the_version_needed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = scaffold("first", Language.TYPESCRIPT, tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(ToolchainMissing, match=r"Node 20 or newer.*`node` was not found"):
        build(made, progress=_nothing)


def test_without_cargo_a_rust_plugin_is_not_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = scaffold("first", Language.RUST, tmp_path)
    monkeypatch.setenv("CARGO", "no-such-cargo")
    monkeypatch.setattr(rust, "_wasm_tools", lambda: "wasm-tools")

    with pytest.raises(ToolchainMissing, match="`cargo` was not found"):
        build(made, progress=_nothing)


def test_a_rust_that_cannot_build_for_wasm_is_told_how_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = scaffold("first", Language.RUST, tmp_path)
    monkeypatch.setenv("CARGO", sys.executable)
    monkeypatch.setattr(rust, "_wasm_tools", lambda: "wasm-tools")
    monkeypatch.setattr(rust, "_ask_rustc", lambda *words: str(tmp_path))

    with pytest.raises(ToolchainMissing, match="rustup target add wasm32-unknown-unknown"):
        build(made, progress=_nothing)


def test_a_rust_plugin_has_no_wasi_to_turn_on(tmp_path: Path) -> None:
    made = scaffold("first", Language.RUST, tmp_path)
    (made / "build.toml").write_text("wasi = true\n", encoding="utf-8")

    with pytest.raises(BuildFailed, match="there is no WASI"):
        build(made, progress=_nothing)


# Steps


def test_a_step_is_announced_and_its_output_returned(tmp_path: Path) -> None:
    told: list[str] = []
    steps = Steps(tmp_path / "log", told.append, tmp_path, tmp_path)

    assert steps.run("greeting", _python("print('hello')")) == "hello\n"
    assert told == ["greeting"]


def test_a_failure_shows_its_last_lines_and_keeps_all_of_them(steps: Steps, tmp_path: Path) -> None:
    command = _python("for i in range(100): print('line', i)", "raise SystemExit(3)")

    with pytest.raises(BuildFailed) as caught:
        steps.run("counting", command)

    shown = caught.value.message.splitlines()
    assert shown[0] == "counting failed with exit code 3:"
    assert str(tmp_path / "build.log") in shown[1]
    assert shown[2:] == [f"line {i}" for i in range(100 - SHOWN_LINES, 100)]
    assert "line 0\n" in (tmp_path / "build.log").read_text(encoding="utf-8")


def test_a_failure_names_the_authors_files_and_not_the_staged_ones(
    steps: Steps, tmp_path: Path
) -> None:
    command = _python(f"print({str(tmp_path / 'staging' / 'wit')!r})", "raise SystemExit(1)")

    with pytest.raises(BuildFailed) as caught:
        steps.run("reading wit/", command)

    assert str(tmp_path / "plugin" / "wit") in caught.value.message
    assert "staging" not in caught.value.message


def test_output_that_is_not_utf_8_is_shown_all_the_same(steps: Steps) -> None:
    command = _python("import sys", "sys.stdout.buffer.write(b'caf\\xe9')", "raise SystemExit(1)")

    with pytest.raises(BuildFailed, match="caf"):
        steps.run("printing", command)


def test_a_program_that_is_not_there_is_a_missing_toolchain(steps: Steps) -> None:
    with pytest.raises(ToolchainMissing, match="`no-such-program-here`"):
        steps.run("looking", ["no-such-program-here"])
