import subprocess
import sys

import pytest

from wardian.cli import application

_LOADED = """
import sys
from wardian.cli import application
application([sys.argv[1]])
print(*({"fastapi", "sqlalchemy"} & set(sys.modules)))
"""


@pytest.mark.parametrize("command", ["run", "call", "pack", "keys"])
def test_a_command_that_serves_nothing_loads_neither_a_server_nor_a_database(command: str) -> None:
    run = subprocess.run(
        [sys.executable, "-c", _LOADED, command], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == ""


def test_without_a_command_s_name_every_command_is_there() -> None:
    app = application(["--help"])
    assert {command.name for command in app.registered_commands} >= {"serve", "run", "install"}
    assert {group.name for group in app.registered_groups} == {"config", "keys", "tenants"}
