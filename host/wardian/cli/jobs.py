"""Jobs: calls that were not waited for; listed, shown, waited for, watched, cancelled."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Annotated, Any
from urllib.parse import quote, urlencode

import msgspec
import typer

from wardian.cli.client import Client, connect
from wardian.cli.failures import Failure, failure
from wardian.cli.terminal import Json, Terminal, command
from wardian.cli.text import moment

Job = Annotated[str, typer.Argument(metavar="JOB", help="Its id.")]
State = Annotated[
    list[str] | None,
    typer.Option(
        "--state",
        help="Only those that are queued, running, succeeded, failed, cancelled or lost.",
    ),
]

POLL_SECONDS = 30
"""How long the host is asked to wait at a time."""

_ENDED = ("succeeded", "failed", "cancelled", "lost")
_EVENT, _DATA = "event: ", "data: "


@command
def list_jobs(
    state: State = None,
    plugin: Annotated[
        str | None, typer.Option("--plugin", help="Only those of this plugin.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", help="How many of the newest.")] = 20,
    before: Annotated[
        str | None, typer.Option("--before", help="`next` of the page before.")
    ] = None,
    json: Json = False,
) -> None:
    """List jobs, the newest first."""
    terminal = Terminal(json=json)
    query: dict[str, Any] = {"limit": limit, "state": state or []}
    query |= {} if plugin is None else {"plugin": plugin}
    query |= {} if before is None else {"before": before}
    with connect() as client:
        page = client.v2.get(f"/jobs?{urlencode(query, doseq=True)}")
    terminal.answer(page, lambda: _show_page(terminal, page))


@command
def show(job: Job, json: Json = False) -> None:
    """Show a job, and what came of it if it has ended."""
    terminal = Terminal(json=json)
    with connect() as client:
        found = client.v2.get(_path(job))
        outcome = _outcome(client, found) if found["has_result"] else {}
    terminal.answer(found | outcome, lambda: _show(terminal, found, outcome))


@command
def wait(
    job: Job,
    timeout: Annotated[
        float | None, typer.Option("--timeout", help="Seconds after which to wait no longer.")
    ] = None,
    json: Json = False,
) -> None:
    """Wait until a job has ended, and answer as its call would have.

    Exits with 1 if it did not succeed, or has not ended in time.
    """
    terminal = Terminal(json=json)
    with connect() as client, terminal.busy(f"Waiting for the job {job}"):
        found = _ended(client, job, timeout)
        outcome = _outcome(client, found)
    _conclude(terminal, outcome)


@command
def cancel(job: Job, json: Json = False) -> None:
    """Cancel a job, whichever host runs it."""
    terminal = Terminal(json=json)
    with connect() as client:
        found = client.v2.send("DELETE", _path(job))
    terminal.answer(found, lambda: terminal.line(f"Cancelled the job {found['id']}."))


@command
def stream(job: Job, json: Json = False) -> None:
    """Show what happens to a job until it has ended: its states, lines and progress.

    With --json an object a line. Exits with 1 if it did not succeed.
    """
    terminal = Terminal(json=json)
    state = ""
    with connect() as client:
        for event, told in messages(client.v2.lines(_path(job, "/stream"))):
            state = told["state"] if event == "state" else state
            terminal.answer({"event": event, event: told}, partial(_tell, terminal, event, told))
    if state not in _ENDED:
        terminal.note("The host ended the stream.")
    if state != "succeeded":
        raise typer.Exit(1)


def show_queued(terminal: Terminal, found: dict[str, Any]) -> None:
    """Say that a call was made a job."""
    terminal.line(f"Queued as the job {found['id']}.")
    terminal.note(f"`wardian jobs wait {found['id']}` waits for it.")


def _path(job: str, rest: str = "") -> str:
    return f"/jobs/{quote(job, safe='')}{rest}"


def _ended(client: Client, job: str, timeout: float | None) -> dict[str, Any]:
    until = None if timeout is None else time.monotonic() + timeout
    while True:
        left = POLL_SECONDS if until is None else min(POLL_SECONDS, until - time.monotonic())
        found: dict[str, Any] = client.v2.get(_path(job, f"?wait={max(0.0, left):.3f}"))
        if found["state"] in _ENDED:
            return found
        if until is not None and time.monotonic() >= until:
            raise failure(
                "unfinished",
                "The job has not ended.",
                f"The job {job} is {found['state']} after {timeout:g} s; it goes on.",
            )


def _outcome(client: Client, found: dict[str, Any]) -> dict[str, Any]:
    outcome: dict[str, Any] = client.v2.get(_path(found["id"], "/result"))
    return outcome


def _conclude(terminal: Terminal, outcome: dict[str, Any]) -> None:
    """Answer as the call would have.

    Raises:
        Failure: it did not succeed.
    """
    usage = outcome.get("usage")
    problem = outcome.get("problem")
    if problem is not None:
        error = problem | {"type": problem["type"].rpartition("/")[2]}
        raise Failure(error, None if usage is None else usage["spent"])
    terminal.answer(outcome, lambda: terminal.value(outcome["result"]))
    if usage is not None:
        terminal.spent(usage["spent"])


def messages(lines: Iterable[str]) -> Iterator[tuple[str, Any]]:
    """Read Server-Sent Events of one line of data each."""
    event = ""
    for line in lines:
        if line.startswith(_EVENT):
            event = line.removeprefix(_EVENT)
        elif line.startswith(_DATA):
            yield event, msgspec.json.decode(line.removeprefix(_DATA))


def _tell(terminal: Terminal, event: str, told: Any) -> None:
    match event:
        case "state":
            terminal.note(told["state"])
        case "line":
            fields = "".join(f" {name}={value}" for name, value in told["fields"].items())
            terminal.line(f"{moment(told['time'])} {told['level']} {told['message']}{fields}")
        case "progress":
            terminal.line(f"{told['progress']:4.0%} {told['message']}")
        case "dropped":
            terminal.note(f"{told['dropped']:,} lines went by too fast.")
        case "result":
            terminal.value(told["result"])
        case "problem":
            terminal.line(f"error: {told['detail']}", "bold red")


def _show(terminal: Terminal, found: dict[str, Any], outcome: dict[str, Any]) -> None:
    _show_page(terminal, {"jobs": [found], "next": None})
    if "result" in outcome:
        terminal.value(outcome["result"])
    if "problem" in outcome:
        terminal.line(outcome["problem"]["detail"])


def _show_page(terminal: Terminal, page: dict[str, Any]) -> None:
    columns = ["job", "plugin", "function", "state", "asked for", "ended", "error"]
    rows = [
        [
            each["id"],
            each["plugin"],
            each["function"],
            each["state"],
            moment(each["created_at"]),
            moment(each["ended_at"]),
            each["error"] or "",
        ]
        for each in page["jobs"]
    ]
    if rows:
        terminal.table(columns, rows)
    else:
        terminal.line("There are no such jobs.")
    if page["next"] is not None:
        terminal.note(f"There are more: --before {page['next']}")
