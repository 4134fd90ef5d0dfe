"""Quotas: what a tenant may use in a day and keep, and what it has used."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

import typer

from wardian.cli.client import connect
from wardian.cli.failures import failure
from wardian.cli.plots import bar
from wardian.cli.terminal import Json, Terminal, command
from wardian.cli.text import moment, size

_WIDTH = 20
_NO_BOUND = "none"
_HOSTS = "default"


@command
def show(
    tenant: Annotated[
        str | None, typer.Option("--tenant", help="Another tenant's (operators only).")
    ] = None,
    json: Json = False,
) -> None:
    """Show the quotas of a day, and what is used of them."""
    terminal = Terminal(json=json)
    with connect() as client:
        found = client.get("/quotas" if tenant is None else _path(tenant))
    terminal.answer(found, lambda: _show(terminal, found))


@command
def set_quotas(
    tenant: Annotated[str, typer.Argument(metavar="TENANT", help="Whose quotas to set.")],
    changes: Annotated[
        list[str],
        typer.Argument(
            metavar="QUOTA=AMOUNT…",
            help="calls, fuel, egress_bytes, storage_bytes; `none` has no bound, and `default` is "
            "the host's own again.",
        ),
    ],
    json: Json = False,
) -> None:
    """Set some of a tenant's quotas; those that are not named stay as they are (operators only)."""
    terminal = Terminal(json=json)
    wanted = dict(_change(text) for text in changes)
    with connect() as client:
        before = client.get(_path(tenant))
        quotas = {q["quota"]: q["limit"] for q in before["quotas"] if q["overridden"]} | wanted
        kept = {name: amount for name, amount in quotas.items() if amount != _HOSTS}
        found = client.put(_path(tenant), {"quotas": kept})
    terminal.answer(found, lambda: _show(terminal, found))


def _change(text: str) -> tuple[str, int | str | None]:
    name, _, amount = text.partition("=")
    if amount == _NO_BOUND:
        return name, None
    if amount == _HOSTS:
        return name, _HOSTS
    if amount.isascii() and amount.replace("_", "").isdigit():
        return name, int(amount.replace("_", ""))
    raise failure(
        "invalid-arguments",
        "The arguments do not fit what was asked.",
        f"{text!r} is not QUOTA=AMOUNT, such as calls=10000, fuel=none or calls=default.",
    )


def _path(tenant: str) -> str:
    return f"/tenants/{quote(tenant, safe='')}/quotas"


def _show(terminal: Terminal, found: dict[str, Any]) -> None:
    terminal.line(
        f"{found['tenant']}, {found['day']}; the next day begins {moment(found['resets_at'])} UTC"
    )
    columns = ["quota", "used", "of", "", "left", "whose"]
    terminal.table(columns, [_row(each) for each in found["quotas"]])
    stored = found["stored"]
    terminal.note(
        f"stored: {size(stored['kv'])} of entries, {size(stored['config'])} of configuration, "
        f"{size(stored['packages'])} of components"
    )


def _row(each: dict[str, Any]) -> list[str]:
    limit, used = each["limit"], each["used"]
    share = 0.0 if limit is None else 1.0 if limit == 0 else used / limit
    return [
        each["quota"],
        f"{used:,}",
        "no bound" if limit is None else f"{limit:,}",
        "" if limit is None else f"{bar(share, _WIDTH)} {share:.0%}",
        "" if each["left"] is None else f"{each['left']:,}",
        "its own" if each["overridden"] else "the host's",
    ]
