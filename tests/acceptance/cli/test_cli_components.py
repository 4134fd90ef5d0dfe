import json
from pathlib import Path

import pytest

from agents import agent_component, asked
from commands import CommandLine
from guests import component, guest
from packages import ASKING, package


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.getbasetemp() / "cache"
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    return folder


@pytest.fixture
def calculator(tmp_path: Path) -> Path:
    path = tmp_path / "calculator.wasm"
    path.write_bytes(guest("calculator"))
    return path


@pytest.fixture
def misbehaving(tmp_path: Path) -> Path:
    path = tmp_path / "misbehaving.wasm"
    path.write_bytes(guest("misbehaving"))
    return path


def test_one_call_runs_without_a_server(wardian: CommandLine, calculator: Path) -> None:
    found = wardian.json("run", calculator, "divide", "--args", '{"a": 10, "b": 5}')
    assert set(found) == {"result", "usage"}
    assert found["result"] == 2
    assert found["usage"]["fuel"] > 0


def test_what_an_agent_says_in_pieces_is_shown_beside_its_answer(
    wardian: CommandLine, tmp_path: Path
) -> None:
    path = tmp_path / "talker.wasm"
    path.write_bytes(agent_component(emits=True))

    done = wardian("run", path, "ask", "--args", json.dumps(asked("p")))

    assert done.err.splitlines()[:2] == ['[talker] piece: ["p"]'] * 2
    assert json.loads(done.out)["output"] == '["p"]'


def test_people_see_the_result_alone_on_standard_output(
    wardian: CommandLine, calculator: Path
) -> None:
    done = wardian("run", calculator, "add", "--args", '{"a": 10, "b": 5}')
    assert (done.code, done.out) == (0, "15\n")


@pytest.mark.parametrize(
    ("function", "kind"),
    [
        ("spin", "deadline-exceeded"),
        ("trap", "trap"),
        ("recurse", "stack-overflow"),
        ("grow-slowly", "memory-exceeded"),
        ("nothing", "not-found"),
    ],
)
def test_a_failed_run_prints_its_error_and_its_usage(
    wardian: CommandLine, misbehaving: Path, function: str, kind: str
) -> None:
    done = wardian("run", misbehaving, function, "--limit", "wall_seconds=0.5", "--json")
    assert done.code == 1
    assert set(done.json) == {"error", "usage"}
    assert {"type", "title", "detail"} <= set(done.json["error"])
    assert done.json["error"]["type"] == kind
    assert "wall_seconds" in done.json["usage"]


def test_people_read_which_limit_was_met_or_that_none_was(
    wardian: CommandLine, misbehaving: Path
) -> None:
    spun = wardian("run", misbehaving, "spin", "--limit", "wall_seconds=0.2")
    assert "\nlimit: wall_seconds, 0.2 s (" in spun.err
    assert "--limit lowered it. The level `restricted` gives 5 s." in spun.err

    trapped = wardian("run", misbehaving, "trap")
    assert "\nlimit: none was met" in trapped.err
    assert "does not import wardian:plugin/logging" in trapped.err


def test_a_table_that_grows_too_far_is_not_taken_for_memory(
    wardian: CommandLine, misbehaving: Path
) -> None:
    detail = wardian.error("run", misbehaving, "grow-table")["detail"]
    assert detail == "The call asked for more than 100,000 elements in a table."


@pytest.mark.parametrize(
    ("arguments", "path"), [('{"a":1}', "b"), ('{"a":-1,"b":1}', "a"), ('{"a":1,"b":1,"c":1}', "c")]
)
def test_wrong_arguments_are_refused_with_their_path(
    wardian: CommandLine, calculator: Path, arguments: str, path: str
) -> None:
    error = wardian.error("run", calculator, "divide", "--args", arguments)
    assert (error["type"], error["path"]) == ("invalid-arguments", path)


@pytest.mark.parametrize(
    ("arguments", "path"),
    [('{"a":1,"b":1,"a":2}', "a"), ('{"a":1,"b":18446744073709551616}', "b")],
)
def test_arguments_that_no_host_would_take_are_refused_with_their_path(
    wardian: CommandLine, calculator: Path, arguments: str, path: str
) -> None:
    error = wardian.error("run", calculator, "divide", "--args", arguments)
    assert (error["type"], error["path"]) == ("invalid-arguments", path)
    assert wardian.error("call", "calculator", "divide", "--args", arguments) == error


@pytest.mark.parametrize("level", ["standard", "restricted", "isolated"])
def test_each_level_runs_a_component_without_imports(
    wardian: CommandLine, calculator: Path, level: str
) -> None:
    arguments = ("--args", '{"a": 1, "b": 1}', "--level", level)
    assert wardian.json("run", calculator, "add", *arguments)["result"] == 2


def test_a_component_is_inspected(wardian: CommandLine, calculator: Path) -> None:
    found = wardian.json("inspect", calculator)
    assert found["imports"] == []
    divide = found["functions"]["divide"]
    assert divide["parameters"]["required"] == ["a", "b"]
    assert divide["result"]["type"] == "integer"
    assert "acme:calc/ops@1.0.0#add" in found["functions"]
    assert "acme:calc/ops@1.0.0#add" in wardian("inspect", calculator).out


def test_a_package_and_a_directory_are_inspected_with_their_manifest(
    wardian: CommandLine, tmp_path: Path
) -> None:
    path = tmp_path / "p.wardian"
    path.write_bytes(package("packed", guest("memory"), ASKING))
    found = wardian.json("inspect", path)
    assert found["manifest"]["name"] == "packed"
    assert set(found["functions"]) == {"remember", "recall"}
    api = {"asked": "1.0.0", "offered": ["1.0.0"], "compatible": True}
    assert found["plugin_api"] == api
    assert "plugin API 1.0.0; offered: 1.0.0\n" in wardian("inspect", path).out
    newer = package("packed", guest("memory"), f"api_version = '1.7'\n{ASKING}")
    path.write_bytes(newer)
    assert wardian.json("inspect", path)["plugin_api"]["compatible"] is False
    assert "plugin API 1.7.0; offered: 1.0.0, which does not fit" in wardian("inspect", path).out


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "invalid-component"),
        (b"hello", "invalid-component"),
        (b"(component)", "invalid-component"),
        (component("(module)"), "invalid-component"),
        (component('(component (import "evil:x/y" (instance)))'), "import-refused"),
    ],
)
@pytest.mark.parametrize("verb", ["inspect", "run"])
def test_what_is_no_component_of_ours_is_refused(
    wardian: CommandLine, tmp_path: Path, verb: str, content: bytes, kind: str
) -> None:
    path = tmp_path / "x.wasm"
    path.write_bytes(content)
    arguments = [verb, path] + (["f"] if verb == "run" else [])
    assert wardian.error(*arguments)["type"] == kind


def test_a_missing_file_is_one_clear_line(wardian: CommandLine, tmp_path: Path) -> None:
    done = wardian("inspect", tmp_path / "nothing.wasm")
    assert (done.code, done.err.count("\n")) == (1, 1)


def test_compiled_code_is_kept_private(wardian: CommandLine, calculator: Path, cache: Path) -> None:
    wardian.json("inspect", calculator)
    assert (cache / "wardian").stat().st_mode & 0o077 == 0


def test_packing_twice_gives_the_same_file(wardian: CommandLine, tmp_path: Path) -> None:
    source = tmp_path / "plugin"
    source.mkdir()
    (source / "plugin.toml").write_text('name = "packed"\nversion = "1.2.3"\n')
    (source / "plugin.wasm").write_bytes(guest("memory"))
    files = [tmp_path / name for name in ("a.wardian", "b.wardian")]
    for file in files:
        assert wardian.json("pack", source, "-o", file)["size_bytes"] == file.stat().st_size
    assert files[0].read_bytes() == files[1].read_bytes()
    assert wardian.error("pack", tmp_path)["type"] == "invalid-manifest"
    refused = wardian.error("pack", source, "-o", tmp_path / "no" / "such" / "directory")
    assert refused["type"] == "invalid-arguments"


def test_defaults_that_do_not_fit_the_schema_are_not_packed(
    wardian: CommandLine, tmp_path: Path
) -> None:
    (tmp_path / "plugin.toml").write_text(
        'name = "packed"\nversion = "1.2.3"\ndefault_config = { step = "many" }\n'
        "[config_schema.properties.step]\ntype = 'integer'\n"
    )
    (tmp_path / "plugin.wasm").write_bytes(guest("memory"))

    error = wardian.error("pack", tmp_path, "-o", tmp_path / "packed.wardian")

    assert (error["type"], error["path"]) == ("invalid-manifest", "default_config.step")
    assert not (tmp_path / "packed.wardian").exists()


def test_a_packed_file_is_named_after_the_manifest(
    wardian: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "plugin.toml").write_text('name = "packed"\nversion = "1.2.3"\n')
    (tmp_path / "plugin.wasm").write_bytes(guest("memory"))
    monkeypatch.chdir(tmp_path)
    assert wardian.json("pack", ".")["package"] == "packed-1.2.3.wardian"


@pytest.mark.parametrize("language", ["python", "typescript"])
def test_a_new_plugin_is_a_directory_to_build(
    wardian: CommandLine, tmp_path: Path, language: str
) -> None:
    made = wardian.json("new", "hello", "--language", language, "--in", tmp_path)
    assert made == {"directory": str(tmp_path / "hello"), "language": language}
    assert (tmp_path / "hello" / "plugin.toml").is_file()
    assert wardian.error("new", "hello", "--in", tmp_path)["detail"]


def test_a_directory_without_sources_does_not_build(wardian: CommandLine, tmp_path: Path) -> None:
    assert wardian.error("build", tmp_path)["detail"]


def test_the_version_is_printed(wardian: CommandLine) -> None:
    assert wardian("--version").out.strip()
