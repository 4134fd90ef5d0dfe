"""``wardian dev`` in a process of its own, on plugins whose files are saved while it runs."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from commands import CommandLine, command_process, stop
from guests import component, guest
from packages import ASKING, manifest
from wardian.cli.authoring import Language, scaffold

ADDER = """
(component
  (core module $m (func (export "add") (param i32) (result i32)
    (i32.add (local.get 0) (i32.const {number}))))
  (core instance $i (instantiate $m))
  (func (export "add") (param "to" {wit}) (result u32) (canon lift (core func $i "add"))))
"""


def adder(number: int, wit: str = "u32") -> bytes:
    return component(ADDER.format(number=number, wit=wit))


def save(path: Path, content: bytes | str) -> None:
    """Save as most editors do: beside the file, and then in its place."""
    draft = path.with_name(f".{path.name}.draft")
    draft.write_bytes(content.encode() if isinstance(content, str) else content)
    draft.replace(path)


class Loop:
    """A loop that runs, heard line by line."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.heard: list[dict[str, Any]] = []
        self.serving = self.until("serving")

    def until(self, *names: str) -> dict[str, Any]:
        """Wait for the next event of one of these names."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            event: dict[str, Any] = json.loads(line)
            self.heard.append(event)
            if event["event"] in names:
                return event
        raise AssertionError(f"It ended before any of {names}: {self.process.communicate()}")

    def call(self, plugin: str, function: str, **arguments: object) -> httpx.Response:
        """Call a function over HTTP."""
        return httpx.post(
            f"{self.serving['url']}/api/v1/plugins/{plugin}/functions/{function}",
            json={"arguments": arguments},
            headers={"Authorization": f"Bearer {self.serving['api_key']}"},
            trust_env=False,
            timeout=60,
        )


@contextmanager
def loop(directory: Path, *arguments: object, **environment: str) -> Iterator[Loop]:
    with command_process("dev", directory, "--json", *arguments, **environment) as process:
        yield Loop(process)


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    """A plugin whose component somebody else builds."""
    folder = tmp_path / "adder"
    folder.mkdir()
    (folder / "plugin.toml").write_text(manifest("adder"))
    (folder / "plugin.wasm").write_bytes(adder(1))
    return folder


def test_a_saved_component_answers_the_next_call(plugin: Path) -> None:
    with loop(plugin) as running:
        first = running.until("reloaded", "failed")
        assert (first["name"], first["version"], first["first"]) == ("adder", "1.0.0", True)
        assert running.call("adder", "add", to=5).json()["result"] == 6

        save(plugin / "plugin.wasm", adder(2, "u8"))
        second = running.until("reloaded", "failed")
        assert second["first"] is False
        assert [change["kind"] for change in second["changes"]] == ["narrowed"]
        assert running.call("adder", "add", to=5).json()["result"] == 7
        assert stop(running.process) == (0, "")


def test_the_line_to_paste_calls_the_plugin(plugin: Path) -> None:
    with loop(plugin) as running:
        words = shlex.split(running.until("reloaded")["curl"])
        assert words[:2] == ["curl", "-s"]
        header = dict([words[words.index("-H") + 1].split(": ", 1)])
        content = words[words.index("-d") + 1]
        answer = httpx.post(words[2], content=content, headers=header, trust_env=False)
    assert answer.json()["result"] == 2


def test_a_manifest_with_a_fault_leaves_the_plugin_as_it_runs(plugin: Path) -> None:
    with loop(plugin) as running:
        running.until("reloaded")
        save(plugin / "plugin.toml", manifest("adder", "version = 2"))
        failed = running.until("reloaded", "failed")
        assert failed["error"]["type"] == "invalid-manifest"
        assert [(fault["file"], fault["line"]) for fault in failed["faults"]] == [
            ("plugin.toml", 4)
        ]
        assert failed["serving"] == "1.0.0"
        assert running.call("adder", "add", to=5).json()["result"] == 6

        save(plugin / "plugin.toml", manifest("adder", ASKING, version="1.1.0"))
        mended = running.until("reloaded", "failed")
        assert mended["version"] == "1.1.0"
        assert [asked["permission"] for asked in mended["new_permissions"]] == [
            "kv:read",
            "events:publish:orders.*",
        ]
        assert [warning["line"] for warning in mended["warnings"]] == [6, 10]
        assert sorted(mended["granted"]) == ["events:publish:orders.*", "kv:read"]


def test_a_component_that_no_host_takes_leaves_the_plugin_as_it_runs(plugin: Path) -> None:
    with loop(plugin) as running:
        running.until("reloaded")
        save(plugin / "plugin.wasm", b"\0asm and nothing of it")
        failed = running.until("reloaded", "failed")
        assert failed["error"]["type"] == "invalid-component"
        assert failed["serving"] == "1.0.0"
        assert running.call("adder", "add", to=5).json()["result"] == 6

        save(plugin / "plugin.wasm", adder(3))
        running.until("reloaded", "failed")
        assert running.call("adder", "add", to=5).json()["result"] == 8


def test_an_older_version_is_loaded_too(plugin: Path) -> None:
    with loop(plugin) as running:
        running.until("reloaded")
        save(plugin / "plugin.toml", manifest("adder", version="0.9.0"))
        assert running.until("reloaded", "failed")["version"] == "0.9.0"


def test_what_the_plugin_has_stored_is_there_after_a_reload(plugin: Path) -> None:
    kept = '[[permissions]]\npermission = "kv:write"\nreason = "Keeps."\n'
    kept += '[[permissions]]\npermission = "kv:read"\nreason = "Reads."'
    (plugin / "plugin.wasm").write_bytes(guest("stores"))
    (plugin / "plugin.toml").write_text(manifest("adder", kept))
    with loop(plugin) as running:
        running.until("reloaded")
        first = running.call("adder", "bump", key="n", by=1).json()
        save(plugin / "plugin.toml", manifest("adder", kept, version="1.0.1"))
        running.until("reloaded", "failed")
        second = running.call("adder", "bump", key="n", by=1).json()
    assert (first["result"], second["result"]) == (1, 2)


def test_a_call_that_is_wanted_is_made_after_every_reload(plugin: Path) -> None:
    with loop(plugin, "--call", "add", "--args", '{"to": 40}') as running:
        first = running.until("result")
        assert (first["function"], first["result"]) == ("add", 41)
        assert first["usage"]["fuel"] > 0
        save(plugin / "plugin.wasm", adder(2))
        assert running.until("result")["result"] == 42
        save(plugin / "plugin.wasm", guest("calculator"))
        refused = running.until("result")
        assert refused["error"]["type"] == "invalid-arguments"


def test_calls_of_others_are_told_with_how_they_ended(plugin: Path) -> None:
    (plugin / "plugin.wasm").write_bytes(guest("misbehaving"))
    with loop(plugin) as running:
        running.until("reloaded")
        answer = running.call("adder", "recurse")
        assert answer.is_error
        told = running.until("call")
    assert (told["plugin"], told["function"]) == ("adder", "recurse")
    assert told["outcome"] == answer.json()["type"].rpartition("/")[2]


def test_a_plugin_under_another_name_takes_the_place_of_the_one_before(plugin: Path) -> None:
    with loop(plugin) as running:
        running.until("reloaded")
        save(plugin / "plugin.toml", manifest("summer"))
        assert running.until("reloaded", "failed")["name"] == "summer"
        assert running.call("summer", "add", to=1).json()["result"] == 2
        assert running.call("adder", "add", to=1).status_code == 404


def test_once_ends_after_the_call(wardian: CommandLine, plugin: Path) -> None:
    done = wardian("dev", plugin, "--once", "--call", "add", "--args", '{"to": 1}')
    assert done.code == 0
    assert "Loaded adder 1.0.0" in done.out
    assert "\n2\n" in done.out
    again = wardian("dev", plugin, "--once", "--json", "--call", "ad")
    assert again.code == 1
    last = json.loads(again.out.splitlines()[-1])
    assert (last["event"], last["error"]["type"]) == ("result", "not-found")


def test_the_host_s_own_data_and_address_are_not_taken_from_the_environment(
    plugin: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "production"
    with loop(
        plugin, WARDIAN_DATA_DIR=str(elsewhere), WARDIAN_HOST="0.0.0.0", WARDIAN_PORT="1"
    ) as running:
        running.until("reloaded")
        assert running.serving["url"].startswith("http://127.0.0.1:")
        assert running.serving["data_dir"] == str(plugin / ".wardian-build" / "host")
    assert not elsewhere.exists()


def test_a_directory_without_a_plugin_is_refused(wardian: CommandLine, tmp_path: Path) -> None:
    assert "wardian new" in wardian.error("dev", tmp_path)["detail"]
    assert "no directory" in wardian.error("dev", tmp_path / "nowhere")["detail"]


@pytest.mark.toolchain
def test_sources_that_do_not_build_leave_the_old_version_until_they_do(tmp_path: Path) -> None:
    pytest.importorskip("componentize_py", reason="wardian[python] is not installed")
    made = scaffold("hello", Language.PYTHON, tmp_path)
    good = (made / "src/plugin.py").read_text()
    # As good as built from the sources, as it is newer; and installed in a moment.
    (made / "plugin.wasm").write_bytes(adder(1))
    with loop(made, "--call", "greet", "--args", '{"name": "Ada"}') as running:
        running.until("reloaded")
        save(made / "src/plugin.py", "import wardian_sdk\n\ndef greet(:\n")
        assert running.until("building")["changed"] == ["src/plugin.py"]
        failed = running.until("reloaded", "failed")
        (fault,) = failed["faults"]
        assert (fault["file"], fault["line"]) == ("src/plugin.py", 3)
        assert "SyntaxError" in fault["text"]
        assert running.call("hello", "add", to=5).json()["result"] == 6

        # The second of these overtakes the build of the first.
        save(made / "src/plugin.py", good.replace("}!", "}?"))
        running.until("building")
        save(made / "src/plugin.py", good.replace("}!", "}!!"))
        running.until("built")
        assert [change["kind"] for change in running.until("reloaded")["changes"]] == [
            "removed",
            "added",
            "added",
            "added",
            "added",
        ]
        assert running.until("result")["result"] == "Hello, Ada!!"
        log = next(event for event in running.heard if event["event"] == "log")
        assert (log["plugin"], log["message"]) == ("hello", "greeting somebody")


@pytest.mark.toolchain
def test_an_interrupt_ends_the_build_that_runs(tmp_path: Path) -> None:
    pytest.importorskip("componentize_py", reason="wardian[python] is not installed")
    made = scaffold("hello", Language.PYTHON, tmp_path)
    with loop(made) as running:
        running.until("building")
        code, complaints = stop(running.process, signal.SIGINT)
    assert (code, complaints) == (0, "")
    assert not list((made / ".wardian-build").glob("staging-*"))
    assert not (made / "plugin.wasm").exists()
