"""One ``.wast`` file, executed command by command. Runs in a process of its own (``__main__``)."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from corpus.values import plain, same
from executors import caller
from wardian.errors import (
    CallError,
    CompileExceeded,
    GuestError,
    ImportRefused,
    InvalidComponent,
    MemoryExceeded,
    WardianError,
)
from wardian.policy.levels import Level
from wardian.runtime.executor import Executor, ExecutorSettings
from wardian.sandbox import LiveInstance, Sandbox
from wardian.sandbox.component import Component
from wardian.sandbox.linker import Imports
from wardian.sandbox.types import FunctionType
from wardian.worlds import contract

PASSED, FAILED, REFUSED, SKIPPED = "passed", "failed", "refused", "skipped"

BY_DESIGN = (
    "asynchronous",
    "resource",
    "stream",
    "future",
    "error-context",
    "must be enabled",
    "not enabled",
    "shared-everything",
    "requires the component model",
    "gc",
    "imports",
    "nests",
    "not a component",
    "core module",
    "map<",
    "fixed-length",
    "fixed size",
    "feature",
    "support",
)
"""What messages say that refuse a valid component for what Wardian leaves out on purpose."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one command.

    Attributes:
        verdict: ``passed``, ``failed``, ``refused`` (by design) or ``skipped``.
    """

    line: int
    command: str
    verdict: str
    reason: str = ""


class Wrong(Exception):
    """A command did not end as it must."""


class Skip(Exception):
    """A command says nothing about Wardian."""


Invoke = Callable[[str, str, dict[str, Any]], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Ended:
    """How a call ended: with a plain value, which is an error's payload if it ``fails``."""

    value: Any
    fails: bool = False

    def __str__(self) -> str:
        return f"the error {self.value!r}" if self.fails else repr(self.value)


@dataclass(slots=True)
class Loaded:
    """A component of the file."""

    name: str
    wasm: bytes
    component: Component
    live: LiveInstance


class Script:
    """The commands of one file, on a sandbox and, if there is one, an executor as well."""

    def __init__(self, folder: Path, sandbox: Sandbox, executor: Executor | None) -> None:
        self._folder = folder
        self._sandbox = sandbox
        self._executor = executor
        self._definitions: dict[str, bytes] = {}
        self._named: dict[str, Loaded] = {}
        self._current: Loaded | None = None
        self._loads = 0

    async def verdict(self, command: dict[str, Any]) -> Verdict:
        """Execute one command."""
        kind, line = command["type"], command["line"]
        try:
            await self._execute(kind, command)
        except Wrong as wrong:
            return Verdict(line, kind, FAILED, str(wrong))
        except Skip as skip:
            return Verdict(line, kind, SKIPPED, str(skip))
        except MemoryExceeded as error:
            return Verdict(line, kind, REFUSED, error.message)
        except InvalidComponent as error:
            designed = any(word in error.message for word in BY_DESIGN)
            return Verdict(line, kind, REFUSED if designed else FAILED, error.message)
        except Exception as error:  # noqa: BLE001 -- whatever it is, it is not documented
            return Verdict(line, kind, FAILED, f"{type(error).__name__}: {error}")
        return Verdict(line, kind, PASSED)

    async def _execute(self, kind: str, command: dict[str, Any]) -> None:
        match kind:
            case "module":
                self._current = None
                await self._load(command.get("name", ""), self._read(command))
            case "module_definition":
                self._definitions[command.get("name", "")] = self._read(command)
            case "module_instance":
                self._current = None
                name = command.get("instance") or ""
                await self._load(name, self._definitions[command.get("module") or ""])
            case "assert_invalid" | "assert_malformed" | "assert_unlinkable":
                await self._refused(self._read(command))
            case "assert_return":
                await self._returned(command)
            case "assert_trap" | "assert_exhaustion" | "action":
                await self._trapped(command, must=kind != "action")
            case _:
                raise Skip(f"no {kind} here")

    def _read(self, command: dict[str, Any]) -> bytes:
        path = self._folder / command["filename"]
        if command.get("module_type") == "text":
            raise Skip("text, which is no component to begin with")
        wasm = path.read_bytes()
        if wasm[4:8] == b"\1\0\0\0":
            raise Skip("a core module")
        return wasm

    async def _load(self, name: str, wasm: bytes) -> None:
        component = self._sandbox.load(wasm)
        if self._executor is not None:
            await self._executor.admit(wasm)
        self._loads += 1
        live = self._sandbox.instance(component)
        self._current = Loaded(f"{name}-{self._loads}", wasm, component, live)
        self._named[name] = self._current

    async def _refused(self, wasm: bytes) -> None:
        for admit in self._admissions():
            try:
                await admit(wasm)
            except (InvalidComponent, ImportRefused, CompileExceeded):
                continue
            raise Wrong("it was admitted")

    def _admissions(self) -> Iterator[Callable[[bytes], Awaitable[Any]]]:
        async def here(wasm: bytes) -> None:
            self._sandbox.check_links(self._sandbox.load(wasm), Imports({}))

        yield here
        if self._executor is not None:
            yield self._executor.admit

    async def _returned(self, command: dict[str, Any]) -> None:
        loaded, function, arguments = self._invocation(command["action"])
        wanted = _wanted(command["expected"], function)
        for call in self._ways(loaded):
            try:
                ended = Ended(await call(command["action"]["field"], arguments))
            except GuestError as error:
                ended = Ended(error.payload, fails=True)
            except MemoryExceeded:
                raise
            except WardianError as error:
                raise Wrong(f"{type(error).__name__}: {error.message}") from None
            if ended.fails != wanted.fails or not same(ended.value, wanted.value):
                raise Wrong(f"expected {wanted}, got {ended}")

    async def _trapped(self, command: dict[str, Any], *, must: bool) -> None:
        if "action" not in command:
            raise Skip("a trap while it is instantiated, which happens with its first call")
        loaded, _, arguments = self._invocation(command["action"])
        for call in self._ways(loaded):
            try:
                await call(command["action"]["field"], arguments)
            except CallError:
                if not must:
                    raise
            else:
                if must:
                    raise Wrong("it did not trap")

    def _invocation(self, action: dict[str, Any]) -> tuple[Loaded, FunctionType, dict[str, Any]]:
        name = action.get("module")
        loaded = self._current if name is None else self._named.get(name)
        if loaded is None:
            raise Skip("its component was not loaded")
        for extern in loaded.component.surface.exports:
            if extern.name == action["field"] and extern.type is not None:
                pairs = zip(action["args"], extern.type.parameters, strict=True)
                return loaded, extern.type, {name: plain(each, of) for each, (name, of) in pairs}
        raise Wrong(f"there is no function {action['field']!r}")

    def _ways(self, loaded: Loaded) -> Iterator[Callable[[str, dict[str, Any]], Awaitable[Any]]]:
        async def here(function: str, arguments: dict[str, Any]) -> Any:
            if not loaded.live.usable:  # the standard's instance would trap again
                loaded.live = self._sandbox.instance(loaded.component)
            return loaded.live.call(function, arguments).result

        yield here
        if self._executor is not None:
            call = caller(self._executor)

            async def there(function: str, arguments: dict[str, Any]) -> Any:
                level, tenant = Level.STANDARD, loaded.name
                made = await call(loaded.wasm, function, arguments, level=level, tenant=tenant)
                return made.result

            yield there


def _wanted(expected: list[dict[str, Any]], function: FunctionType) -> Ended:
    if not expected:
        return Ended(None)
    if "value" not in expected[0] or function.result is None:
        raise Skip("what is expected is not written as a value")
    value = plain(expected[0], function.result)
    if expected[0]["type"] == "result":
        return Ended(value["val"], fails=value["tag"] == "err")
    return Ended(value)


async def run(path: Path, *, workers: bool) -> None:
    """Execute a file, and print a line of JSON for each command."""
    with TemporaryDirectory() as name, Sandbox() as sandbox:
        folder = Path(name)
        commands = _commands(path, folder)
        executor = None
        if workers:
            settings = ExecutorSettings(cache_dir=folder / "cache", workers_max=1)
            executor = Executor(settings, contract().offer())
            await executor.__aenter__()
        try:
            script = Script(folder, sandbox, executor)
            for command in commands:
                print(json.dumps(asdict(await script.verdict(command))), flush=True)  # noqa: T201
        finally:
            if executor is not None:
                await executor.__aexit__(None, None, None)


def _commands(path: Path, folder: Path) -> list[dict[str, Any]]:
    made = subprocess.run(
        ["wasm-tools", "json-from-wast", str(path), "--wasm-dir", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        reason = made.stderr.strip().splitlines()[:1]
        print(json.dumps(asdict(Verdict(0, "file", SKIPPED, " ".join(reason)))))  # noqa: T201
        return []
    found: list[dict[str, Any]] = json.loads(made.stdout)["commands"]
    return found


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1]), workers="--workers" in sys.argv[2:]))
