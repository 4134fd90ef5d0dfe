"""What plugins keep beside rows, from the command line."""

from __future__ import annotations

from pathlib import Path

from commands import CommandLine
from guests import guest
from packages import package

ASKING = """
[[row_data]]
kind = "users"
data_schema = { type = "object", properties = { plan = { type = "string" } } }
"""


def test_data_is_kept_shown_and_removed(remote: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "teller.wardian"
    path.write_bytes(package("teller", guest("calculator"), ASKING))
    remote.json("install", path)

    assert remote("rows", "list", "teller", "users").out == "There is nothing.\n"
    kept = remote.json("rows", "set", "teller", "users", "a/b", "--data", '{"plan": "paid"}')
    assert (kept["row"], kept["version"]) == ("a/b", 1)
    assert '"plan": "paid"' in remote("rows", "show", "teller", "users", "a/b").out
    assert "a/b" in remote("rows", "list", "teller", "users").out
    assert "users" in remote("rows", "kinds", "teller").out
    error = remote.error("rows", "set", "teller", "users", "a/b", "--data", '{"plan": 7}')
    assert (error["type"], error["path"]) == ("invalid-arguments", "plan")
    assert "own version" in remote("rows", "migrate", "teller").out
    assert "Removed" in remote("rows", "remove", "teller", "users", "a/b").out
    assert remote.error("rows", "show", "teller", "users", "a/b")["type"] == "not-found"
    remote.json("uninstall", "teller", "--yes")
