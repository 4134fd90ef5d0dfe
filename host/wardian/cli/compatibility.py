"""``wardian compat``: what a new version of a component changes for those who call it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from wardian.cli.changes import show_changes
from wardian.cli.local import inspect_once
from wardian.cli.sources import Source, source_at
from wardian.cli.terminal import Json, Terminal, command
from wardian.plugins.compatibility import Compatibility, compare, next_version, reaches
from wardian.sandbox import Description

_HELP = "A component (.wasm), a package (.wardian) or a plugin's directory."


@command
def compat(
    old: Annotated[Path, typer.Argument(help=_HELP)],
    new: Annotated[Path, typer.Argument(help="The same, of the newer version.")],
    json: Json = False,
) -> None:
    """Compare two versions: which functions and imports differ, and whom that breaks.

    Exits with 1 if callers of the old version may fail with the new one, unless the new version's
    number says so.
    """
    terminal = Terminal(json=json)
    sources = source_at(old), source_at(new)
    with terminal.busy(f"Compiling {old} and {new}"):
        before, after = asyncio.run(_inspected(*sources))
    found = compare(before, after)
    wanted = next_version(sources[0].version, found.advice) if sources[0].version else None
    told = wanted is not None and reaches(sources[1].version, wanted)
    answer = {
        "breaking": found.breaking,
        "advice": found.advice,
        "next_version": wanted,
        "changes": msgspec.to_builtins(found.changes),
    }
    terminal.answer(answer, lambda: _show(terminal, sources, found, wanted))
    if found.breaking and not told:
        raise typer.Exit(1)


async def _inspected(*sources: Source) -> list[Description]:
    return [await inspect_once(source.component) for source in sources]


def _show(
    terminal: Terminal, sources: tuple[Source, Source], found: Compatibility, wanted: str | None
) -> None:
    old, new = (f"{source.name} {source.version}".strip() for source in sources)
    if not found.changes:
        terminal.line(f"{old} and {new} have the same functions and imports.", "bold green")
        return
    if found.breaking:
        terminal.line(f"{new} breaks callers of {old}.", "bold red")
    else:
        terminal.line(f"{new} serves callers of {old}.", "bold green")
    show_changes(terminal, msgspec.to_builtins(found.changes))
    if wanted is None:
        terminal.note(f"Semantic versioning asks for the next {found.advice} version.")
    elif reaches(sources[1].version, wanted):
        terminal.note(f"The version says so: semantic versioning asks for {wanted} or later.")
    else:
        terminal.note(
            f"Semantic versioning asks for {wanted} or later; the manifest says "
            f"{sources[1].version or 'nothing'}.",
            "yellow",
        )
