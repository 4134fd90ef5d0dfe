"""The command: a host of its own, and the loop beside its server."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from wardian.agents.host import Host
from wardian.cli import authoring
from wardian.cli.access import fresh_key
from wardian.cli.arguments import json_object
from wardian.cli.authoring import NotAPlugin
from wardian.cli.authoring.project import SCRATCH
from wardian.cli.dev.attempts import Attempts, CallWanted
from wardian.cli.dev.follow import Follower
from wardian.cli.dev.hearing import Hearing
from wardian.cli.dev.reloading import ACTOR, Target
from wardian.cli.dev.showing import Screen
from wardian.cli.dev.watching import state_of, states
from wardian.cli.failures import FAILED
from wardian.cli.logs import LogLevel, logging_to
from wardian.cli.serve import serving
from wardian.cli.terminal import Json, Terminal, command
from wardian.plugins.manifest import MANIFEST_NAME
from wardian.policy.layers import Environment
from wardian.settings import Settings, load_settings

HOST_FOLDER = "host"
"""Below the folder that builds keep their own things in, which git ignores already."""


@dataclass(frozen=True, slots=True)
class _Order:
    """What the command line asks for."""

    directory: Path
    call: CallWanted | None
    once: bool


@command
def dev(
    directory: Annotated[Path, typer.Argument(help="The plugin's directory.")] = Path(),
    port: Annotated[int, typer.Option("--port", help="Default: any that is free.")] = 0,
    data_dir: Annotated[
        Path | None,
        typer.Option(
            "--data-dir", help="What the host keeps. Default: .wardian-build/host in the directory."
        ),
    ] = None,
    call: Annotated[
        str | None, typer.Option("--call", help="A function to call after every reload.")
    ] = None,
    args: Annotated[
        str, typer.Option("--args", help="Its arguments as a JSON object, @FILE, or - for stdin.")
    ] = "{}",
    once: Annotated[
        bool, typer.Option("--once", help="Build, load and call once; exit with 1 if that fails.")
    ] = False,
    json: Json = False,
) -> None:
    """Work on a plugin: serve it, and build and reload it whenever a file changes.

    The host is one of its own, on this machine alone; everything that the plugin asks for is
    granted. A directory without sources is reloaded when its *.wasm changes. With --json each
    event is an object on a line of its own.
    """
    wanted = CallWanted(call, json_object(args, "--args")) if call is not None else None
    order = _Order(_plugin_at(directory), wanted, once)
    settings = _settings(order.directory, data_dir, port)
    screen = Screen(Terminal(json=json), once=once)
    with logging_to(Hearing(screen.said, screen.called), LogLevel.DEBUG):
        if not asyncio.run(_develop(screen, settings, order)):
            raise typer.Exit(FAILED)


def _plugin_at(directory: Path) -> Path:
    """Refuse a directory in which nothing could ever be built, before there is a host."""
    if not directory.is_dir():
        raise NotAPlugin(f"There is no directory {str(directory)!r}.")
    if not (directory / MANIFEST_NAME).is_file() and not authoring.has_sources(directory):
        raise NotAPlugin(
            f"There is no plugin in {str(directory)!r}: it has neither a {MANIFEST_NAME} nor "
            "sources. Start one with: wardian new NAME"
        )
    return directory.resolve()


def _settings(directory: Path, data_dir: Path | None, port: int) -> Settings:
    """The operator's settings, but for those by which another host's data could be met.

    Unless they say so, what is developed runs in the environment `development`.
    """
    chosen = load_settings(
        data_dir=data_dir or directory / SCRATCH / HOST_FOLDER,
        database_url=None,
        host="127.0.0.1",
        port=port,
        versions_kept=1,
    )
    if "environment" in chosen.model_fields_set:
        return chosen
    return chosen.model_copy(update={"environment": Environment.DEVELOPMENT})


async def _develop(screen: Screen, settings: Settings, order: _Order) -> bool:
    """Serve and follow until one of them ends; tell whether the last attempt went well."""
    async with serving(settings) as (host, server, url):
        key = await fresh_key(host, settings.default_tenant, ACTOR)
        screen.serving(url, key, str(order.directory), str(settings.data_dir))
        running = asyncio.create_task(server.run_until_stopped())
        following = asyncio.create_task(_follow(screen, host, settings.default_tenant, order))
        try:
            await asyncio.wait((running, following), return_when=asyncio.FIRST_COMPLETED)
        finally:
            server.stop()
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
            await running
    return following.cancelled() or following.result()


async def _follow(screen: Screen, host: Host, tenant: str, order: _Order) -> bool:
    target = Target(host, tenant, order.directory)
    attempts = Attempts(order.directory, host, target, screen, tenant, order.call)
    if order.once:
        state = await asyncio.to_thread(state_of, order.directory)
        return await attempts.attempt(state)
    await Follower(attempts.attempt, attempts.overtaken).follow(states(order.directory))
    return True
