"""Webhooks: endpoints of host apps that events are posted to, and what became of them."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote, urlencode

import typer

from wardian.cli.client import connect
from wardian.cli.failures import failure
from wardian.cli.terminal import Json, Terminal, command
from wardian.cli.text import moment

Endpoint = Annotated[
    str, typer.Argument(metavar="ID", help="The endpoint's id, as `wardian webhooks list` has it.")
]
Letters = Annotated[list[str], typer.Argument(help="Ids, as `wardian webhooks dead` has them.")]
Limit = Annotated[int, typer.Option("--limit", help="How many of the newest.")]
Before = Annotated[int | None, typer.Option("--before", help="`next` of the page before.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


@command
def list_endpoints(json: Json = False) -> None:
    """List the endpoints of your key; an administrator's are all of the tenant."""
    terminal = Terminal(json=json)
    with connect() as client:
        found = client.get("/webhooks")
    terminal.answer({"endpoints": found}, lambda: _show_endpoints(terminal, found))


@command
def add(
    url: Annotated[str, typer.Argument(help="The address that events are posted to.")],
    topic: Annotated[
        list[str],
        typer.Option("--topic", help="A topic, or the beginning of some: 'orders.*'; repeatable."),
    ],
    description: Annotated[str, typer.Option("--description", help="What it is for.")] = "",
    json: Json = False,
) -> None:
    """Register an endpoint and print its secret, once."""
    terminal = Terminal(json=json)
    body = {"url": url, "topics": topic, "description": description}
    with connect() as client:
        made = client.post("/webhooks", body)
    terminal.answer(made, lambda: terminal.line(made["secret"]))
    terminal.note(
        f"This secret is shown only now. The endpoint's id is {made['id']}; "
        f"`wardian webhooks ping {made['id']}` tries it out."
    )


@command
def show(endpoint: Endpoint, json: Json = False) -> None:
    """Show an endpoint, and how it is doing."""
    terminal = Terminal(json=json)
    with connect() as client:
        found = client.get(_path(endpoint))
    terminal.answer(found, lambda: _show_endpoint(terminal, found))


@command
def change(
    endpoint: Endpoint,
    url: Annotated[str | None, typer.Option("--url", help="Its new address.")] = None,
    topic: Annotated[
        list[str] | None, typer.Option("--topic", help="Its topics from now on; repeatable.")
    ] = None,
    description: Annotated[
        str | None, typer.Option("--description", help="What it is for.")
    ] = None,
    key: Annotated[
        str | None,
        typer.Option("--key", help="The id of the API key whose rights it is to have (admins)."),
    ] = None,
    json: Json = False,
) -> None:
    """Change an endpoint; what is not given stays."""
    terminal = Terminal(json=json)
    wanted = {"url": url, "topics": topic, "description": description, "key_id": key}
    body = {name: value for name, value in wanted.items() if value}
    with connect() as client:
        found = client.send("PATCH", _path(endpoint), body)
    terminal.answer(found, lambda: _show_endpoint(terminal, found))


@command
def remove(endpoint: Endpoint, yes: Yes = False, json: Json = False) -> None:
    """Remove an endpoint, and all that waits for it. In a terminal it asks first."""
    terminal = Terminal(json=json)
    if not yes and not terminal.confirms(f"Remove the endpoint {endpoint}, and what waits for it?"):
        raise failure("refused", "Nothing was done.", "The endpoint stays.")
    with connect() as client:
        client.delete(_path(endpoint))
    terminal.answer({"removed": endpoint}, lambda: terminal.line(f"Removed {endpoint}."))


@command
def enable(endpoint: Endpoint, json: Json = False) -> None:
    """Deliver to an endpoint again, what waits for it first."""
    _switch(endpoint, "enable", json=json)


@command
def disable(endpoint: Endpoint, json: Json = False) -> None:
    """Deliver nothing to an endpoint; what is queued for it waits, and no more is."""
    _switch(endpoint, "disable", json=json)


@command
def ping(endpoint: Endpoint, json: Json = False) -> None:
    """Post an event `endpoint.ping` now, and tell how that went; exits with 1 if it failed."""
    terminal = Terminal(json=json)
    with connect() as client:
        attempt = client.post(_path(endpoint, "/ping"))
    terminal.answer(
        attempt, lambda: _show_attempts(terminal, {"attempts": [attempt], "next": None})
    )
    if attempt["reason"]:
        raise typer.Exit(1)


@command
def rotate(
    endpoint: Endpoint,
    overlap: Annotated[
        float,
        typer.Option("--overlap", help="Hours for which the secret before signs, too; up to 168."),
    ] = 24.0,
    json: Json = False,
) -> None:
    """Make a new secret for an endpoint and print it, once."""
    terminal = Terminal(json=json)
    with connect() as client:
        made = client.post(_path(endpoint, "/secret"), {"overlap_seconds": overlap * 3600})
    terminal.answer(made, lambda: terminal.line(made["secret"]))
    until = made["old_secret_until"]
    old = f"The one before signs, too, until {moment(until)}." if until else "The old one is over."
    terminal.note(f"This secret is shown only now. {old}")


@command
def attempts(
    endpoint: Endpoint, limit: Limit = 20, before: Before = None, json: Json = False
) -> None:
    """List the last attempts to post to an endpoint, the newest first."""
    terminal = Terminal(json=json)
    with connect() as client:
        page = client.get(_path(endpoint, "/attempts", limit=limit, before=before))
    terminal.answer(page, lambda: _show_attempts(terminal, page))


@command
def dead(endpoint: Endpoint, limit: Limit = 20, before: Before = None, json: Json = False) -> None:
    """List the events that an endpoint did not take; their data is shown with --json."""
    terminal = Terminal(json=json)
    with connect() as client:
        page = client.get(_path(endpoint, "/dead", limit=limit, before=before))
    terminal.answer(page, lambda: _show_dead(terminal, page))


@command
def requeue(endpoint: Endpoint, ids: Letters, json: Json = False) -> None:
    """Have dead letters delivered again."""
    terminal = Terminal(json=json)
    with connect() as client:
        client.post(_path(endpoint, "/dead/requeue"), {"ids": ids})
    terminal.answer({"requeued": ids}, lambda: terminal.line(f"Requeued {len(ids)}."))


@command
def discard(endpoint: Endpoint, ids: Letters, yes: Yes = False, json: Json = False) -> None:
    """Remove dead letters. In a terminal it asks first."""
    terminal = Terminal(json=json)
    if not yes and not terminal.confirms(f"Remove {len(ids)} dead letters?"):
        raise failure("refused", "Nothing was done.", "The dead letters stay.")
    with connect() as client:
        client.post(_path(endpoint, "/dead/discard"), {"ids": ids})
    terminal.answer({"discarded": ids}, lambda: terminal.line(f"Removed {len(ids)}."))


def _switch(endpoint: str, verb: str, *, json: bool) -> None:
    terminal = Terminal(json=json)
    with connect() as client:
        found = client.post(_path(endpoint, f"/{verb}"))
    terminal.answer(found, lambda: _show_endpoint(terminal, found))


def _path(endpoint: str, rest: str = "", **query: Any) -> str:
    given = {name: value for name, value in query.items() if value is not None}
    end = f"?{urlencode(given)}" if given else ""
    return f"/webhooks/{quote(endpoint, safe='')}{rest}{end}"


def _show_endpoints(terminal: Terminal, found: list[dict[str, Any]]) -> None:
    if not found:
        terminal.line("There are no endpoints.")
        return
    rows = [
        [
            each["id"],
            each["url"],
            ", ".join(each["topics"]),
            each["state"],
            f"{each['queued']:,}",
            f"{each['dropped']:,}",
            f"{each['failures']:,}",
        ]
        for each in found
    ]
    columns = ["id", "address", "topics", "state", "waiting", "dropped", "failing"]
    terminal.table(columns, rows)


def _show_endpoint(terminal: Terminal, found: dict[str, Any]) -> None:
    last, failing = found["last_success_at"], found["failing_since"]
    since = f", since {moment(failing)}" if failing else ""
    told = {
        "id": found["id"],
        "description": found["description"],
        "topics": ", ".join(found["topics"]),
        "key": f"{found['key']} ({found['key_id']})",
        "state": " ".join([found["state"], found["reason"]]).strip(),
        "waiting": f"{found['queued']:,}",
        "dropped": f"{found['dropped']:,}",
        "failures in a row": f"{found['failures']:,}{since}",
        "last success": moment(last) if last else "",
    }
    terminal.line(found["url"], "bold")
    for name, text in told.items():
        if text:
            terminal.line(f"{name}: {text}")


def _show_attempts(terminal: Terminal, page: dict[str, Any]) -> None:
    rows = [
        [
            moment(each["at"]),
            each["topic"],
            str(each["attempt"]),
            each["outcome"],
            "" if each["status"] is None else str(each["status"]),
            f"{each['milliseconds']:,} ms",
            each["reason"],
            each["response"],
        ]
        for each in page["attempts"]
    ]
    if rows:
        columns = ["at", "topic", "attempt", "outcome", "status", "took", "reason", "response"]
        terminal.table(columns, rows)
    else:
        terminal.line("Nothing was posted yet.")
    _show_more(terminal, page)


def _show_dead(terminal: Terminal, page: dict[str, Any]) -> None:
    rows = [
        [
            each["id"],
            each["topic"],
            each["key"] or "",
            str(each["attempts"]),
            moment(each["since"]),
            each["reason"],
        ]
        for each in page["dead_letters"]
    ]
    if rows:
        terminal.table(["id", "topic", "key", "attempts", "since", "reason"], rows)
    else:
        terminal.line("There are no dead letters.")
    _show_more(terminal, page)


def _show_more(terminal: Terminal, page: dict[str, Any]) -> None:
    if page["next"] is not None:
        terminal.note(f"There are more: --before {page['next']}")
