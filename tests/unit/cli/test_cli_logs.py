import json
import logging
import sys

import pytest

from wardian.cli.logs import JsonLines, LogFormat, LogLevel, TextLines, logging_to_stderr

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
