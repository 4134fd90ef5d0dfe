"""What every measurement may ask for, and what a measurement is."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import wasmtime
from wasmtime import component as wc

from benchmarks.figures import Figure, Row
from benchmarks.measuring import Effort
from wardian.cli import authoring
from wardian.cli.authoring import ToolchainMissing
from wardian.crypto.digests import sha256_hex
from wardian.errors import InvalidComponent
from wardian.sandbox import Component, Sandbox
from wardian.sandbox.description import Source

SOURCES = Path(__file__).parent / "plugins"
FOLDER = Path(__file__).parents[2] / "build" / "benchmarks"
"""Built plugins and compiled code are kept from one run to the next."""


class Skipped(Exception):
    """A measurement that this machine lacks something for; says what."""


class Bench:
    """How much to measure, and what is expensive to make."""

    def __init__(self, effort: Effort, folder: Path = FOLDER) -> None:
        self.effort = effort
        self.folder = folder

    def plugin(self, language: str) -> bytes:
        """Return the plugin of ``tests/benchmarks/plugins/LANGUAGE``, building it if need be.

        Raises:
            Skipped: its toolchain is not installed.
        """
        sources = SOURCES / language
        digest = sha256_hex(b"".join(path.read_bytes() for path in _files(sources)))[:16]
        built = self.folder / f"{language}-{digest}"
        if not (built / "plugin.wasm").is_file():
            shutil.copytree(sources, built, dirs_exist_ok=True)
            try:
                authoring.build(built, progress=lambda _step: None)
            except ToolchainMissing as error:
                raise Skipped(error.message) from error
        return (built / "plugin.wasm").read_bytes()

    def loaded(self, sandbox: Sandbox, wasm: bytes) -> Component:
        """Load a component from code that was compiled before, compiling it if need be."""
        path = self._code("wardian", wasm)
        try:
            if path.exists():
                return sandbox.load_compiled(path, Source.of(wasm))
        except InvalidComponent:
            pass  # of another version, or with other settings
        component, code = sandbox.compile(wasm)
        _replace(path, code)
        return component

    def plainly_loaded(self, engine: wasmtime.Engine, wasm: bytes) -> wc.Component:
        """The same with the public API, in an engine of its own."""
        path = self._code("plain", wasm)
        try:
            if path.exists():
                return wc.Component.deserialize_file(engine, str(path))
        except wasmtime.WasmtimeError:
            pass
        component = wc.Component(engine, wasm)
        _replace(path, bytes(component.serialize()))
        return component

    def compiled_folder(self) -> Path:
        """Where executors keep compiled code."""
        return self.folder / "compiled"

    def _code(self, owner: str, wasm: bytes) -> Path:
        folder = self.folder / "code"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{owner}-{sha256_hex(wasm)[:16]}"


@dataclass(frozen=True, slots=True)
class Measurement:
    """Something that is measured at once, and the rows it yields figures for."""

    rows: tuple[Row, ...]
    run: Callable[[Bench], Iterable[Figure]]


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _replace(path: Path, code: bytes) -> None:
    # Code is mapped from its file: it is never written in place.
    draft = path.with_suffix(f".{os.getpid()}")
    draft.write_bytes(code)
    draft.replace(path)
