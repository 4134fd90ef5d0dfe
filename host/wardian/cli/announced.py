"""Commands that help can list without loading what they run.

The server's modules, and an executor's, take longer to load than most commands take.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import typer
from typer.core import TyperCommand
from typer.main import get_command

_NEGATIVE = re.compile(r"-\d[\d.]*", re.ASCII)


class _Command(TyperCommand):
    """A command to which ``-1`` is an argument: no option is a number."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse ``args``, of which each parameter takes its own."""
        ctx.ignore_unknown_options = any(map(_NEGATIVE.fullmatch, args))
        return super().parse_args(ctx, args)


class Announced(TyperCommand):
    """Stands for a command until that is run, or asked for its options or its completion.

    Its callback returns the function that the command is made of.
    """

    def make_context(
        self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any
    ) -> Any:
        """Make a context of the command itself."""
        return self._loaded().make_context(info_name, args, parent, **extra)

    def _loaded(self) -> Any:
        assert self.callback is not None  # noqa: S101 - `announce` gives one
        alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        alone.command(self.name, cls=_Command)(self.callback())
        return get_command(alone)


def announce(group: typer.Typer, name: str, place: str, panel: str | None = None) -> None:
    """Add the command ``name`` to ``group``: the function at ``place``, in this package."""
    module, _, function = place.rpartition(".")
    module = f"{__package__}.{module}"

    def load() -> Callable[..., Any]:
        found: Callable[..., Any] = getattr(import_module(module), function)
        return found

    group.command(name, cls=Announced, help=_summary(module, function), rich_help_panel=panel)(load)


def _summary(module: str, function: str) -> str:
    """Read a function's docstring without running its module."""
    spec = find_spec(module)
    source = spec.loader.get_source(module) if spec else None  # type: ignore[union-attr]
    for node in ast.parse(source or "").body:
        if isinstance(node, ast.FunctionDef) and node.name == function:
            return ast.get_docstring(node) or ""
    raise LookupError(f"{module} has no function {function}")
