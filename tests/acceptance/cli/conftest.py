"""A real server process, and the command line run in this one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from commands import CommandLine, announced, serve_process, stop


@pytest.fixture
def wardian() -> CommandLine:
    return CommandLine()


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("serve")
    options = ("--json", "--log-level", "warning", "--port", 0, "--data-dir", folder / "state")
    with serve_process(*options) as process:
        yield announced(process)
        assert stop(process) == (0, "")


@pytest.fixture
def remote(
    server: dict[str, Any], wardian: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> CommandLine:
    """The command line of the server's administrator."""
    monkeypatch.setenv("WARDIAN_URL", server["url"])
    monkeypatch.setenv("WARDIAN_API_KEY", server["bootstrap_key"])
    return wardian
