import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from commands import CommandLine
from guests import echo, guest
from packages import ASKING, manifest, package
from wardian.sandbox.types import Primitive


@pytest.fixture
def calculator(remote: CommandLine, tmp_path: Path) -> Iterator[str]:
    path = tmp_path / "calculator.wardian"
    path.write_bytes(package("calculator", guest("calculator"), ASKING))
    remote.json("install", path)
    yield "calculator"
    remote("uninstall", "calculator")


def test_a_package_is_installed_listed_shown_and_uninstalled(
    remote: CommandLine, tmp_path: Path
) -> None:
    path = tmp_path / "memory.wardian"
    path.write_bytes(package("memory", guest("memory")))
    assert remote.json("install", path)["state"] == "active"
    assert [item["name"] for item in remote.json("list")["plugins"]] == ["memory"]
    shown = remote.json("show", "memory")
    assert set(shown["functions"]) == {"remember", "recall"}
    assert remote.json("uninstall", "memory") == {"uninstalled": "memory"}
    assert remote.json("list") == {"plugins": []}
    assert "No plugin" in remote("list").out


def test_what_a_plugin_offers_to_others_is_shown(remote: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "memory.wardian"
    path.write_bytes(package("memory", guest("memory"), 'capabilities = ["recall", "notes@2.0.0"]'))
    remote.json("install", path)

    shown, told = remote.json("show", "memory"), remote("show", "memory").out
    remote("uninstall", "memory", "--yes")

    assert shown["capabilities"] == ["recall", "notes@2.0.0"]
    assert "offers: recall, notes@2.0.0" in told


def test_an_import_that_the_manifest_does_not_ask_for_is_told(
    remote: CommandLine, tmp_path: Path
) -> None:
    path = tmp_path / "stores.wardian"
    path.write_bytes(package("stores", guest("stores")))

    told = remote("install", path)
    shown = remote.json("show", "stores")
    remote("uninstall", "stores", "--yes")

    assert "warning: The component imports wardian:plugin/kv" in told.err
    assert any("does not ask for events:publish" in each for each in shown["warnings"])


def test_a_person_is_asked_before_a_plugin_goes(
    remote: CommandLine, calculator: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wardian.cli.terminal._is_person_there", lambda: True)

    kept = remote("uninstall", calculator, stdin="n\n")
    assert kept.code == 1
    assert kept.err.startswith(f"Uninstall {calculator}, with its stored values")
    assert "stays installed" in kept.err

    assert "'nothing' is installed" in remote("uninstall", "nothing", stdin="y\n").err
    assert remote("uninstall", calculator, "--yes").out == f"Uninstalled {calculator}.\n"


def test_a_directory_that_was_not_built_says_how_to(remote: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "plugin.toml").write_text(manifest("not-built"))

    for verb in ("install", "pack"):
        error = remote.error(verb, tmp_path)
        assert error["type"] == "invalid-manifest"
        assert error["detail"].endswith(f"wardian build {tmp_path}")


def test_a_directory_is_installed_too(remote: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "plugin.toml").write_text(manifest("from-directory"))
    (tmp_path / "plugin.wasm").write_bytes(guest("memory"))
    assert remote.json("install", tmp_path)["name"] == "from-directory"
    remote.json("uninstall", "from-directory")


def test_installing_shows_what_is_asked_for_and_what_was_granted(
    remote: CommandLine, tmp_path: Path
) -> None:
    path = tmp_path / "asking.wardian"
    path.write_bytes(package("asking", guest("memory"), ASKING))
    shown = remote("install", path, "--grant", "kv:read").out.splitlines()
    assert [line.split()[0] for line in shown if "kv:read" in line] == ["granted"]
    assert [line.split()[0] for line in shown if "orders" in line] == ["not"]
    remote("uninstall", "asking")
    everything = remote.json("install", path, "--grant-all", "--disabled")
    assert sorted(everything["granted"]) == ["events:publish:orders.*", "kv:read"]
    assert everything["state"] == "installed"
    remote("uninstall", "asking")


def test_permissions_are_granted_and_revoked_one_by_one(
    remote: CommandLine, calculator: str
) -> None:
    assert remote.json("grants", calculator)["granted"] == []
    assert remote.json("grant", calculator, "kv:read")["granted"] == ["kv:read"]
    more = remote.json("grant", calculator, "events:publish:orders.*")
    assert sorted(more["granted"]) == ["events:publish:orders.*", "kv:read"]
    left = remote.json("revoke", calculator, "kv:read")
    assert left["granted"] == ["events:publish:orders.*"]
    assert remote.error("revoke", calculator, "kv:read")["type"] == "not-found"
    assert remote.error("grant", calculator, "kv:write")["type"] == "invalid-arguments"


def test_a_function_is_called_with_arguments_from_anywhere(
    remote: CommandLine, calculator: str, tmp_path: Path
) -> None:
    arguments = '{"a": 12, "b": 4}'
    file = tmp_path / "arguments.json"
    file.write_text(arguments)
    for given, text in ((arguments, None), (f"@{file}", None), ("-", arguments)):
        answer = remote.json("call", calculator, "divide", "--args", given, stdin=text)
        assert answer["result"] == 3
    nested = remote.json("call", calculator, "acme:calc/ops@1.0.0#add", "--args", arguments)
    assert nested["result"] == 16
    for_people = remote("call", calculator, "add", "--args", arguments)
    assert for_people.out == "16\n"
    assert "fuel" in for_people.err


def test_a_failed_call_reports_its_error_and_its_usage(
    remote: CommandLine, calculator: str
) -> None:
    done = remote("call", calculator, "divide", "--args", '{"a":1,"b":0}', "--json")
    assert done.code == 1
    assert done.json["error"]["type"] == "guest-error"
    assert done.json["error"]["payload"] == 7
    assert done.json["usage"]["wall_seconds"] > 0
    for_people = remote("call", calculator, "divide", "--args", '{"a":1,"b":0}')
    assert (for_people.code, for_people.out) == (1, "")
    assert for_people.err.startswith("error: ")


def test_a_limit_of_one_call_is_lowered(remote: CommandLine, calculator: str) -> None:
    arguments = ("--args", '{"a":1,"b":1}', "--limit", "fuel=1")
    assert remote.error("call", calculator, "add", *arguments)["type"] == "out-of-fuel"


def test_a_plugin_is_disabled_and_enabled(remote: CommandLine, calculator: str) -> None:
    assert remote.json("disable", calculator)["state"] == "disabled"
    refused = remote.error("call", calculator, "add", "--args", '{"a":1,"b":1}')
    assert refused["type"] == "conflict"
    assert remote.json("enable", calculator)["state"] == "active"


def test_configuration_is_changed_and_replaced(remote: CommandLine, calculator: str) -> None:
    assert remote.json("config", "set", calculator, "a=1", "b=text") == {"a": 1, "b": "text"}
    assert remote.json("config", "set", calculator, "a=2") == {"a": 2, "b": "text"}
    assert remote.json("config", "get", calculator, "a") == {"a": 2}
    assert remote.json("config", "set", calculator, "--replace", '{"c":[1]}') == {"c": [1]}
    assert remote.error("config", "get", calculator, "a")["type"] == "not-found"
    assert remote.error("config", "set", calculator)["type"] == "invalid-arguments"


def test_keys_are_made_listed_and_revoked(
    remote: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = remote.json("keys", "create", "reader", "--scope", "read")
    assert made["id"] in [item["id"] for item in remote.json("keys", "list")["keys"]]
    monkeypatch.setenv("WARDIAN_API_KEY", made["token"])
    assert remote.json("list") == {"plugins": []}
    assert remote.error("keys", "list")["type"] == "forbidden"


def test_a_new_key_s_token_is_all_of_standard_output_and_its_id_beside_it(
    remote: CommandLine,
) -> None:
    made = remote("keys", "create", "shown")

    (found,) = [key for key in remote.json("keys", "list")["keys"] if key["name"] == "shown"]
    assert made.out.startswith("wdn_")
    assert made.out.count("\n") == 1
    assert f"wardian keys revoke {found['id']}" in made.err


def test_a_revoked_key_is_worth_nothing(
    remote: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = remote.json("keys", "create", "short-lived")
    assert sorted(made["scopes"]) == ["call", "read"]
    remote.json("keys", "revoke", made["id"])
    monkeypatch.setenv("WARDIAN_API_KEY", made["token"])
    assert remote.error("list")["type"] == "unauthenticated"


def test_tenants_are_made_and_get_their_first_key(
    remote: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote.json("tenants", "create", "gardeners")
    names = [item["name"] for item in remote.json("tenants", "list")["tenants"]]
    assert "gardeners" in names
    key = remote.json("keys", "create", "k", "--scope", "admin", "--tenant", "gardeners")
    monkeypatch.setenv("WARDIAN_API_KEY", key["token"])
    assert remote.error("tenants", "list")["type"] == "forbidden"


def test_without_a_key_the_variable_is_named(
    remote: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WARDIAN_API_KEY")
    assert "WARDIAN_API_KEY" in remote.error("list")["detail"]


def test_what_is_no_plugin_is_refused_in_a_sentence(remote: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "x.wardian"
    path.write_bytes(b"not a zip")
    assert remote.error("install", path)["type"] == "invalid-manifest"
    assert remote.error("install", tmp_path / "nothing")["type"] == "invalid-arguments"
    assert remote.error("show", "nobody")["type"] == "not-found"


def test_escape_sequences_in_a_result_do_not_reach_the_terminal(
    remote: CommandLine, tmp_path: Path
) -> None:
    path = tmp_path / "echo.wardian"
    path.write_bytes(package("echo", echo(Primitive("string"))))
    remote.json("install", path)
    hostile = ["\x1b[2J\x9b\u202e[red]x[/red]"]
    for options in ((), ("--json",)):
        arguments = ("--args", json.dumps({"values": hostile}), *options)
        done = remote("call", "echo", "echo", *arguments)
        assert done.code == 0
        assert done.out.replace("\n", "").isprintable()
        found = json.loads(done.out)
        assert (found["result"] if options else found) == hostile
    remote("uninstall", "echo")


def test_no_host_at_the_address_is_one_clear_line(
    wardian: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    monkeypatch.setenv("WARDIAN_URL", f"http://127.0.0.1:{port}")
    assert wardian.error("list")["type"] == "unreachable"
    for_people = wardian("list")
    assert (for_people.code, for_people.err.count("\n")) == (1, 1)


@pytest.mark.parametrize("url", ["127.0.0.1:8420", "ftp://host", "http://", "http://ho st"])
def test_an_address_that_is_none_is_refused(
    wardian: CommandLine, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("WARDIAN_URL", url)
    assert "WARDIAN_URL" in wardian.error("list")["detail"]


@contextmanager
def foreign_server(answer: bytes) -> Iterator[str]:
    """A server that is no Wardian host, for one request."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer_once() -> None:
            peer, _ = listener.accept()
            with peer:
                peer.recv(65536)
                peer.sendall(answer)

        thread = threading.Thread(target=answer_once)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join()


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>", "unexpected-answer"),
        (b"HTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\n{}", "unexpected-answer"),
        (
            b"HTTP/1.1 302 Go\r\nLocation: http://x/\r\nContent-Length: 0\r\n\r\n",
            "unexpected-answer",
        ),
        (b"garbage\r\n\r\n", "unreachable"),
        (b"", "unreachable"),
    ],
)
def test_another_server_at_the_address_is_recognised(
    wardian: CommandLine, monkeypatch: pytest.MonkeyPatch, answer: bytes, kind: str
) -> None:
    with foreign_server(answer) as url:
        monkeypatch.setenv("WARDIAN_URL", url)
        assert wardian.error("list")["type"] == kind


@pytest.mark.parametrize(
    "arguments", [("install",), ("call", "x"), ("nonsense",), ("list", "--nonsense")]
)
def test_wrong_usage_exits_with_2(wardian: CommandLine, arguments: tuple[str, ...]) -> None:
    assert wardian(*arguments).code == 2
