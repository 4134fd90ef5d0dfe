"""Schedules of plugins: listed, paused, resumed, run; what became of their runs."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote, urlencode

import typer

from wardian.cli.client import connect
from wardian.cli.events import Before, Limit
from wardian.cli.plugins import Name
from wardian.cli.terminal import Json, Terminal, command
from wardian.cli.text import moment

ScheduleName = Annotated[str, typer.Argument(metavar="SCHEDULE", help="The schedule's name.")]


@command
def list_schedules(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Only those of this plugin.")
    ] = None,
    json: Json = False,
) -> None:
    """List what plugins have the host do by itself, and when each runs next."""
    terminal = Terminal(json=json)
    query = f"?{urlencode({'plugin': name})}" if name is not None else ""
    with connect() as client:
        found = client.get(f"/schedules{query}")
    terminal.answer({"schedules": found}, lambda: _show_list(terminal, found))


@command
def runs(
    name: Name,
    schedule: ScheduleName,
    limit: Limit = 20,
    before: Before = None,
    json: Json = False,
) -> None:
    """List a schedule's runs, the newest first."""
    terminal = Terminal(json=json)
    query = {"limit": limit} | ({} if before is None else {"before": before})
    with connect() as client:
        page = client.get(_path(name, schedule, f"/runs?{urlencode(query)}"))
    terminal.answer(page, lambda: _show_runs(terminal, page))


@command
def pause(name: Name, schedule: ScheduleName, json: Json = False) -> None:
    """Let a schedule rest; ticks that come meanwhile are not made up for."""
    _switch(name, schedule, "pause", json=json)


@command
def resume(name: Name, schedule: ScheduleName, json: Json = False) -> None:
    """Have a schedule go on from its next tick."""
    _switch(name, schedule, "resume", json=json)


@command
def run(name: Name, schedule: ScheduleName, json: Json = False) -> None:
    """Run a schedule now, also one that is paused, and wait for its end.

    Its next tick stays what it is. Exits with 1 if the run failed.
    """
    terminal = Terminal(json=json)
    with connect() as client:
        ended = client.post(_path(name, schedule, "/run"))
    terminal.answer(ended, lambda: _show_runs(terminal, {"runs": [ended], "next": None}))
    if ended["state"] != "done":
        raise typer.Exit(1)


def _switch(name: str, schedule: str, verb: str, *, json: bool) -> None:
    terminal = Terminal(json=json)
    with connect() as client:
        view = client.post(_path(name, schedule, f"/{verb}"))
    terminal.answer(view, lambda: _show_list(terminal, [view]))


def _path(name: str, schedule: str, rest: str) -> str:
    return f"/schedules/{quote(name, safe='')}/{quote(schedule, safe='')}{rest}"


def _show_list(terminal: Terminal, found: list[dict[str, Any]]) -> None:
    if not found:
        terminal.line("No plugin has a schedule.")
        return
    columns = ["plugin", "schedule", "when", "what", "state", "next run", "last run", "missed"]
    terminal.table(columns, [_row(each) for each in found])


def _row(each: dict[str, Any]) -> list[str]:
    last = each["last_run"]
    return [
        each["plugin"],
        each["name"],
        f"every {each['every']}" if each["every"] else f"{each['cron']} {each['timezone']}",
        f"publish {each['topic']}" if each["topic"] else f"call {each['function']}",
        each["state"],
        moment(each["next_run"]) if each["next_run"] else "",
        f"{moment(last['began_at'])} {last['state']}" if last else "",
        f"{each['missed_ticks']:,}",
    ]


def _show_runs(terminal: Terminal, page: dict[str, Any]) -> None:
    rows = [
        [
            moment(each["began_at"]),
            moment(each["tick"]) if each["tick"] else "",
            each["cause"],
            each["state"],
            "" if each["seconds"] is None else f"{each['seconds']:.3f} s",
            each["detail"],
        ]
        for each in page["runs"]
    ]
    if rows:
        terminal.table(["began", "tick", "cause", "state", "took", "reason"], rows)
    else:
        terminal.line("It has not run yet.")
    if page["next"] is not None:
        terminal.note(f"There are more: --before {page['next']}")
