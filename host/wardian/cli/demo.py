"""The demonstration: build the samples, start a host, install them, make one real call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import httpx
import msgspec
import typer

from wardian.cli import authoring
from wardian.cli.access import curl_line, fresh_key
from wardian.cli.authoring import ToolchainMissing
from wardian.cli.failures import Failure
from wardian.cli.logs import LogFormat, LogLevel, logging_to_stderr
from wardian.cli.serve import DataDir, Port, chosen_settings, serving
from wardian.cli.terminal import Json, Terminal, command
from wardian.crypto.digests import sha256_hex
from wardian.errors import NotFound
from wardian.plugins.package import read_directory
from wardian.runtime.host import PluginHost
from wardian.settings import Settings

SAMPLE = "csv-insights"
KEY_NAME = "demo"

LEFT_OUT = "misbehaving"
"""The sample that is for `wardian run`: it would only be in the way of who looks around."""

_PATH = f"/api/v1/plugins/{SAMPLE}/functions/analyze"
_COLUMNS = ("name", "kind", "count", "missing", "unique", "minimum", "maximum", "mean", "median")


@command
def demo(
    samples: Annotated[Path, typer.Option("--samples", help="The sample plugins' directory.")],
    data_dir: DataDir = None,
    port: Port = None,
    once: Annotated[bool, typer.Option("--once", help="Stop after the call.")] = False,
    json: Json = False,
) -> None:
    """Build and install the samples, analyse a CSV file through the API, and keep serving.

    With --once, what is not chosen is thrown away: a temporary data directory, any free port.
    """
    terminal = Terminal(json=json)
    with TemporaryDirectory(prefix="wardian-demo-") as temporary:
        if once:
            data_dir = data_dir or Path(temporary)
            port = port or 0
        settings = chosen_settings(data_dir, port, None)
        with logging_to_stderr(LogFormat.TEXT, LogLevel.WARNING):
            asyncio.run(_demonstrate(terminal, settings, samples, once))


async def _demonstrate(terminal: Terminal, settings: Settings, samples: Path, once: bool) -> None:
    async with serving(settings) as (host, server, url):
        built, skipped = await asyncio.to_thread(_build_all, terminal, samples)
        await _install_all(terminal, host, settings, built)
        key = await fresh_key(host, settings.default_tenant, KEY_NAME)
        running = asyncio.create_task(server.run_until_stopped())
        try:
            answer = await _first_call(url, key, _text_of(samples / SAMPLE))
            found = {
                "url": url,
                "api_key": key,
                "bootstrap_key": host.bootstrap_token,
                "installed": [path.name for path in built],
                "skipped": skipped,
                "call": answer,
                "curl": _curl(url, key),
            }
            terminal.answer(found, lambda: _show(terminal, found, once))
            if once:
                server.stop()
        except BaseException:
            server.stop()
            raise
        finally:
            await running


def _build_all(terminal: Terminal, samples: Path) -> tuple[list[Path], dict[str, str]]:
    """Build each sample that is not built yet; one whose toolchain is missing is skipped."""
    found = sorted(path.parent for path in samples.glob("*/plugin.toml"))
    directories = [directory for directory in found if directory.name != LEFT_OUT]
    if samples / SAMPLE not in directories:
        raise NotFound(f"There is no sample plugin {SAMPLE!r} in {str(samples)!r}.")
    built: list[Path] = []
    skipped: dict[str, str] = {}
    for directory in directories:
        try:
            _build(terminal, directory)
            built.append(directory)
        except ToolchainMissing as error:
            skipped[directory.name] = error.message
            terminal.note(f"{directory.name}: skipped. {error.message}", "yellow")
    return built, skipped


def _build(terminal: Terminal, directory: Path) -> None:
    if authoring.is_built(directory):
        terminal.note(f"{directory.name}: built already")
        return
    with terminal.busy(f"{directory.name}: building") as progress:
        authoring.build(directory, progress=_prefixed(directory.name, progress))
    terminal.note(f"{directory.name}: built", "green")


def _prefixed(name: str, progress: Callable[[str], None]) -> Callable[[str], None]:
    return lambda text: progress(f"{name}: {text}")


async def _install_all(
    terminal: Terminal, host: PluginHost, settings: Settings, directories: list[Path]
) -> None:
    for directory in directories:
        terminal.note(f"{directory.name}: installing; the first time this compiles it")
        with terminal.busy(f"{directory.name}: compiling"):
            await _install(host, settings.default_tenant, directory)
        terminal.note(f"{directory.name}: installed, with everything granted that it asks for")


async def _install(host: PluginHost, tenant: str, directory: Path) -> None:
    """Install a sample, or leave it when this very component is installed already."""
    package = await asyncio.to_thread(read_directory, directory)
    name = package.manifest.name
    installed = {view.name: view for view in await host.plugins(tenant=tenant)}
    if name in installed:
        wanted = sha256_hex(package.component)
        if installed[name].digest == wanted:
            return
        await host.uninstall(name, tenant=tenant, actor=KEY_NAME)
    await host.install(directory, grants="all", tenant=tenant, actor=KEY_NAME)


async def _first_call(url: str, key: str, csv: str) -> dict[str, Any]:
    """Call the sample over HTTP, as a stranger would."""
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as client:
        answer = await client.post(
            _PATH,
            content=msgspec.json.encode({"arguments": {"csv": csv}}),
            headers={"Authorization": f"Bearer {key}"},
        )
    found: dict[str, Any] = answer.json()
    if answer.is_error:
        raise Failure(found, found.pop("usage", None))
    return found


def _text_of(sample: Path) -> str:
    return min((sample / "data").glob("*.csv")).read_text(encoding="utf-8")


def _curl(url: str, key: str) -> str:
    return curl_line(url + _PATH, key, {"csv": "planet,moons\nEarth,1\nMars,2\nJupiter,97\n"})


def _show(terminal: Terminal, found: dict[str, Any], once: bool) -> None:
    report, usage = found["call"]["result"], found["call"]["usage"]
    terminal.line(f"{SAMPLE} on the shipped CSV: {report['rows']} rows", "bold")
    terminal.table(
        [name.replace("-", " ") for name in _COLUMNS],
        [[_cell(column.get(name)) for name in _COLUMNS] for column in report["columns"]],
    )
    terminal.spent(usage)
    for name in found["skipped"]:
        terminal.line(f"Skipped: {name} (its toolchain is not here).", "yellow")
    if once:
        return
    terminal.line("")
    terminal.line(f"Wardian serves {found['url']}, documentation: {found['url']}/docs", "bold")
    terminal.line(f"API key: {found['api_key']}")
    terminal.line("Try it:")
    terminal.line(found["curl"], "green")
    terminal.note("Stop it with Ctrl-C.")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)
