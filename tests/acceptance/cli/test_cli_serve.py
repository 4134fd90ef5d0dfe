import json
import signal
import socket
from pathlib import Path

import httpx
import pytest

from commands import CommandLine, announced, serve_process, stop
from guests import guest
from packages import KEY, package


def finished(*arguments: object, **environment: str) -> tuple[int, str, str]:
    """Run a server that cannot start."""
    with serve_process(*arguments, **environment) as process:
        out, err = process.communicate(timeout=30)
        return process.returncode, out, err


def test_the_first_start_prints_a_key_and_the_second_none(tmp_path: Path) -> None:
    data = tmp_path / "state"
    with serve_process("--json", "--port", 0, "--data-dir", data) as process:
        first = announced(process)
        assert first["bootstrap_key"].startswith("wdn_")
        status, log = stop(process)
        (line,) = log.splitlines()  # of the audit trail: that there is a key, and not which
        assert (status, "wardian.audit: key.created" in line) == (0, True)
        assert first["bootstrap_key"] not in line
    with serve_process("--json", "--port", 0, "--data-dir", data) as process:
        second = announced(process)
        assert second["bootstrap_key"] is None
        headers = {"Authorization": f"Bearer {first['bootstrap_key']}"}
        url = f"{second['url']}/api/v1/plugins"
        assert httpx.get(url, headers=headers, trust_env=False).json() == []
        assert stop(process, signal.SIGINT) == (0, "")


def test_people_are_told_the_address_and_the_key(tmp_path: Path) -> None:
    with serve_process("--port", 0, "--data-dir", tmp_path / "state") as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(4)]
        assert "http://127.0.0.1:" in lines[0]
        assert lines[1].strip().endswith("/docs")
        assert lines[3].startswith("wdn_")


def test_a_key_that_the_operator_chose_is_not_printed(tmp_path: Path) -> None:
    arguments = ("--json", "--port", 0, "--data-dir", tmp_path / "state")
    with serve_process(*arguments, WARDIAN_BOOTSTRAP_KEY=KEY) as process:
        found = announced(process)
        assert found["bootstrap_key"] is None
        headers = {"Authorization": f"Bearer {KEY}"}
        url = f"{found['url']}/api/v1/keys"
        assert httpx.get(url, headers=headers, trust_env=False).status_code == 200


def test_everything_installed_is_there_and_callable_after_a_restart(tmp_path: Path) -> None:
    arguments = ("--json", "--port", 0, "--data-dir", tmp_path / "state")
    headers = {"Authorization": f"Bearer {KEY}"}
    with serve_process(*arguments, WARDIAN_BOOTSTRAP_KEY=KEY) as process:
        url = announced(process)["url"]
        zipped = {**headers, "Content-Type": "application/zip"}
        content = package("calculator", guest("calculator"))
        made = httpx.post(f"{url}/api/v1/plugins", content=content, headers=zipped, trust_env=False)
        assert made.status_code == 201
        stop(process)
    with serve_process(*arguments) as process:
        url = announced(process)["url"]
        answer = httpx.post(
            f"{url}/api/v1/plugins/calculator/functions/divide",
            json={"arguments": {"a": 9, "b": 3}},
            headers=headers,
            trust_env=False,
        )
        assert answer.json()["result"] == 3
        assert answer.elapsed.total_seconds() < 1


def test_a_taken_port_is_one_clear_line_and_nothing_is_changed(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, out, err = finished("--port", port, "--data-dir", tmp_path / "state")
    assert (code, out) == (1, "")
    assert err.count("\n") == 1
    assert str(port) in err
    assert not (tmp_path / "state").exists()


def test_an_address_of_another_machine_is_one_clear_line(tmp_path: Path) -> None:
    data = tmp_path / "state"
    code, _, err = finished("--host", "203.0.113.7", "--port", 0, "--data-dir", data)
    assert (code, err.count("\n")) == (1, 1)
    assert not data.exists()


def test_a_data_directory_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a directory")
    data = tmp_path / "file" / "state"
    code, out, err = finished("--port", 0, "--data-dir", data)
    assert (code, out) == (1, "")
    assert err.count("\n") == 1
    assert str(data) in err


def test_a_data_directory_of_a_running_host_is_refused(tmp_path: Path) -> None:
    data = tmp_path / "state"
    with serve_process("--json", "--port", 0, "--data-dir", data) as process:
        announced(process)
        code, _, err = finished("--port", 0, "--data-dir", data)
        assert (code, err.count("\n")) == (1, 1)
        assert "Another host" in err
        assert process.poll() is None


@pytest.mark.parametrize("variable", ["WARDIAN_PORT", "WARDIAN_WORKERS_MAX"])
def test_a_setting_that_does_not_hold_is_named(tmp_path: Path, variable: str) -> None:
    code, _, err = finished("--data-dir", tmp_path / "state", **{variable: "many"})
    assert (code, err.count("\n")) == (1, 1)
    assert variable in err


def test_errors_are_json_when_asked_for(wardian: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    error = wardian.error("serve", "--port", 0, "--data-dir", tmp_path / "file" / "state")
    assert error["type"] == "host-unusable"


def test_each_request_is_a_line_of_the_log_until_the_last(tmp_path: Path) -> None:
    options = ("--json", "--port", 0, "--data-dir", tmp_path / "state", "--log-format", "json")
    with serve_process(*options, WARDIAN_ACCESS_LOG="true") as process:
        found = announced(process)
        headers = {"Authorization": f"Bearer {found['bootstrap_key']}", "X-Request-ID": "last"}
        url = f"{found['url']}/api/v1/plugins?key={found['bootstrap_key']}"
        httpx.get(url, headers=headers, trust_env=False)
        status, log = stop(process)

    lines = [json.loads(line) for line in log.splitlines()]
    (line,) = [each for each in lines if each["logger"] == "wardian.access"]
    assert (status, line["request_id"]) == (0, "last")
    assert line["fields"]["route"] == "/api/v1/plugins"
    assert found["bootstrap_key"] not in log
