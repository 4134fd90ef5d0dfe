"""`wardian top`: what plugins use now, drawn again and again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Annotated, Any
from urllib.parse import urlencode

import typer
from rich.console import Console
from rich.live import Live

from wardian.cli.analytics import Tenant
from wardian.cli.client import Client, connect
from wardian.cli.terminal import Json, Terminal, command
from wardian.cli.top_frames import Frames, Sort

_LEAST_SECONDS = 0.5


@command
def top(
    sort: Annotated[Sort, typer.Option("--sort", help="What stands first.")] = Sort.CALLS,
    every: Annotated[
        float, typer.Option("--every", help="Seconds between two looks.", min=_LEAST_SECONDS)
    ] = 2.0,
    limit: Annotated[int, typer.Option("--limit", help="Functions.", min=1, max=100)] = 50,
    tenant: Tenant = None,
    once: Annotated[bool, typer.Option("--once", help="Look once, and end.")] = False,
    json: Json = False,
) -> None:
    """Watch what plugins use: calls a second, failures, latency, fuel, egress, workers.

    Ends with Ctrl-C. Where nobody watches, or with --json, each look is printed below the one
    before; with --json, as one object a line.
    """
    terminal = Terminal(json=json)
    query = {"limit": limit} | ({} if tenant is None else {"tenant": tenant})
    frames = Frames(sort)
    with connect() as client:
        looks = _looks(client, f"/analytics/top?{urlencode(query)}", None if once else every)
        if json or once or not terminal.out.is_terminal:
            _print(terminal, frames, looks, client.url)
        else:
            _watch(frames, looks, client.url)


def _looks(client: Client, path: str, every: float | None) -> Iterator[dict[str, Any]]:
    """Ask again and again; the next look is so long after the one before began."""
    while True:
        began = time.monotonic()
        yield client.get(path)
        if every is None:
            return
        time.sleep(max(0.0, began + every - time.monotonic()))


def _print(terminal: Terminal, frames: Frames, looks: Iterator[dict[str, Any]], where: str) -> None:
    for answer in looks:
        frame = frames.take(answer)

        def show(frame: dict[str, Any] = frame) -> None:
            terminal.out.print(frames.draw(frame, where, None))

        terminal.answer({**answer, "rate": frame["rate"], "rows": frame["lines"]}, show)


def _watch(frames: Frames, looks: Iterator[dict[str, Any]], where: str) -> None:
    """Draw on the whole screen, which is given back at the end."""
    console = Console(markup=False, highlight=False, emoji=False)
    with Live(console=console, screen=True, auto_refresh=False) as live:
        for answer in looks:
            frame = frames.take(answer)
            live.update(frames.draw(frame, where, (console.width, console.height)), refresh=True)
