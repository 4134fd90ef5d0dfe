"""Components on this machine: inspect one, run one."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from wardian.cli.arguments import json_object, pairs
from wardian.cli.failures import Failure, failure_of
from wardian.cli.functions import Arguments, Function, Limit
from wardian.cli.guest import GuestLines
from wardian.cli.limits import limits_met, sentences
from wardian.cli.local import LocalCall, inspect_once, level_to_run_at, run_once
from wardian.cli.sources import Source, source_at
from wardian.cli.terminal import Json, Terminal, command
from wardian.cli.text import size
from wardian.errors import CallError, WardianError
from wardian.plugins.api_versions import OFFERED, PluginAPIVersion
from wardian.policy.levels import LEVELS, Level
from wardian.policy.limits import limits_from
from wardian.policy.usage import Usage
from wardian.sandbox import Description, Outcome, to_json

File = Annotated[
    Path, typer.Argument(help="A component (.wasm), a package (.wardian) or a plugin's directory.")
]


@command
def inspect(file: File, json: Json = False) -> None:
    """Show what a component imports and which functions it has, with their schemas."""
    terminal = Terminal(json=json)
    source = source_at(file)
    with terminal.busy(f"Compiling {file}"):
        description = asyncio.run(inspect_once(source.component))
    found = msgspec.to_builtins(description)
    if source.manifest is not None:
        found["manifest"] = source.manifest
        found["plugin_api"] = _plugin_api(source.manifest)
    terminal.answer(found, lambda: _show(terminal, source, description))


@command
def run(
    file: File,
    function: Function,
    args: Arguments = "{}",
    level: Annotated[
        Level | None,
        typer.Option("--level", help="The sandbox level. Default: the manifest's, or restricted."),
    ] = None,
    limit: Limit = None,
    config: Annotated[
        str, typer.Option("--config", help="The plugin's configuration: JSON, @FILE, or -.")
    ] = "{}",
    json: Json = False,
) -> None:
    """Call one function of a component here, in a worker process and without a server."""
    terminal = Terminal(json=json)
    try:
        call = _local_call(file, function, (args, config), level, pairs(limit or [], "--limit"))
        with terminal.busy(f"Running {function}"):
            outcome = _run(call)
    except CallError as error:
        raise _stopped(error, call) from error
    except WardianError as error:
        failed = failure_of(error)
        # A call that never began spent nothing, and says so in the same place.
        failed.usage = Usage()
        raise failed from error
    result = to_json(outcome.result)
    terminal.answer({"result": result, "usage": outcome.usage}, lambda: terminal.value(result))
    terminal.spent(msgspec.to_builtins(outcome.usage))


def _local_call(
    file: Path,
    function: str,
    texts: tuple[str, str],
    level: Level | None,
    lowered: dict[str, Any],
) -> LocalCall:
    args, config = texts
    source = source_at(file)
    chosen = level_to_run_at(level, source.level)
    return LocalCall(
        plugin=source.name,
        component=source.component,
        function=function,
        arguments=json_object(args, "--args"),
        level=chosen,
        limits=limits_from(lowered, LEVELS[chosen].limits),
        config={**source.config, **json_object(config, "--config")},
        asked=source.asked,
    )


def _run(call: LocalCall) -> Outcome:
    lines = GuestLines(call.plugin)
    try:
        return asyncio.run(run_once(call, lines))
    finally:
        lines.end()


def _stopped(error: CallError, call: LocalCall) -> Failure:
    """Describe a call that failed, with the limits that it met."""
    failed = failure_of(error)
    failed.usage = error.usage or Usage()
    met = limits_met(error, failed.usage, call.limits, call.level)
    failed.error["limits"] = msgspec.to_builtins(met)
    failed.notes = sentences(error, met)
    return failed


def _plugin_api(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Tell which version of the plugin API a manifest asks for, and whether it is offered here."""
    asked = PluginAPIVersion.parse(manifest["api_version"])
    return {
        "asked": str(asked),
        "offered": [str(each) for each in OFFERED],
        "compatible": any(asked.is_compatible_with(each) for each in OFFERED),
    }


def _show(terminal: Terminal, source: Source, description: Description) -> None:
    terminal.line(f"{source.name}: {size(description.size_bytes)}", "bold")
    terminal.line(f"sha256 {description.digest}")
    if source.manifest is not None:
        api = _plugin_api(source.manifest)
        fits = "" if api["compatible"] else ", which does not fit"
        terminal.line(f"plugin API {api['asked']}; offered: {', '.join(api['offered'])}{fits}")
    terminal.line("imports" if description.imports else "imports nothing", "bold")
    for imported in description.imports:
        terminal.line(f"  {imported}")
    terminal.line("functions" if description.functions else "no functions", "bold")
    for function in description.functions.values():
        terminal.line(f"  {function.name}: {function.signature}")
