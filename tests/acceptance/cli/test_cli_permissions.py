import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from commands import CommandLine, announced, serve_process
from guests import guest
from packages import ASKING, package

MORE = """
[[permissions]]
permission = "kv:write"
reason = "Writes."
optional = true
"""


@pytest.fixture
def stores(remote: CommandLine, tmp_path: Path) -> Iterator[str]:
    """A monitored plugin that may read and tell, and may not write."""
    path = tmp_path / "stores.wardian"
    path.write_bytes(package("stores", guest("stores"), ASKING + MORE))
    remote.json("install", path, "--grant", "kv:read", "--grant", "events:publish:orders.*")
    assert remote.json("permissions", "monitor", "stores") == {"enabled": True}
    yield "stores"
    remote("uninstall", "stores", "--yes")


def publish(remote: CommandLine, topic: str = "orders.new") -> None:
    arguments = f'{{"topic": "{topic}", "data": "1"}}'
    remote.json("call", "stores", "publish", "--args", arguments)


def bump(remote: CommandLine) -> None:
    remote.error("call", "stores", "bump", "--args", '{"key": "n", "by": 1}')


def test_installing_says_what_each_permission_risks_and_how_to_grant_it(
    remote: CommandLine, tmp_path: Path
) -> None:
    path = tmp_path / "asking.wardian"
    path.write_bytes(package("asking", guest("memory"), ASKING))

    shown = remote("install", path)

    (line,) = [line for line in shown.out.splitlines() if "orders" in line]
    assert line.split()[:3] == ["not", "granted", "medium"]
    assert "Tells." in line
    assert "any of these topics" in line
    assert "wardian grant asking kv:read 'events:publish:orders.*'" in shown.err
    remote("uninstall", "asking")


def test_what_a_plugin_holds_is_shown_with_its_state(remote: CommandLine, stores: str) -> None:
    shown = remote("permissions", "show", stores)

    assert shown.out.startswith("stores 1.0.0, level restricted, monitored\n")
    assert "All that it lacks is optional" in shown.err
    remote.json("permissions", "monitor", stores, "--off")
    assert "not monitored" in remote("permissions", "show", stores).out
    assert remote.json("permissions", "show", stores)["monitored"] is False


def test_a_part_that_is_granted_is_listed_below_the_whole(remote: CommandLine, stores: str) -> None:
    remote.json("revoke", stores, "events:publish:orders.*")
    remote.json("grant", stores, "events:publish:orders.new")

    lines = remote("grants", stores).out.splitlines()

    at = next(number for number, line in enumerate(lines) if "orders.*" in line)
    assert lines[at].startswith("granted in part")
    assert lines[at + 1].split() == ["granted", "events:publish:orders.new"]


def test_uses_and_denials_are_shown_with_when_and_by_which_call(
    remote: CommandLine, stores: str
) -> None:
    assert "saw nothing yet" in remote("permissions", "uses", stores).out
    publish(remote)
    bump(remote)

    lines = remote("permissions", "uses", stores).out.splitlines()

    assert [line.split()[:2] for line in lines[1:3]] == [
        ["allowed", "events:publish:orders.new"],
        ["allowed", "kv:read"],
    ]
    assert lines[3].startswith("denied (grant)")
    assert len(remote.json("permissions", "uses", stores)["uses"]) == 3
    assert remote.json("permissions", "clear", stores) == {"cleared": stores}
    assert remote.json("permissions", "uses", stores)["uses"] == []


def test_a_suggestion_is_shown_as_a_difference_and_applied_on_request(
    remote: CommandLine, stores: str
) -> None:
    publish(remote)
    bump(remote)

    shown = remote("permissions", "suggest", stores)
    assert [line.split()[:2] for line in shown.out.splitlines()[1:]] == [
        ["-", "events:publish:orders.*"],
        ["+", "events:publish:orders.new"],
        ["=", "kv:read"],
    ]
    assert "still denied: kv:write (1 ×, last 2" in shown.err
    assert "events:publish:orders.*" in remote.json("grants", stores)["granted"]

    applied = remote.json("permissions", "suggest", stores, "--apply")
    assert applied["applied"] is True
    assert remote.json("grants", stores)["granted"] == ["events:publish:orders.new", "kv:read"]
    publish(remote)
    again = remote("permissions", "suggest", stores, "--apply")
    assert "smallest that suffices" in again.out
    assert remote.json("permissions", "suggest", stores)["applied"] is False


def test_what_was_denied_is_granted_on_request(remote: CommandLine, stores: str) -> None:
    bump(remote)

    answer = remote.json("permissions", "suggest", stores, "--include-denied", "--apply")

    assert answer["suggestion"]["denied"] == []
    assert remote.json("grants", stores)["granted"] == ["kv:read", "kv:write"]


def test_a_person_is_asked_before_a_suggestion_is_applied(
    remote: CommandLine, stores: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(remote)
    monkeypatch.setattr("wardian.cli.terminal._is_person_there", lambda: True)

    kept = remote("permissions", "suggest", stores, "--apply", stdin="n\n")
    assert kept.code == 1
    assert "keeps its grant" in kept.err
    done = remote("permissions", "suggest", stores, "--apply", stdin="y\n")
    assert done.out.endswith("stores has this grant now.\n")


def test_where_nothing_was_seen_nothing_is_suggested_nor_applied(
    remote: CommandLine, stores: str
) -> None:
    assert "saw nothing yet" in remote("permissions", "suggest", stores).out
    assert remote.error("permissions", "suggest", stores, "--apply")["type"] == "refused"
    remote.json("permissions", "monitor", stores, "--off")
    assert "is not monitored" in remote("permissions", "suggest", stores).out
    assert len(remote.json("grants", stores)["granted"]) == 2


def test_a_package_is_reviewed_without_a_host(
    wardian: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WARDIAN_URL", "http://127.0.0.1:1")
    path = tmp_path / "stores.wardian"
    path.write_bytes(package("stores", guest("stores"), 'required_scopes = ["repo"]\n' + ASKING))

    answer = wardian.json("review", path)
    shown = wardian("review", path)

    assert (answer["name"], answer["level"], answer["running_version"]) == (
        "stores",
        "restricted",
        None,
    )
    assert [item["change"] for item in answer["review"]] == ["new", "new"]
    assert answer["widened"] == []
    assert "required scopes: repo" in shown.out
    assert "--grant-all" in shown.err
    assert wardian.error("review", path, "--installed")["type"] == "unreachable"
    assert wardian.error("review", tmp_path / "none")["type"] == "invalid-arguments"


def test_a_directory_is_reviewed_before_it_is_built(wardian: CommandLine, tmp_path: Path) -> None:
    assert wardian.error("review", tmp_path)["type"] == "invalid-arguments"
    (tmp_path / "plugin.toml").write_text('name = "raw"\nversion = "0.1.0"\n')

    assert wardian.json("review", tmp_path)["review"] == []
    assert "asks for no permission" in wardian("review", tmp_path).out


def test_a_new_version_is_reviewed_against_the_one_that_is_installed(
    remote: CommandLine, stores: str, tmp_path: Path
) -> None:
    wider = ASKING.replace("orders.*", "*").replace("kv:read", "credentials:use:hub")
    path = tmp_path / "wider.wardian"
    new = 'sandbox_level = "standard"\n' + wider
    path.write_bytes(package("stores", guest("stores"), new, version="2.0.0"))

    answer = remote.json("review", path, "--installed")
    shown = remote("review", path, "--installed")

    assert answer["running_version"] == "1.0.0"
    assert [(item["permission"], item["change"]) for item in answer["review"]] == [
        ("credentials:use:hub", "new"),
        ("events:publish:*", "widened"),
        ("kv:read", "removed"),
        ("kv:write", "removed"),
    ]
    assert [item["wanted"] for item in answer["widened"]] == [
        "standard",
        "credentials:use:hub",
        "events:publish:*",
    ]
    assert "compared with the installed 1.0.0" in shown.out
    assert "It asks for events:publish:* instead of events:publish:orders.*." in shown.out

    path.write_bytes(package("stranger", guest("stores"), ASKING))
    assert "no plugin of this name" in remote("review", path, "--installed").err


def test_what_was_shown_of_uses_outlives_a_kill(
    wardian: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "stores.wardian"
    path.write_bytes(package("stores", guest("stores"), ASKING))
    options = ("--json", "--log-level", "warning", "--port", 0, "--data-dir", tmp_path / "state")
    key = "wdn_" + "k" * 43
    for begins in (True, False):
        with serve_process(*options, WARDIAN_BOOTSTRAP_KEY=key) as process:
            monkeypatch.setenv("WARDIAN_URL", announced(process)["url"])
            monkeypatch.setenv("WARDIAN_API_KEY", key)
            if begins:
                wardian.json("install", path, "--grant-all")
                wardian.json("permissions", "monitor", "stores")
                publish(wardian)
            view = wardian.json("permissions", "uses", "stores")
            process.send_signal(signal.SIGKILL)
        assert [use["permission"] for use in view["uses"]] == ["events:publish:orders.new"]
        assert view["monitored"] is True
