"""Variables that look like Wardian's and are none."""

from __future__ import annotations

import logging

import pytest

from commands import CommandLine
from wardian.cli.environment import complaints, known_variables
from wardian.cli.logs import LogFormat, LogLevel, logging_to_stderr


def test_what_wardian_reads_is_not_complained_about() -> None:
    assert {"WARDIAN_URL", "WARDIAN_API_KEY", "WARDIAN_LEVEL_MAX"} <= set(known_variables())
    assert complaints([*known_variables(), "wardian_port", "PATH", "XWARDIAN_A"]) == []


def test_a_name_that_is_none_comes_with_the_nearest() -> None:
    misspelt, unlike = complaints(["WARDIAN_ZZZ", "WARDIAN_API_KEYS"])

    assert misspelt.endswith("Did you mean WARDIAN_API_KEY?")
    assert unlike == "WARDIAN_ZZZ is not a variable of Wardian's, and has no effect."


def test_a_command_warns_on_standard_error_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WARDIAN_ULR", "http://127.0.0.1:1")

    done = CommandLine()("inspect", "/nothing", "--json")

    assert set(done.json) == {"error"}
    assert done.err.startswith("warning: WARDIAN_ULR ")
    assert "Did you mean WARDIAN_URL?" in done.err


def test_a_server_warns_in_its_log(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WARDIAN_PROT", "1")

    with logging_to_stderr(LogFormat.JSON, LogLevel.WARNING):
        logging.getLogger("wardian").info("quiet")

    (line,) = capsys.readouterr().err.splitlines()
    assert "Did you mean WARDIAN_PORT?" in line
