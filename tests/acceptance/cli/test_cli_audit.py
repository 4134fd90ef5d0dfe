"""The audit trail, from the command line."""

from __future__ import annotations

import json
import stat
from pathlib import Path

from commands import CommandLine
from guests import guest
from packages import package


def test_the_trail_is_listed_for_people_and_programs(remote: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "audited.wardian"
    path.write_bytes(package("audited", guest("calculator")))
    remote.json("install", path)
    remote.json("uninstall", "audited", "--yes")

    page = remote.json("audit", "list", "--subject", "audited", "--action", "plugin.*installed")
    assert [each["action"] for each in page["entries"]] == [
        "plugin.uninstalled",
        "plugin.installed",
    ]
    shown = remote("audit", "list", "--subject", "audited").out
    assert "plugin.installed" in shown
    assert "127.0.0.1" in shown
    assert remote("audit", "list", "--subject", "nothing-of-it").out == (
        "There are no such entries.\n"
    )
    assert "--before" in remote("audit", "list", "--limit", 1).err


def test_a_trail_is_exported_and_verified_here(remote: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "trail.jsonl"
    done = remote.json("audit", "export", "-o", path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert done["sound"]
    assert done["entries"] == len(path.read_text().splitlines())

    verified = remote.json("audit", "verify", path, "--head", done["head"])
    assert verified["head"] == done["head"]
    assert "none was changed" in remote("audit", "verify", path).out
    live = remote.json("audit", "verify", "--head", done["head"])
    assert live["entries"] == done["entries"] + 1

    lines = path.read_text().splitlines()
    entry = json.loads(lines[0])
    entry["actor"] = "somebody-else"
    path.write_text("\n".join([json.dumps(entry), *lines[1:]]) + "\n")
    error = remote.error("audit", "verify", path)
    assert error["type"] == "audit-broken"
    assert error["broken"][0]["sequence"] == 1
    path.write_text("\n".join([*lines[:1], "no json", *lines[1:]]) + "\n")
    assert remote.error("audit", "verify", path)["type"] == "audit-broken"
    assert remote.error("audit", "verify", tmp_path / "none")["type"] == "invalid-arguments"
    assert remote.error("audit", "verify", "--head", "7")["type"] == "invalid-arguments"
