"""Functions of an installed plugin: call one."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

import typer

from wardian.cli.arguments import json_object, pairs
from wardian.cli.client import connect, plugin_path
from wardian.cli.plugins import Name
from wardian.cli.terminal import Json, Terminal, command

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
    json: Json = False,
) -> None:
    """Call a function of an installed plugin."""
    terminal = Terminal(json=json)
    body = {"arguments": json_object(args, "--args")}
    if limit:
        body["limits"] = pairs(limit, "--limit")
    with connect() as client, terminal.busy(f"Calling {name}"):
        answer = client.post(plugin_path(name, f"/functions/{quote(function, safe='')}"), body)
    terminal.answer(answer, lambda: terminal.value(answer["result"]))
    terminal.spent(answer["usage"])
