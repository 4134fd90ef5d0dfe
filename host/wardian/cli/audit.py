"""The audit trail: looked at, exported, verified."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlencode

import msgspec
import typer

from wardian.cli.client import connect
from wardian.cli.failures import Failure
from wardian.cli.terminal import Json, Terminal, command
from wardian.cli.text import as_json, moment, size
from wardian.crypto.chains import ChainReport, Verification, parse_head
from wardian.errors import InvalidArguments

LINE_BYTES_MAX = 1024 * 1024


@command
def list_entries(
    actor: Annotated[str | None, typer.Option("--actor", help="The name of a key.")] = None,
    action: Annotated[
        str | None, typer.Option("--action", help="Such as 'plugin.*' or '*.denied'.")
    ] = None,
    subject: Annotated[
        str | None, typer.Option("--subject", help="With * for any characters.")
    ] = None,
    denied: Annotated[bool, typer.Option("--denied", help="Only what was refused.")] = False,
    since: Annotated[
        str | None, typer.Option("--since", help="From then on: 2026-01-31T12:00:00Z.")
    ] = None,
    until: Annotated[str | None, typer.Option("--until", help="Before then.")] = None,
    limit: Annotated[int, typer.Option("--limit", help="How many of the newest.")] = 20,
    before: Annotated[int | None, typer.Option("--before", help="`next` of the page.")] = None,
    json: Json = False,
) -> None:
    """List what was done and what was refused, the newest first."""
    terminal = Terminal(json=json)
    asked = {
        "actor": actor,
        "action": action,
        "subject": subject,
        "decision": "denied" if denied else None,
        "since": since,
        "until": until,
        "limit": limit,
        "before": before,
    }
    query = urlencode({name: value for name, value in asked.items() if value is not None})
    with connect() as client:
        page = client.get(f"/audit?{query}")
    terminal.answer(page, lambda: _show(terminal, page))


@command
def export(
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write.")],
    json: Json = False,
) -> None:
    """Export the whole trail as JSON Lines, the oldest entry first."""
    terminal = Terminal(json=json)
    with connect() as client, tempfile.TemporaryFile() as file:
        client.save("/audit/export", file)
        file.seek(0)
        report = _verified(file, None)
        file.seek(0)
        content = file.read()
    try:
        descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as written:
            written.write(content)
    except OSError as error:
        raise InvalidArguments(
            f"{str(output)!r} cannot be written: {error.strerror}.", path="--output"
        ) from error
    answer = {"file": str(output), "size_bytes": len(content), **_as_answer(report)}
    terminal.answer(answer, lambda: _show_export(terminal, output, len(content), report))


@command
def verify(
    file: Annotated[
        Path | None, typer.Argument(help="An export; without one the host's trail is taken.")
    ] = None,
    head: Annotated[
        str | None,
        typer.Option("--head", help="The head of an earlier verification: it must be in it."),
    ] = None,
    json: Json = False,
) -> None:
    """Verify that nothing of the trail was changed, here and not on the host.

    Keep the head that it prints where nobody can write who could write to the database: whoever
    can might also write a whole new trail, and only an earlier head shows that.
    """
    terminal = Terminal(json=json)
    known = None if head is None else parse_head(head)
    if file is not None:
        report = _of_file(file, head)
    else:
        with connect() as client, tempfile.TemporaryFile() as fetched:
            client.save("/audit/export", fetched)
            fetched.seek(0)
            report = _verified(fetched, head)
    if not report.sound:
        first = report.faults[0]
        raise Failure(
            {
                "type": "audit-broken",
                "title": "The audit trail is not as it was written.",
                "detail": f"Entry {first.sequence}: {first.what}",
                "broken": msgspec.to_builtins(report.faults),
            }
        )
    terminal.answer(_as_answer(report), lambda: _show_report(terminal, report, known is not None))


def _of_file(path: Path, head: str | None) -> ChainReport:
    try:
        with path.open("rb") as file:
            return _verified(file, head)
    except OSError as error:
        raise InvalidArguments(f"{str(path)!r} cannot be read: {error.strerror}.") from error


def _verified(lines: Iterable[bytes], head: str | None) -> ChainReport:
    verification = Verification(None if head is None else parse_head(head))
    for line in lines:
        entry = _entry(line)
        if entry is None:
            verification.broken("It is no entry.")
        else:
            verification.add(entry)
    return verification.report()


def _entry(line: bytes) -> dict[str, Any] | None:
    if len(line) > LINE_BYTES_MAX:
        return None
    try:
        return msgspec.json.decode(line, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _as_answer(report: ChainReport) -> dict[str, Any]:
    answer: dict[str, Any] = msgspec.to_builtins(report)
    return answer | {"head": None if report.head is None else str(report.head)}


def _show(terminal: Terminal, page: dict[str, Any]) -> None:
    rows = [
        [
            str(each["sequence"]),
            moment(each["time"]),
            each["actor"],
            each["address"],
            each["action"],
            each["subject"],
            each["decision"],
            each["layer"],
            " ".join(f"{name}={_short(value)}" for name, value in each["detail"].items()),
        ]
        for each in page["entries"]
    ]
    if not rows:
        terminal.line("There are no such entries.")
        return
    names = ["no.", "time", "who", "from", "action", "what", "decision", "by", "detail"]
    terminal.table(names, rows, {"decision": {"denied": "red", "allowed": "green"}})
    if page["next"] is not None:
        terminal.note(f"There are more: --before {page['next']}")


def _short(value: Any) -> str:
    return value if isinstance(value, str) else as_json(value)


def _show_export(terminal: Terminal, output: Path, written: int, report: ChainReport) -> None:
    terminal.line(f"Wrote {output}: {report.entries:,} entries, {size(written)}.")
    terminal.note(f"Its head is {report.head}")


def _show_report(terminal: Terminal, report: ChainReport, was_known: bool) -> None:
    if report.head is None:
        terminal.line("The trail is empty.")
        return
    terminal.line(f"{report.entries:,} entries follow from one another, and none was changed.")
    if was_known:
        terminal.line("The head that was given is among them.")
    terminal.line(f"The head is now {report.head}")
