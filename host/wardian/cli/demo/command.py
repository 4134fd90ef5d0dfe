"""The demonstration: build the samples, start a host, install them, make a call of each."""

from __future__ import annotations

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer

from wardian.agents.host import Host
from wardian.cli.access import fresh_key
from wardian.cli.demo.agents import asked, curls
from wardian.cli.demo.agents import show as show_agents
from wardian.cli.demo.calls import answers, calls_of, show
from wardian.cli.demo.digest import show_digest, summarized
from wardian.cli.demo.samples import (
    ACTOR,
    DIGEST,
    FIRST,
    TRIAGE,
    Built,
    Installation,
    build_all,
)
from wardian.cli.demo.stand_in import StandIn, standing_in
from wardian.cli.demo.webhook import show as show_webhook
from wardian.cli.demo.webhook import told
from wardian.cli.logs import LogFormat, LogLevel, logging_to_stderr
from wardian.cli.serve import DataDir, Port, chosen_settings, serving
from wardian.cli.terminal import Json, Terminal, command
from wardian.settings import Settings


@command
def demo(
    samples: Annotated[Path, typer.Option("--samples", help="The sample plugins' directory.")],
    data_dir: DataDir = None,
    port: Port = None,
    once: Annotated[bool, typer.Option("--once", help="Stop after the calls.")] = False,
    json: Json = False,
) -> None:
    """Build and install the samples, make a call of each through the API, and keep serving.

    With --once, what is not chosen is thrown away: a temporary data directory, any free port.
    Samples that ask a service of others ask a stand-in on this machine.
    """
    terminal = Terminal(json=json)
    with TemporaryDirectory(prefix="wardian-demo-") as temporary, standing_in(samples) as stand_in:
        if once:
            data_dir = data_dir or Path(temporary) / "state"
            port = port or 0
        settings = chosen_settings(data_dir, port, None)
        stage = _Stage(terminal, samples, stand_in, Path(temporary), once)
        with logging_to_stderr(LogFormat.TEXT, LogLevel.WARNING):
            asyncio.run(stage.run(stand_in.opened(settings) if stand_in else settings))


class _Stage:
    """What the demonstration has at hand."""

    def __init__(
        self,
        terminal: Terminal,
        samples: Path,
        stand_in: StandIn | None,
        temporary: Path,
        once: bool,
    ) -> None:
        self._terminal = terminal
        self._samples = samples
        self._stand_in = stand_in
        self._temporary = temporary
        self._once = once

    async def run(self, settings: Settings) -> None:
        async with serving(settings) as (host, server, url):
            built = await asyncio.to_thread(build_all, self._terminal, self._samples)
            tenant = settings.default_tenant
            installation = Installation(host, tenant, self._stand_in, self._temporary)
            await installation.install_all(self._terminal, built.directories)
            key = await fresh_key(host, tenant, ACTOR)
            running = asyncio.create_task(server.run_until_stopped())
            try:
                found = await self._found(built, tenant, url, key)
                found["agents"] = await self._asked(host, built, tenant)
                found["curls"] |= curls(url, key, found["agents"])
                found["bootstrap_key"] = host.bootstrap_token
                self._terminal.answer(found, lambda: self._show(found))
                if self._once:
                    server.stop()
            except BaseException:
                server.stop()
                raise
            finally:
                await running

    async def _found(self, built: Built, tenant: str, url: str, key: str) -> dict[str, Any]:
        """Make the calls, and return what there is to tell."""
        calls = calls_of(built, self._samples, self._stand_in)
        answered = await answers(url, key, calls)
        webhook = None
        if self._stand_in is not None and built.has(TRIAGE):
            webhook = await told(url, tenant, self._stand_in)
        digest = await summarized(url, key) if built.has(DIGEST) else None
        curls = {call.sample: call.curl(url, key) for call in calls}
        return {
            "url": url,
            "api_key": key,
            "installed": [path.name for path in built.directories],
            "skipped": built.skipped,
            "call": answered[FIRST],
            "calls": answered,
            "digest": digest,
            "curl": curls[FIRST],
            "curls": curls,
            "webhook": webhook,
            "stand_in": self._stand_in and self._stand_in.url,
        }

    async def _asked(self, host: Host, built: Built, tenant: str) -> dict[str, Any]:
        return await asked(host, tenant, built, with_chat=self._stand_in is not None)

    def _show(self, found: dict[str, Any]) -> None:
        terminal = self._terminal
        show(terminal, found["calls"])
        if found["webhook"]:
            show_webhook(terminal, found["webhook"])
        if found["digest"] is not None:
            show_digest(terminal, found["digest"])
        show_agents(terminal, found["agents"])
        for name in found["skipped"]:
            terminal.line(f"Skipped: {name} (its toolchain is not here).", "yellow")
        if self._once:
            return
        terminal.line("")
        terminal.line(f"Wardian serves {found['url']}, documentation: {found['url']}/docs", "bold")
        if found["stand_in"]:
            terminal.line(f"The stand-in for other services is at {found['stand_in']}")
        terminal.line(f"API key: {found['api_key']}")
        terminal.line("Try it:")
        for line in found["curls"].values():
            terminal.line(line, "green")
        terminal.note("Stop it with Ctrl-C.")
