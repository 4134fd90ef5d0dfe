"""Publishers: list, show, add, remove, and their keys."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from wardian.cli.client import connect
from wardian.cli.failures import failure
from wardian.cli.signing import public_key
from wardian.cli.sources import public_content
from wardian.cli.terminal import Json, Terminal, command
from wardian.cli.trust import show_quarantined

Name = Annotated[str, typer.Argument(help="The publisher's name.")]
KeyId = Annotated[str, typer.Argument(help="The key's id, as `wardian publishers show` has it.")]
Reason = Annotated[str, typer.Option("--reason", help="Why.")]

_SIGNED_BYTES_MAX = 2 * 1024 * 1024


@command
def list_publishers(json: Json = False) -> None:
    """List the publishers that the tenant trusts."""
    terminal = Terminal(json=json)
    with connect() as client:
        found = client.get("/publishers")
    rows = [
        [
            item["name"],
            ", ".join(item["plugins"]),
            str(sum(key["state"] == "active" for key in item["keys"])),
            _list_of(item),
        ]
        for item in found
    ]
    columns = ["name", "may sign", "active keys", "list of revocations"]
    terminal.answer(
        {"publishers": found},
        lambda: (
            terminal.table(columns, rows) if rows else terminal.line("No publisher is trusted.")
        ),
    )


@command
def show(name: Name, json: Json = False) -> None:
    """Show a publisher, its keys, and what it revoked."""
    terminal = Terminal(json=json)
    with connect() as client:
        view = client.get(publisher_path(name))
    _answer(terminal, view)


@command
def add(
    name: Name,
    plugins: Annotated[
        list[str],
        typer.Option("--plugins", help="A plugin that it may sign, or 'acme-*'; repeat for more."),
    ],
    key: Annotated[
        list[str] | None,
        typer.Option("--key", help="A public key (ed25519:…), or a file with one; repeatable."),
    ] = None,
    json: Json = False,
) -> None:
    """Trust a publisher to sign plugins of certain names, with certain keys."""
    terminal = Terminal(json=json)
    keys = [str(public_key(text)) for text in key or []]
    with connect() as client:
        view = client.post("/publishers", {"name": name, "plugins": plugins, "keys": keys})
    _answer(terminal, view)


@command
def remove(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Trust a publisher no more; its plugins are quarantined. In a terminal it asks first."""
    terminal = Terminal(json=json)
    question = f"Trust {name} no more, and quarantine what it signed?"
    if not yes and not terminal.confirms(question):
        raise failure("refused", "Nothing was done.", f"{name} stays trusted.")
    with connect() as client:
        client.delete(publisher_path(name))
    terminal.answer({"removed": name}, lambda: terminal.line(f"Removed {name}."))


@command
def add_key(
    name: Name,
    key: Annotated[str, typer.Argument(help="A public key (ed25519:…), or a file with one.")],
    json: Json = False,
) -> None:
    """Let a publisher sign with another key."""
    terminal = Terminal(json=json)
    body = {"public_key": str(public_key(key))}
    with connect() as client:
        view = client.post(publisher_path(name, "/keys"), body)
    _answer(terminal, view)


@command
def retire_key(name: Name, key_id: KeyId, reason: Reason = "", json: Json = False) -> None:
    """Take nothing new that is signed with a key; what is installed goes on."""
    _move(name, key_id, "retire", reason, json=json)


@command
def revoke_key(name: Name, key_id: KeyId, reason: Reason, json: Json = False) -> None:
    """Run nothing that is signed with a key, for ever; plugins that are get quarantined."""
    _move(name, key_id, "revoke", reason, json=json)


@command
def rotate(
    name: Name,
    statement: Annotated[
        Path, typer.Argument(help="What the publisher's `wardian keygen --successor-of` wrote.")
    ],
    json: Json = False,
) -> None:
    """Take a publisher's next key, for which its key before vouches; that one is retired."""
    terminal = Terminal(json=json)
    content = signed_at(statement)
    with connect() as client:
        view = client.forward("POST", publisher_path(name, "/rotate"), content)
    _answer(terminal, view)


def publisher_path(name: str, rest: str = "") -> str:
    """The path of a publisher below ``/api/v1``."""
    return f"/publishers/{quote(name, safe='')}{rest}"


def signed_at(path: Path) -> bytes:
    """Read what somebody signed.

    Raises:
        InvalidArguments: it cannot be read, or is a private key.
    """
    return public_content(path, _SIGNED_BYTES_MAX)


def _move(name: str, key_id: str, verb: str, reason: str, *, json: bool) -> None:
    terminal = Terminal(json=json)
    path = publisher_path(name, f"/keys/{quote(key_id, safe='')}/{verb}")
    with connect() as client:
        view = client.post(path, {"reason": reason})
    _answer(terminal, view)


def _answer(terminal: Terminal, view: dict[str, Any]) -> None:
    terminal.answer(view, lambda: show_publisher(terminal, view))


def show_publisher(terminal: Terminal, view: dict[str, Any]) -> None:
    """Print a publisher, its keys and its list."""
    terminal.line(f"{view['name']} may sign {', '.join(view['plugins'])}", "bold")
    rows = [[key["id"], key["state"], key["public_key"], key["reason"]] for key in view["keys"]]
    terminal.table(["key", "state", "public key", "why"], rows)
    if view["revocations"] is not None:
        terminal.line(f"list of revocations: {_list_of(view)}")
        terminal.table(
            ["revoked", "why"], [_revoked(each) for each in view["revocations"]["revoked"]]
        )
    show_quarantined(terminal, view)


def _list_of(view: dict[str, Any]) -> str:
    found = view["revocations"]
    return "none" if found is None else f"number {found['number']}, until {found['expires_at']}"


def _revoked(entry: dict[str, Any]) -> list[str]:
    if entry["name"] is not None:
        return [f"{entry['name']} {entry['versions']}", entry["reason"]]
    what = f"SHA-256 {entry['sha256']}" if entry["sha256"] else f"key {entry['key_id']}"
    return [what, entry["reason"]]
