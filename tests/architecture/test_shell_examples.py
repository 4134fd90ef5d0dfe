"""Every ``wardian`` command that a document shows is one that there is, with its options."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from wardian.cli import application

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md")), *ROOT.glob("s*/*/README.md")]
TEMPLATES = sorted(ROOT.glob("host/wardian/cli/authoring/templates/**/README.md.template"))


def commands(path: Path) -> list[str]:
    """The command lines of a document: after a prompt, or indented in a new plugin's page."""
    text = path.read_text().replace("\\\n", " ")
    prompt = r"    " if path in TEMPLATES else r"\$ "
    lines = re.findall(rf"^{prompt}(wardian .*)$", text, re.MULTILINE)
    return [part.strip() for line in lines for part in re.split(r" && | \| ", line)]


EXAMPLES = sorted({line for path in [*DOCUMENTS, *TEMPLATES] for line in commands(path)})


def test_the_documents_show_commands() -> None:
    assert len(EXAMPLES) > 20


def parsed(line: str) -> None:
    """Parse a command line as when it is run, and do not run it."""
    program, *words = shlex.split(line, comments=True)
    assert program == "wardian"
    command = typer.main.get_command(application(words))
    context = command.make_context(program, words)
    while isinstance(command, TyperGroup):
        name, found, rest = command.resolve_command(
            context, [*context._protected_args, *context.args]
        )
        assert found is not None
        command, context = found, found.make_context(name, list(rest), parent=context)


@pytest.mark.parametrize("line", EXAMPLES)
def test_a_command_of_the_documents_can_be_given_so(line: str) -> None:
    parsed(line)


@pytest.mark.parametrize("line", ["keys lost", "build . --fast", "install", "pack a b", "hello"])
def test_a_command_that_is_none_is_noticed(line: str) -> None:
    with pytest.raises(TyperException):
        parsed(f"wardian {line}")
