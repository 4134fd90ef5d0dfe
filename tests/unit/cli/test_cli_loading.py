import subprocess
import sys

import pytest

from commands import CommandLine
from wardian.cli import application


@pytest.fixture
def wardian() -> CommandLine:
    return CommandLine()


_LOADED = """
import sys
from wardian.cli import application
try:
    application(sys.argv[1:])(sys.argv[1:])
except SystemExit:
    pass
print("loaded:", *({"fastapi", "sqlalchemy", "uvicorn"} & set(sys.modules)))
"""


def loaded_by(*arguments: str) -> set[str]:
    run = subprocess.run(
        [sys.executable, "-c", _LOADED, *arguments], capture_output=True, text=True, check=True
    )
    return set(run.stdout.rpartition("loaded:")[2].split())


@pytest.mark.parametrize(
    "command", ["run", "call", "pack", "keys", "replay", "record", "top", "analytics", "agents"]
)
def test_a_command_that_serves_nothing_loads_neither_a_server_nor_a_database(command: str) -> None:
    members = {"keys": ["create"], "jobs": ["wait"], "agents": ["ask"]}
    member = members.get(command, [])
    assert loaded_by(command, *member, "--help").isdisjoint({"fastapi", "sqlalchemy", "uvicorn"})


@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("nothing",), ("keys",)])
def test_help_loads_no_command(arguments: tuple[str, ...]) -> None:
    assert loaded_by(*arguments) == set()


def test_without_a_command_s_name_every_command_is_there() -> None:
    app = application(["--help"])
    assert {command.name for command in app.registered_commands} >= {"serve", "run", "install"}
    assert all(command.help for command in app.registered_commands)
    assert {group.name for group in app.registered_groups} >= {"config", "keys", "tenants"}


def commands() -> list[tuple[str, ...]]:
    app = application()
    alone = [(command.name,) for command in app.registered_commands]
    nested = [
        (group.name, command.name)
        for group in app.registered_groups
        for command in group.typer_instance.registered_commands
    ]
    return [tuple(map(str, each)) for each in (*alone, *nested)]


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_every_command_is_where_it_is_said_to_be(
    command: tuple[str, ...], wardian: CommandLine
) -> None:
    done = wardian(*command, "--help")
    assert (done.code, "Usage" in done.out, "--json" in done.out) == (0, True, True)
