"""API keys: list, create, change, rotate, revoke."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

import typer

from wardian.cli.client import connect
from wardian.cli.lasting import Lasting, seconds_of
from wardian.cli.terminal import Json, Terminal, command
from wardian.cli.text import moment

KeyId = Annotated[str, typer.Argument(help="The key's id, as `wardian keys list` shows it.")]
Rate = Annotated[
    str | None, typer.Option("--rate", help="Requests that it may make, such as 600/minute.")
]
Description = Annotated[str | None, typer.Option("--description", help="What it is for.")]
ExpiresIn = Annotated[
    Lasting | None,
    typer.Option("--expires-in", help="It ends after this time: 90d, 12h, 30m, 45s."),
]

_COLUMNS = ["id", "name", "scopes", "token", "state", "expires", "last used"]


@command
def list_keys(json: Json = False) -> None:
    """List the tenant's keys, without their tokens."""
    terminal = Terminal(json=json)
    with connect() as client:
        found = client.get("/keys")
    terminal.answer(
        {"keys": found}, lambda: terminal.table(_COLUMNS, [_row(each) for each in found])
    )


@command
def create(
    name: Annotated[str, typer.Argument(help="What the key is for.")],
    scope: Annotated[
        list[str] | None,
        typer.Option(
            "--scope",
            help="read, call, webhooks, admin, or one that a plugin requires; repeatable.",
        ),
    ] = None,
    tenant: Annotated[
        str | None, typer.Option("--tenant", help="Another tenant's key (operators only).")
    ] = None,
    expires_in: ExpiresIn = None,
    description: Description = None,
    rate: Rate = None,
    plugin: Annotated[
        list[str] | None,
        typer.Option("--plugin", help="A plugin that it is for, and no others; repeatable."),
    ] = None,
    network: Annotated[
        list[str] | None,
        typer.Option("--network", help="From where it may be used: 10.1.0.0/16; repeatable."),
    ] = None,
    json: Json = False,
) -> None:
    """Make a key and print its token, once. Without --scope it may read and call."""
    terminal = Terminal(json=json)
    wanted: dict[str, Any] = {
        "name": name,
        "scopes": scope or ["read", "call"],
        "tenant": tenant,
        "expires_in": seconds_of(expires_in),
        "description": description,
        "rate": rate,
        "plugins": plugin or None,
        "networks": network or None,
    }
    body = {member: value for member, value in wanted.items() if value is not None}
    with connect() as client:
        key = client.post("/keys", body)
    _show(terminal, key)


@command
def rotate(
    key_id: KeyId,
    overlap: Annotated[
        Lasting,
        typer.Option("--overlap", help="How long the token before holds, too: 0s to 7d."),
    ] = "1h",
    expires_in: ExpiresIn = None,
    json: Json = False,
) -> None:
    """Give a key another token and print it, once; the one before holds beside it for a while."""
    terminal = Terminal(json=json)
    body: dict[str, Any] = {"overlap_seconds": seconds_of(overlap)}
    if expires_in is not None:
        body["expires_in"] = seconds_of(expires_in)
    with connect() as client:
        key = client.post(_path(key_id, "/rotate"), body)
    _show(terminal, key)
    until = key["old_token_until"]
    terminal.note(
        f"The token before holds until {moment(until)} UTC." if until else "The one before is over."
    )


@command
def change(
    key_id: KeyId,
    description: Description = None,
    rate: Rate = None,
    json: Json = False,
) -> None:
    """Describe a key otherwise, or bound it otherwise; --rate "" takes its own bound away."""
    terminal = Terminal(json=json)
    wanted = {"description": description, "rate": rate}
    body = {member: value for member, value in wanted.items() if value is not None}
    with connect() as client:
        key = client.send("PATCH", _path(key_id), body)
    terminal.answer(key, lambda: terminal.table(_COLUMNS, [_row(key)]))


@command
def revoke(key_id: KeyId, json: Json = False) -> None:
    """Revoke a key; it is refused from the next request on."""
    terminal = Terminal(json=json)
    with connect() as client:
        client.delete(_path(key_id))
    terminal.answer({"revoked": key_id}, lambda: terminal.line(f"Revoked {key_id}."))


def _show(terminal: Terminal, key: dict[str, Any]) -> None:
    terminal.answer(key, lambda: terminal.line(key["token"]))
    expires = f" It expires at {moment(key['expires_at'])} UTC." if key["expires_at"] else ""
    terminal.note(
        f"This token is shown only now.{expires} The key's id is {key['id']}; "
        f"`wardian keys revoke {key['id']}` revokes it."
    )


def _path(key_id: str, rest: str = "") -> str:
    return f"/keys/{quote(key_id, safe='')}{rest}"


def _row(item: dict[str, Any]) -> list[str]:
    return [
        item["id"],
        item["name"],
        ", ".join(item["scopes"]),
        item["prefix"] + "…",
        _state(item),
        moment(item["expires_at"]) or "never",
        moment(item["last_used_at"]),
    ]


def _state(item: dict[str, Any]) -> str:
    is_rotating = item["state"] == "valid" and item["old_token_until"]
    return "rotating" if is_rotating else str(item["state"])
