"""MCP: what the configuration of a client needs."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from wardian.cli.environment import KEY_VARIABLE, URL_VARIABLE
from wardian.cli.terminal import Json, Terminal, command
from wardian.client.options import DEFAULT_URL

PATH = "/mcp"


@command
def mcp(
    name: Annotated[
        str, typer.Option("--name", help="What the client is to call this host.")
    ] = "wardian",
    json: Json = False,
) -> None:
    """Print what MCP clients put into their configuration to have plugins' functions as tools.

    The key stays where it is: most clients read it from the environment, as it is printed.
    """
    terminal = Terminal(json=json)
    url = (os.environ.get(URL_VARIABLE) or DEFAULT_URL).rstrip("/")
    server = {
        "type": "http",
        "url": f"{url}{PATH}",
        "headers": {"Authorization": f"Bearer ${{{KEY_VARIABLE}}}"},
    }
    found = {"mcpServers": {name: server}}
    terminal.answer(found, lambda: terminal.value(found))
