"""Which languages plugins can be built in here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from wardian.cli.authoring import ToolchainMissing, python, rust, toolchain
from wardian.cli.authoring.steps import Steps
from wardian.cli.checks.check import Check, Status


def toolchain_checks() -> list[Check]:
    """Look for each language's tools; a host without any of them runs what others built."""
    return [
        _toolchain("Python plugins", python.require_tools),
        _toolchain("TypeScript plugins", _require_node),
        _toolchain("Rust plugins", rust.require_tools),
    ]


def _require_node() -> None:
    with TemporaryDirectory(prefix="wardian-doctor-") as name:
        folder = Path(name)
        toolchain.require_node(Steps(folder / "log", lambda step: None, folder, folder))


def _toolchain(name: str, require: Callable[[], object]) -> Check:
    try:
        require()
    except ToolchainMissing as missing:
        return Check(name, Status.WEAK, "cannot be built here", missing.message)
    return Check(name, Status.OK, "can be built here")
