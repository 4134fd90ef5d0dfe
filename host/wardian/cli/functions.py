"""Functions of an installed plugin: call one."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

import typer

from wardian.cli.arguments import json_object, pairs
from wardian.cli.client import connect, plugin_path
from wardian.cli.jobs import show_queued
from wardian.cli.plugins import Name
from wardian.cli.terminal import Json, Terminal, command
from wardian.errors import InvalidArguments

Function = Annotated[
    str, typer.Argument(help="A function's name; the bare one will do while it is unambiguous.")
]
Arguments = Annotated[
    str, typer.Option("--args", help="The arguments as a JSON object, @FILE, or - for stdin.")
]
Limit = Annotated[
    list[str] | None,
    typer.Option("--limit", help="Lower a limit of this call: NAME=VALUE; repeat it for more."),
]


@command
def call(
    name: Name,
    function: Function,
    args: Arguments = "{}",
    limit: Limit = None,
    is_async: Annotated[
        bool, typer.Option("--async", help="Do not wait: make it a job, and print its id.")
    ] = False,
    retry: Annotated[
        int,
        typer.Option("--retry", help="Of a job: how often it may run again if its host is lost."),
    ] = 0,
    notify: Annotated[
        str | None, typer.Option("--notify", help="Of a job: an endpoint that is told of its end.")
    ] = None,
    json: Json = False,
) -> None:
    """Call a function of an installed plugin."""
    terminal = Terminal(json=json)
    body: dict[str, Any] = {"arguments": json_object(args, "--args")}
    if limit:
        body["limits"] = pairs(limit, "--limit")
    if is_async:
        _queue(terminal, _path(name, function), body | {"retry": retry, "notify": notify})
        return
    if retry or notify:
        raise InvalidArguments("--retry and --notify are for jobs: add --async.")
    with connect() as client, terminal.busy(f"Calling {name}"):
        answer = client.post(_path(name, function), body)
    terminal.answer(answer, lambda: terminal.value(answer["result"]))
    terminal.spent(answer["usage"])


def _queue(terminal: Terminal, path: str, body: dict[str, Any]) -> None:
    with connect() as client:
        found = client.v2.send("POST", path, body, {"Prefer": "respond-async"})
    terminal.answer(found, lambda: show_queued(terminal, found))


def _path(name: str, function: str) -> str:
    return plugin_path(name, f"/functions/{quote(function, safe='')}")
