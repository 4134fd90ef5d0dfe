"""Questions that agents were asked: listed, shown, judged."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote, urlencode

import typer

from wardian.cli.agents import milliseconds, money
from wardian.cli.asking import show_attempts
from wardian.cli.client import connect
from wardian.cli.terminal import Json, Terminal, command
from wardian.cli.text import moment


@command
def list_asks(
    ask_id: Annotated[
        str | None, typer.Argument(metavar="ASK", help="Show this one: who was asked, and how.")
    ] = None,
    capability: Annotated[
        str | None, typer.Option("--capability", help="Only those for this.")
    ] = None,
    agent: Annotated[
        str | None,
        typer.Option("--agent", help="Only those that it answered, or was the last to be asked."),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", help="How many of the newest.")] = 20,
    before: Annotated[
        str | None, typer.Option("--before", help="`next` of the page before.")
    ] = None,
    json: Json = False,
) -> None:
    """List questions, the newest first; or show one."""
    terminal = Terminal(json=json)
    if ask_id is not None:
        with connect() as client:
            found = client.get(_path(ask_id))
        terminal.answer(found, lambda: _show(terminal, found))
        return
    query = {"capability": capability, "agent": agent, "limit": limit, "before": before}
    given = urlencode({name: value for name, value in query.items() if value is not None})
    with connect() as client:
        page = client.get(f"/asks?{given}")
    terminal.answer(page, lambda: _show_page(terminal, page))


@command
def feedback(
    ask_id: Annotated[str, typer.Argument(metavar="ASK", help="The question's id.")],
    score: Annotated[
        float | None, typer.Option("--score", help="What the answer was worth, from 0 to 1.")
    ] = None,
    label: Annotated[
        str | None, typer.Option("--label", help="A word that stands for a score: good, bad, ….")
    ] = None,
    comment: Annotated[str | None, typer.Option("--comment", help="For people.")] = None,
    json: Json = False,
) -> None:
    """Say what an answer was worth; agents are chosen by it from then on."""
    terminal = Terminal(json=json)
    said = {"score": score, "label": label, "comment": comment}
    body = {name: value for name, value in said.items() if value is not None}
    with connect() as client:
        found = client.post(_path(ask_id, "/feedback"), body)
    terminal.answer(found, lambda: _show_feedback(terminal, [found]))


def _path(ask_id: str, rest: str = "") -> str:
    return f"/asks/{quote(ask_id, safe='')}{rest}"


def _show_page(terminal: Terminal, page: dict[str, Any]) -> None:
    rows = [
        [
            each["id"],
            moment(each["at"]),
            each["capability"],
            each["subject"],
            each["agent"] if each["ending"] == "answered" else "",
            each["ending"],
            milliseconds(each["latency_ms"]),
            f"{each['units']:,}",
            money(each["cost"]),
            "kept" if each["cached"] else _how_many(each["attempts"]),
        ]
        for each in page["asks"]
    ]
    if rows:
        columns = ["ask", "at", "capability", "who", "agent", "ended", "after", "units", "cost"]
        terminal.table([*columns, "asked"], rows)
    else:
        terminal.line("There are no such questions.")
    if page["next"] is not None:
        terminal.note(f"There are more: --before {page['next']}")


def _how_many(attempts: list[dict[str, Any]]) -> str:
    return str(sum(each["ending"] != "not-begun" for each in attempts))


def _show(terminal: Terminal, found: dict[str, Any]) -> None:
    _show_page(terminal, {"asks": [found], "next": None})
    show_attempts(terminal, found["attempts"])
    if found["feedback"]:
        _show_feedback(terminal, found["feedback"])


def _show_feedback(terminal: Terminal, given: list[dict[str, Any]]) -> None:
    rows = [
        [
            each["by"],
            moment(each["at"]),
            "" if each["score"] is None else f"{each['score']:.2f}",
            each["label"],
            each["comment"],
        ]
        for each in given
    ]
    terminal.table(["by", "at", "score", "label", "comment"], rows)
