"""Connections of a plugin to OAuth providers: made, shown, ended."""

from __future__ import annotations

import time
import webbrowser
from typing import Annotated, Any
from urllib.parse import quote

import typer

from wardian.cli.client import Client, connect, plugin_path
from wardian.cli.failures import failure
from wardian.cli.plugins import Name
from wardian.cli.terminal import Json, Terminal, command
from wardian.cli.text import moment

POLL_SECONDS = 1.0

Provider = Annotated[str, typer.Argument(help="A provider that the plugin's manifest names.")]

_COLOURS = {"connected": "green", "broken": "red", "expired": "red", "not-connected": "yellow"}


@command
def connect_provider(
    name: Name,
    provider: Provider,
    client: Annotated[
        str | None,
        typer.Option("--client", help="The credential that is the OAuth client. PROVIDER-client."),
    ] = None,
    origin: Annotated[
        list[str] | None,
        typer.Option("--origin", help="Where the tokens may go; repeat it for more."),
    ] = None,
    accept_fewer: Annotated[
        bool,
        typer.Option("--accept-fewer", help="Connect also if fewer scopes are granted."),
    ] = False,
    open_browser: Annotated[
        bool, typer.Option("--open", help="Open the address in this machine's browser.")
    ] = False,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Wait until it is connected.")
    ] = True,
    json: Json = False,
) -> None:
    """Connect a plugin to a provider: open the address that this prints, and consent there."""
    terminal = Terminal(json=json)
    body = {"client": client, "origins": origin or [], "accept_fewer": accept_fewer}
    with connect() as http:
        before = _connection(http, name, provider)
        started = http.post(_path(name, provider, "/start"), body)
        _say_where(terminal, started, open_browser)
        if not wait:
            terminal.answer(started, lambda: None)
            return
        with terminal.busy("Waiting for somebody to consent") as progress:
            found = _awaited(http, name, provider, before, progress)
    terminal.answer(found, lambda: _show_one(terminal, found))


@command
def status(name: Name, json: Json = False) -> None:
    """Show the providers that a plugin's manifest names, and how it is connected to each."""
    terminal = Terminal(json=json)
    with connect() as http:
        found = http.get(plugin_path(name, "/oauth"))

    def shown() -> None:
        if not found:
            terminal.line(f"The manifest of {name} names no OAuth provider.")
        for each in found:
            _show_one(terminal, each)

    terminal.answer({"connections": found}, shown)


@command
def disconnect(
    name: Name,
    provider: Provider,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """End a connection: have its tokens revoked and forget them. In a terminal it asks first."""
    terminal = Terminal(json=json)
    if not yes and not terminal.confirms(f"Disconnect {name} from {provider}?"):
        raise failure("cancelled", "Nothing was done.", "Nothing was disconnected.")
    with connect() as http:
        found = http.send("DELETE", _path(name, provider))

    def shown() -> None:
        terminal.line(f"Disconnected {name} from {provider}.")
        if not found["revoked"]:
            terminal.line(
                f"The provider did not confirm that the tokens are revoked: {found['detail']}",
                "yellow",
            )

    terminal.answer(found, shown)


def _say_where(terminal: Terminal, started: dict[str, Any], open_browser: bool) -> None:
    terminal.note("Open this address in the browser of whoever consents; it works once:")
    # On standard error with --json, too: without it nobody can go on.
    typer.echo(started["authorize_url"], err=True)
    terminal.note(
        f"The provider must know {started['redirect_uri']} as this client's redirect URI."
    )
    if open_browser:
        webbrowser.open(started["authorize_url"])


def _awaited(
    http: Client, name: str, provider: str, before: dict[str, Any], progress: Any
) -> dict[str, Any]:
    told = False
    while True:
        found = _connection(http, name, provider)
        if found["state"] == "connected" and found["connected_at"] != before["connected_at"]:
            return found
        if found["waiting_until"] is None:
            raise failure(
                "not-connected",
                "The connection was not made.",
                f"{name} was not connected to {provider}: nobody came back from the provider in "
                "time, or with a refusal. The page in the browser says which.",
            )
        if not told:
            progress(f"Waiting for somebody to consent until {moment(found['waiting_until'])} UTC")
            told = True
        time.sleep(POLL_SECONDS)


def _connection(http: Client, name: str, provider: str) -> dict[str, Any]:
    found = http.get(plugin_path(name, "/oauth"))
    for each in found:
        if each["provider"] == provider:
            return dict(each)
    named = ", ".join(each["provider"] for each in found) or "none"
    raise failure(
        "not-found",
        "What was named does not exist.",
        f"The manifest of {name} names no OAuth provider {provider!r}; it names {named}.",
    )


def _path(name: str, provider: str, rest: str = "") -> str:
    return plugin_path(name, f"/oauth/{quote(provider, safe='')}{rest}")


def _show_one(terminal: Terminal, found: dict[str, Any]) -> None:
    terminal.line(f"{found['provider']}: {found['state']}", _COLOURS.get(found["state"], ""))
    for label, text in _lines(found):
        if text:
            terminal.line(f"  {label}: {text}")


def _lines(found: dict[str, Any]) -> list[tuple[str, str]]:
    client = found["client"] + ("" if found["client_exists"] else " (there is no such credential)")
    until = moment(found["valid_until"])
    return [
        ("fault", found["fault"] or ""),
        ("OAuth client", client),
        ("redirect URI", found["redirect_uri"] or "unknown: set WARDIAN_PUBLIC_URL"),
        ("consent at", found["authorization_url"] or ""),
        ("tokens from", found["token_url"] or ""),
        ("the manifest says", _said(found)),
        ("scopes asked for", ", ".join(found["scopes"])),
        ("granted", ", ".join(found["granted"])),
        ("missing", ", ".join(found["missing"])),
        ("granted unasked", ", ".join(found["extra"])),
        ("tokens go to", ", ".join(found["origins"])),
        ("connected", f"{moment(found['connected_at'])} by {found['connected_by']}")
        if found["connected_at"]
        else ("connected", ""),
        ("token from", moment(found["obtained_at"])),
        (
            "token until",
            f"{until}{', renewed before' if found['renewed'] else ''}" if until else "",
        ),
        ("waiting until", moment(found["waiting_until"])),
    ]


def _said(found: dict[str, Any]) -> str:
    """What the manifest names and nobody uses, unless the client has it too."""
    names = ("manifest_authorization_url", "manifest_token_url")
    said = [found[name] for name in names if found[name]]
    ours = {found["authorization_url"], found["token_url"]}
    return "" if ours.issuperset(said) else f"{', '.join(said)} (not used)"
