"""A plugin's sources: new, build, pack."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from wardian.cli import authoring
from wardian.cli.authoring import Language, Template
from wardian.cli.authoring.manifest import Checked
from wardian.cli.terminal import Json, Terminal, command
from wardian.cli.text import size
from wardian.cli.validate import described, warn
from wardian.errors import InvalidArguments
from wardian.plugins.package import file_name, read_directory
from wardian.sandbox.binary import declared_imports

Directory = Annotated[Path, typer.Argument(help="The plugin's directory.")]


@command
def new(
    name: Annotated[str, typer.Argument(help="The new plugin's name.")],
    language: Annotated[
        Language, typer.Option("--language", "-l", help="What it is written in.")
    ] = Language.PYTHON,
    template: Annotated[
        Template, typer.Option("--template", "-t", help="A plugin's functions, or an agent.")
    ] = Template.FUNCTION,
    parent: Annotated[Path, typer.Option("--in", help="Where the new directory is made.")] = Path(),
    json: Json = False,
) -> None:
    """Start a plugin: a directory with a manifest, a world and a function that works."""
    terminal = Terminal(json=json)
    made = authoring.scaffold(name, language, parent, template)
    found = {"directory": str(made), "language": language}
    terminal.answer(found, lambda: terminal.line(f"Made {made}."))
    terminal.note(f"Next: wardian dev {shlex.quote(str(made))}")


@command
def build(directory: Directory = Path(), json: Json = False) -> None:
    """Build a plugin's component from its sources."""
    terminal = Terminal(json=json)
    with terminal.busy(f"Building {directory}") as progress:
        component = authoring.build(directory, progress=progress)
    bytes_ = component.stat().st_size
    terminal.answer(
        {"component": str(component), "size_bytes": bytes_},
        lambda: terminal.line(f"Built {component} ({size(bytes_)})."),
    )


@command
def pack(
    directory: Directory = Path(),
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Default: NAME-VERSION.wardian, here.")
    ] = None,
    json: Json = False,
) -> None:
    """Pack a built plugin into one .wardian file; the same content gives the same bytes."""
    terminal = Terminal(json=json)
    package = read_directory(directory)
    manifest = authoring.check_source(package.manifest_source)
    checked = Checked(manifest=manifest, source=package.manifest_source)
    # Read and not compiled, which takes seconds: `wardian validate` does that.
    warnings = checked.remarks(declared_imports(package.component))
    target = output or Path(file_name(manifest))
    try:
        target.write_bytes(package.content)
    except OSError as error:
        raise InvalidArguments(f"{str(target)!r} cannot be written: {error.strerror}.") from error
    terminal.answer(
        {
            "package": str(target),
            "size_bytes": len(package.content),
            "warnings": [described(warning) for warning in warnings],
        },
        lambda: terminal.line(f"Packed {target} ({size(len(package.content))})."),
    )
    warn(terminal, warnings)
