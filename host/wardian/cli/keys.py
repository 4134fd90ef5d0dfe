"""API keys: list, create, revoke."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

import typer

from wardian.cli.client import connect
from wardian.cli.terminal import Json, Terminal, command


@command
def list_keys(json: Json = False) -> None:
    """List the tenant's keys, without their tokens."""
    terminal = Terminal(json=json)
    with connect() as client:
        found = client.get("/keys")
    rows = [
        [
            item["id"],
            item["name"],
            ", ".join(item["scopes"]),
            item["prefix"] + "…",
            "revoked" if item["revoked_at"] else "valid",
        ]
        for item in found
    ]
    terminal.answer(
        {"keys": found}, lambda: terminal.table(["id", "name", "scopes", "token", "state"], rows)
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
    json: Json = False,
) -> None:
    """Make a key and print its token, once. Without --scope it may read and call."""
    terminal = Terminal(json=json)
    body: dict[str, Any] = {"name": name, "scopes": scope or ["read", "call"]}
    if tenant is not None:
        body["tenant"] = tenant
    with connect() as client:
        key = client.post("/keys", body)
    terminal.answer(key, lambda: terminal.line(key["token"]))
    terminal.note(
        f"This token is shown only now. The key's id is {key['id']}; "
        f"`wardian keys revoke {key['id']}` revokes it."
    )


@command
def revoke(
    key_id: Annotated[str, typer.Argument(help="The key's id, as `wardian keys list` shows it.")],
    json: Json = False,
) -> None:
    """Revoke a key; it is refused from the next request on."""
    terminal = Terminal(json=json)
    with connect() as client:
        client.delete(f"/keys/{quote(key_id, safe='')}")
    terminal.answer({"revoked": key_id}, lambda: terminal.line(f"Revoked {key_id}."))
