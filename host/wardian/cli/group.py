"""Groups of commands, whose usage errors are JSON too where that is asked for."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from wardian.cli.failures import FAILED, failure
from wardian.cli.terminal import Terminal
from wardian.errors import InvalidArguments

_JSON = "--json"


class Commands(TyperGroup):
    """Commands that, with ``--json``, answer a usage error as any other: one object, and exit 1.

    Without it the usage and the error are shown to people, with exit 2.
    """

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Parse ``args``, by default the process's, run what they say, and exit."""
        given = list(sys.argv[1:] if args is None else args)
        if not standalone_mode or not _asks_for_json(given):
            return super().main(
                given, prog_name, complete_var, standalone_mode, windows_expand_args, **extra
            )
        try:
            code = super().main(given, prog_name, complete_var, False, windows_expand_args, **extra)
        except TyperException as error:
            _refuse(error)
        except typer.Abort:
            sys.exit(FAILED)
        sys.exit(code if isinstance(code, int) else 0)


class NamedCommands(Commands):
    """Commands of which ``list`` is meant where the first argument names none of them."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse ``args``, with the command put in that was left out."""
        if args and not args[0].startswith("-") and args[0] not in self.commands:
            args = ["list", *args]
        return super().parse_args(ctx, args)


class ShownCommands(Commands):
    """Commands of which ``show`` is meant where none is named."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse ``args``, with the command put in that was left out."""
        if not args or (args[0].startswith("-") and args[0] != "--help"):
            args = ["show", *args]
        return super().parse_args(ctx, args)


def _asks_for_json(arguments: list[str]) -> bool:
    end = arguments.index("--") if "--" in arguments else len(arguments)
    return _JSON in arguments[:end]


def _refuse(error: TyperException) -> NoReturn:
    detail = error.format_message() or "The command line is not complete."
    Terminal(json=True).fail(failure(InvalidArguments.type, InvalidArguments.title(), detail))
    sys.exit(FAILED)
