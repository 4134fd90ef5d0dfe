"""Components on this machine: inspect one, run one."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from wardian.cli.arguments import json_object, pairs
from wardian.cli.failures import failure_of
from wardian.cli.functions import Arguments, Function, Limit
from wardian.cli.local import LocalCall, inspect_once, level_to_run_at, run_once
from wardian.cli.sources import Source, source_at
from wardian.cli.terminal import Json, Terminal, command
from wardian.cli.text import size, visible_lines
from wardian.errors import CallError, WardianError
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
        outcome = _run(terminal, file, function, (args, config), level, limit)
    except WardianError as error:
        failed = failure_of(error)
        # A call that never began spent nothing, and says so in the same place.
        failed.usage = (error.usage if isinstance(error, CallError) else None) or Usage()
        raise failed from error
    result = to_json(outcome.result)
    terminal.answer({"result": result, "usage": outcome.usage}, lambda: terminal.value(result))
    terminal.spent(msgspec.to_builtins(outcome.usage))


def _run(
    terminal: Terminal,
    file: Path,
    function: str,
    texts: tuple[str, str],
    level: Level | None,
    limit: list[str] | None,
) -> Outcome:
    args, config = texts
    source = source_at(file)
    chosen = level_to_run_at(level, source.level)
    call = LocalCall(
        plugin=source.name,
        component=source.component,
        function=function,
        arguments=json_object(args, "--args"),
        level=chosen,
        limits=limits_from(pairs(limit or [], "--limit"), LEVELS[chosen].limits),
        config={**source.config, **json_object(config, "--config")},
    )
    with terminal.busy(f"Running {function}"):
        return asyncio.run(run_once(call, _print_log, _print_output))


def _print_log(level: str, message: str, fields: list[list[str]]) -> None:
    tail = "".join(f" {name}={value}" for name, value in fields)
    sys.stderr.write(visible_lines(f"{level}: {message}{tail}") + "\n")


def _print_output(written: bytes) -> None:
    sys.stderr.write(visible_lines(written.decode(errors="replace")))


def _show(terminal: Terminal, source: Source, description: Description) -> None:
    terminal.line(f"{source.name}: {size(description.size_bytes)}", "bold")
    terminal.line(f"sha256 {description.digest}")
    terminal.line("imports" if description.imports else "imports nothing", "bold")
    for imported in description.imports:
        terminal.line(f"  {imported}")
    terminal.line("functions" if description.functions else "no functions", "bold")
    for function in description.functions.values():
        terminal.line(f"  {function.name}: {function.signature}")
