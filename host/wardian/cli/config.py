"""Configuration of a plugin, or of all of the tenant's: read, changed, judged."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any
from urllib.parse import urlencode

import typer

from wardian.cli.arguments import json_object, pairs
from wardian.cli.client import connect, plugin_path
from wardian.cli.config_showing import show_judgement, warn_of_secrets
from wardian.cli.failures import FAILED
from wardian.cli.terminal import Json, Terminal, command
from wardian.errors import InvalidArguments, NotFound
from wardian.policy.layers import Environment
from wardian.policy.lookups import Missing, found_at


class SetLayer(StrEnum):
    """A layer over the manifest's defaults."""

    ENVIRONMENT = "environment"
    USER = "user"
    RUNTIME = "runtime"


TenantWide = Annotated[
    bool,
    typer.Option("--tenant-wide", help="For every plugin of the tenant with such a property."),
]
ChosenLayer = Annotated[
    SetLayer | None, typer.Option("--layer", help="The layer; `user` where something is changed.")
]
ChosenEnvironment = Annotated[
    Environment | None,
    typer.Option("--environment", help="Of the layer `environment`; by default the host's own."),
]
Note = Annotated[str | None, typer.Option("--note", help="Why, for the history.")]
Version = Annotated[
    int | None,
    typer.Option("--version", help="Refuse if it has changed since this version (see explain)."),
]
Replacement = Annotated[
    str | None,
    typer.Option("--replace", help="All that the layer is to have: JSON, @FILE, or - for stdin."),
]


@command
def get(
    words: Annotated[
        list[str] | None,
        typer.Argument(help="The plugin, and the key of one value.", metavar="NAME [KEY]"),
    ] = None,
    tenant_wide: TenantWide = False,
    layer: ChosenLayer = None,
    environment: ChosenEnvironment = None,
    json: Json = False,
) -> None:
    """Show a configuration: what all layers come to, or with --layer what was set in one."""
    terminal = Terminal(json=json)
    name, rest = whose(words, tenant_wide=tenant_wide)
    if len(rest) > 1:
        raise InvalidArguments(f"One key at most, not {len(rest)}.")
    with connect() as client:
        values = client.get(config_path(name, query=_query(layer, environment)))
    if not rest:
        terminal.answer(values, lambda: terminal.value(values))
        return
    try:
        found = found_at(values, rest[0])
    except Missing as missing:
        known = ", ".join(values) or "nothing"
        raise NotFound(
            f"The configuration of {name or 'the tenant'} has no {rest[0]!r}; it has {known}."
        ) from missing
    terminal.answer({rest[0]: found}, lambda: terminal.value(found))


@command
def set_values(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            help="The plugin, and KEY=VALUE: a key goes into objects with dots, a value is JSON or "
            "plain text.",
            metavar="NAME [KEY=VALUE]...",
        ),
    ] = None,
    replace: Replacement = None,
    tenant_wide: TenantWide = False,
    layer: ChosenLayer = None,
    environment: ChosenEnvironment = None,
    note: Note = None,
    version: Version = None,
    json: Json = False,
) -> None:
    """Set values of a layer, or replace all of it; calls see the change from the next one on."""
    terminal = Terminal(json=json)
    name, changes = whose(words, tenant_wide=tenant_wide)
    if (replace is None) == (not changes):
        raise InvalidArguments("Give either KEY=VALUE or --replace JSON.")
    path = config_path(name, query=_query(layer, environment, note))
    wanted = pairs(changes, "config set") if replace is None else json_object(replace, "--replace")
    with connect() as client:
        if replace is None:
            values = client.send("PATCH", path, {"set": wanted}, if_match(version))
        else:
            values = client.send("PUT", path, wanted, if_match(version))
    terminal.answer(values, lambda: terminal.value(values))
    warn_of_secrets(terminal, wanted)


@command
def unset(
    words: Annotated[
        list[str] | None,
        typer.Argument(help="The plugin, and the keys.", metavar="NAME KEY..."),
    ] = None,
    tenant_wide: TenantWide = False,
    layer: ChosenLayer = None,
    environment: ChosenEnvironment = None,
    note: Note = None,
    version: Version = None,
    json: Json = False,
) -> None:
    """Take values out of a layer, so that those of lower layers are in force again."""
    terminal = Terminal(json=json)
    name, keys = whose(words, tenant_wide=tenant_wide)
    if not keys:
        raise InvalidArguments("Give the keys of what is to be taken away.")
    path = config_path(name, query=_query(layer, environment, note))
    with connect() as client:
        values = client.send("PATCH", path, {"unset": keys}, if_match(version))
    terminal.answer(values, lambda: terminal.value(values))


@command
def validate(
    words: Annotated[
        list[str] | None,
        typer.Argument(help="The plugin, and KEY=VALUE.", metavar="NAME [KEY=VALUE]..."),
    ] = None,
    replace: Replacement = None,
    without: Annotated[
        list[str] | None, typer.Option("--unset", help="A key to take away; repeat it for more.")
    ] = None,
    tenant_wide: TenantWide = False,
    layer: ChosenLayer = None,
    environment: ChosenEnvironment = None,
    json: Json = False,
) -> None:
    """Tell what a change would come to, and all that would stop it; exit 1 if it is not valid."""
    terminal = Terminal(json=json)
    name, changes = whose(words, tenant_wide=tenant_wide)
    proposal: dict[str, Any] = {"set": pairs(changes, "config validate"), "unset": without or []}
    if replace is not None:
        proposal["values"] = json_object(replace, "--replace")
    with connect() as client:
        found = client.post(config_path(name, "/validate", _query(layer, environment)), proposal)
    terminal.answer(found, lambda: show_judgement(terminal, found))
    if not found["valid"]:
        raise typer.Exit(FAILED)


def whose(words: list[str] | None, *, tenant_wide: bool) -> tuple[str | None, list[str]]:
    """Take the plugin's name from the words of a command; there is none with ``--tenant-wide``.

    Raises:
        typer.BadParameter: neither.
    """
    words = words or []
    if tenant_wide:
        return None, words
    if not words:
        raise typer.BadParameter("Give the NAME of a plugin, or --tenant-wide.")
    return words[0], words[1:]


def config_path(name: str | None, rest: str = "", query: dict[str, str] | None = None) -> str:
    """The path of a configuration below ``/api/v1``."""
    path = f"/config{rest}" if name is None else plugin_path(name, f"/config{rest}")
    return f"{path}?{urlencode(query)}" if query else path


def if_match(version: int | None) -> dict[str, str]:
    """The header that has a change refused if the configuration has another version by now."""
    return {} if version is None else {"If-Match": f'"{version}"'}


def _query(
    layer: SetLayer | None, environment: Environment | None, note: str | None = None
) -> dict[str, str]:
    found = {"layer": layer, "environment": environment, "note": note}
    return {name: str(value) for name, value in found.items() if value is not None}
