"""What the host does around functions, from the command line."""

from __future__ import annotations

from pathlib import Path

from commands import CommandLine
from guests import guest
from packages import package

LINES = """
[[enhancements]]
function = "add"
monitor = true
cache = { ttl = 300 }
timeout = { seconds = 2 }
"""

ADD = ("call", "enhanced", "add", "--args", '{"a": 1, "b": 2}')


def test_enhancements_are_reviewed_shown_and_what_is_kept_emptied(
    remote: CommandLine, tmp_path: Path
) -> None:
    path = tmp_path / "enhanced.wardian"
    path.write_bytes(package("enhanced", guest("calculator"), LINES))
    does = ["watched, slow beyond 1 s", "answers kept for 300 s", "stopped after 2 s"]
    asked = [{"function": "add", "does": does}]
    assert remote.json("review", path)["enhancements"] == asked
    assert "answers kept for 300 s" in remote("review", path).out
    assert "answers kept for 300 s" in remote("install", path).out
    try:
        assert "no call yet" in remote("enhancements", "show", "enhanced").out
        assert remote.json(*ADD)["usage"]["cached"] is False
        assert remote.json(*ADD)["usage"]["cached"] is True

        shown = remote("enhancements", "show", "enhanced").out
        assert "1 answers" in shown
        assert "2 calls (2 ok), 1 of them kept answers" in shown
        for command in (("show", "enhanced"), ("grants", "enhanced")):
            assert "stopped after 2 s" in remote(*command).out

        newer = tmp_path / "newer.wardian"
        lines = LINES.replace("300", "60")
        newer.write_bytes(package("enhanced", guest("calculator"), lines, version="1.0.1"))
        told = remote("upgrade", newer, "--dry-run").out
        assert "answers kept for 60 s" in told
        assert "before: watched, slow beyond 1 s; answers kept for 300 s" in told

        assert "1 answers were removed" in remote("enhancements", "empty-cache", "enhanced").out
        assert remote.json(*ADD)["usage"]["cached"] is False
        error = remote.error("enhancements", "show", "nothing")
        assert error["type"] == "not-found"
    finally:
        remote.json("uninstall", "enhanced", "--yes")


def test_a_manifest_is_validated_against_its_component(
    wardian: CommandLine, tmp_path: Path
) -> None:
    (tmp_path / "plugin.wasm").write_bytes(guest("calculator"))
    text = 'name = "made"\nversion = "1.0.0"\n' + LINES.replace('"add"', '"ad"')
    (tmp_path / "plugin.toml").write_text(text)
    error = wardian.error("validate", tmp_path)

    assert (error["type"], error["path"]) == ("invalid-manifest", "enhancements[0].function")
    assert error["line"] == 5


def test_a_plugin_without_any_says_so(remote: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "plain.wardian"
    path.write_bytes(package("plain", guest("calculator")))
    remote.json("install", path)
    try:
        assert "asks for nothing" in remote("enhancements", "show", "plain").out
    finally:
        remote.json("uninstall", "plain", "--yes")
