"""Revocations: the operator's own, and the lists that publishers sign."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from wardian.cli.arguments import json_object
from wardian.cli.client import connect
from wardian.cli.publishers import publisher_path, show_publisher, signed_at
from wardian.cli.signing import DEFAULT_KEY, KeyFile, PassphraseFile, load_key, written
from wardian.cli.terminal import Json, Terminal, command
from wardian.cli.trust import show_quarantined
from wardian.errors import InvalidArguments
from wardian.plugins.statements import RevocationList, checked

Reason = Annotated[str, typer.Option("--reason", help="Why.")]


@command
def list_revocations(json: Json = False) -> None:
    """List what the operator revoked; `wardian publishers show` has what a publisher did."""
    terminal = Terminal(json=json)
    with connect() as client:
        found = client.get("/revocations")
    rows = [[item["id"], _what(item), item["reason"], item["revoked_by"]] for item in found]
    columns = ["id", "revoked", "why", "by"]
    terminal.answer(
        {"revocations": found},
        lambda: terminal.table(columns, rows) if rows else terminal.line("Nothing is revoked."),
    )


@command
def add(
    reason: Reason,
    name: Annotated[str | None, typer.Argument(help="A plugin's name.")] = None,
    versions: Annotated[
        str | None,
        typer.Option("--versions", help="A version, a range such as '>=1.0, <1.3', or '*'."),
    ] = None,
    sha256: Annotated[
        str | None, typer.Option("--sha256", help="The digest of a package, in place of a name.")
    ] = None,
    json: Json = False,
) -> None:
    """Revoke versions of a plugin, or one package; what runs of it is ended and quarantined."""
    terminal = Terminal(json=json)
    if (name is None) == (sha256 is None) or (name is None) != (versions is None):
        raise InvalidArguments("Say what is revoked: NAME with --versions, or --sha256 DIGEST.")
    body = {"reason": reason, "sha256": sha256, "name": name, "versions": versions}
    with connect() as client:
        view = client.post("/revocations", body)

    def shown() -> None:
        terminal.line(f"Revoked {_what(view)}.")
        show_quarantined(terminal, view)

    terminal.answer(view, shown)


@command
def remove(
    revocation_id: Annotated[str, typer.Argument(help="As `wardian revocations list` has it.")],
    json: Json = False,
) -> None:
    """Take a revocation of the operator's back; what it quarantined stays so."""
    terminal = Terminal(json=json)
    with connect() as client:
        client.delete(f"/revocations/{quote(revocation_id, safe='')}")
    terminal.answer({"removed": revocation_id}, lambda: terminal.line(f"Removed {revocation_id}."))


@command
def sign(
    source: Annotated[
        Path, typer.Argument(help='JSON: {"number": 1, "revoked": [{"sha256": …, "reason": …}]}')
    ],
    key: KeyFile = DEFAULT_KEY,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Default: FILE.signed beside FILE.")
    ] = None,
    days: Annotated[
        int, typer.Option("--days", min=1, help="For how long, unless it says `expires_at`.")
    ] = 30,
    passphrase_file: PassphraseFile = None,
    json: Json = False,
) -> None:
    """Sign a list of what you, a publisher, revoke: all of it, each time with a higher number.

    An entry names a package (`sha256`), versions of a plugin (`name`, `versions`) or a `key_id`.
    """
    terminal = Terminal(json=json)
    document = json_object(f"@{source}", str(source))
    now = datetime.now(UTC).replace(microsecond=0)
    document.setdefault("issued_at", now.isoformat())
    document.setdefault("expires_at", (now + timedelta(days=days)).isoformat())
    statement = checked(RevocationList, document)
    private = load_key(key, passphrase_file)
    target = output or source.with_name(f"{source.name}.signed")
    written(target, statement.signed(private))
    found = {
        "list": str(target),
        "number": statement.number,
        "expires_at": statement.expires_at.isoformat(),
        "key_id": private.public.id,
    }
    terminal.answer(
        found,
        lambda: terminal.line(
            f"Signed {target}: list {statement.number}, until {found['expires_at']}."
        ),
    )


@command
def upload(
    publisher: Annotated[str, typer.Argument(help="The publisher whose list it is.")],
    source: Annotated[Path, typer.Argument(help="The signed list.")],
    json: Json = False,
) -> None:
    """Hand a publisher's newest list to the host; what it is of is ended and quarantined."""
    terminal = Terminal(json=json)
    content = signed_at(source)
    with connect() as client:
        view = client.forward("PUT", publisher_path(publisher, "/revocations"), content)
    terminal.answer(view, lambda: show_publisher(terminal, view))


def _what(item: dict[str, Any]) -> str:
    if item["name"] is not None:
        return f"{item['name']} {item['versions']}"
    return f"SHA-256 {item['sha256']}"
