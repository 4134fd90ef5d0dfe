import json
import logging
import sys

import pytest
from pydantic import SecretStr

from wardian.cli.logs import JsonLines, LogFormat, LogLevel, TextLines, logging_to_stderr
from wardian.policy.secret import Secret

FACTS = {"tenant": "t", "plugin": "p", "call_id": "c", "fields": {"order": "7", "x\n": "\x1b[2J"}}


def record(message: str, **facts: object) -> logging.LogRecord:
    made = logging.getLogger("wardian.plugin").makeRecord(
        "wardian.plugin", logging.WARNING, "file", 1, message, (), None, extra=facts
    )
    made.created = 0.5
    return made


def test_a_line_for_people_names_the_plugin_and_its_fields() -> None:
    line = TextLines().format(record("low", **FACTS))
    assert line == (
        "1970-01-01T00:00:00.500+00:00 warning wardian.plugin: low "
        r"tenant=t plugin=p call_id=c order=7 x\n=\x1b[2J"
    )


def test_a_line_for_machines_is_one_json_object() -> None:
    line = JsonLines().format(record("low\n", **FACTS))
    assert "\n" not in line
    assert json.loads(line) == {
        "time": "1970-01-01T00:00:00.500+00:00",
        "level": "warning",
        "logger": "wardian.plugin",
        "message": "low\n",
        **FACTS,
    }


@pytest.mark.parametrize("formatter", [TextLines(), JsonLines()])
def test_a_traceback_is_kept(formatter: logging.Formatter) -> None:
    made = record("bad")
    try:
        raise RuntimeError("the cause")
    except RuntimeError:
        made.exc_info = sys.exc_info()
    assert "the cause" in formatter.format(made)


def test_the_log_goes_to_standard_error_while_it_is_asked_to(
    capsys: pytest.CaptureFixture[str],
) -> None:
    log = logging.getLogger("wardian.test")
    with logging_to_stderr(LogFormat.TEXT, LogLevel.INFO):
        log.info("shown")
        log.debug("not shown")
    log.info("over")
    shown = capsys.readouterr()
    assert (shown.out, shown.err.count("\n")) == ("", 1)
    assert "wardian.test: shown" in shown.err


KEY = "wdn_kY3Ei5_nL-4m0123456789"


@pytest.mark.parametrize("formatter", [TextLines(), JsonLines()])
@pytest.mark.parametrize(
    ("said", "kept"),
    [
        (f"the key {KEY} is none", "the key wdn_[secret] is none"),
        ("Authorization: Bearer eyJhbGciOi.x.y", "Bearer [secret]"),
        ("Authorization: Basic dXNlcjpwYXNz", "Basic [secret]"),
        ("postgresql://wardian:hunter22@db/x", "postgresql://[secret]@db/x"),
        ("nats://:hunter22@n:4222", "nats://[secret]@n:4222"),
        ("http://[::1]:8420/a@b", "http://[::1]:8420/a@b"),
    ],
)
def test_what_is_secret_is_taken_out_wherever_it_is(
    formatter: logging.Formatter, said: str, kept: str
) -> None:
    assert kept in formatter.format(record(said))
    assert kept in formatter.format(record("x", fields={"said": said}))
    made = record("bad")
    try:
        raise RuntimeError(said)
    except RuntimeError:
        made.exc_info = sys.exc_info()
    assert kept in formatter.format(made)
    everything = formatter.format(made) + formatter.format(record(said, plugin=said))
    for secret in (KEY, "eyJhbGciOi", "dXNlcjpwYXNz", "hunter22"):
        assert secret not in everything


@pytest.mark.parametrize("formatter", [TextLines(), JsonLines()])
def test_a_secret_setting_shows_nothing(formatter: logging.Formatter) -> None:
    held = record("x", fields={"key": SecretStr(KEY), "other": Secret("hunter22")})
    assert "kY3Ei5" not in formatter.format(held)
    assert "hunter22" not in formatter.format(held)


def test_numbers_are_numbers_to_programs() -> None:
    line = JsonLines().format(record("x", fields={"status": 200, "ms": 1.5, "ok": True}))
    assert json.loads(line)["fields"] == {"status": 200, "ms": 1.5, "ok": "True"}
