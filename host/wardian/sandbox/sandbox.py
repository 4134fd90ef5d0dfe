"""The sandbox: load components, call their functions, within limits."""

from __future__ import annotations

import hashlib
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import wasmtime
from wasmtime import component as wc

from wardian import errors
from wardian.policy.limits import Limits
from wardian.policy.usage import Usage
from wardian.sandbox.codec import Misfit
from wardian.sandbox.component import Component, Function, compile_component
from wardian.sandbox.engine import Engine
from wardian.sandbox.instance import Instance
from wardian.sandbox.linker import HostFunctions, Imports, Linker, check_import_names
from wardian.sandbox.outcome import Outcome

MAX_NESTED_CALLS = 8
STACK_HEADROOM_FRAMES = 200

NO_IMPORTS = Imports()


class Sandbox:
    """Runs components in this process; may be shared by threads.

    A guest is held to its limits, and a fault of the guest ends its call. A fault of the
    WebAssembly runtime itself would end this process: use worker processes for code that nobody
    vetted. Each thread that calls needs a stack of at least 1 MiB.

    Deadlines stop wasm code, and are checked when a host function returns; a host function (or
    WASI's ``poll``) that blocks is not interrupted.

    ``parallel_compilation`` compiles with every core; a process that does so must not fork and
    compile again. Enable ``faulthandler`` before making a sandbox, or not at all.
    """

    def __init__(self, *, parallel_compilation: bool = False) -> None:
        self._engine = Engine(parallel=parallel_compilation)
        self._nested = threading.local()
        self._encode = msgspec.msgpack.Encoder().encode

    def close(self) -> None:
        """Stop the clock that ends calls at their deadline; no call may be running."""
        self._engine.close()

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def load(self, source: str | Path | bytes, *, wasi: bool = True) -> Component:
        """Compile a component, from a path or from its bytes.

        ``wasi=False`` refuses every WASI import.

        Raises:
            InvalidComponent: not a component, not valid, or a function passes a resource, a
                stream or a future.
            ImportRefused: it imports WASI beyond what is linked closed.
        """
        wasm = source if isinstance(source, bytes) else Path(source).read_bytes()
        compiled = compile_component(self._engine, wasm)
        digest = hashlib.sha256(wasm).hexdigest()
        component = Component(self._engine, compiled, digest=digest, size_bytes=len(wasm))
        names = component.surface.import_names
        own = dict.fromkeys(name for name in names if not name.startswith("wasi:"))
        check_import_names(names, own, wasi=wasi)
        return component

    def load_compiled(self, path: Path, *, digest: str, size_bytes: int) -> Component:
        """Map code that this host compiled earlier (``Component.serialize``), from a file.

        The file is native code and is trusted: whoever can write it owns this process. It is
        mapped, not read, so it must be replaced by renaming, never written in place.

        Raises:
            InvalidComponent: it was compiled by another version or with other settings.
        """
        try:
            compiled = wc.Component.deserialize_file(self._engine.wasmtime, str(path))
        except wasmtime.WasmtimeError as error:
            raise errors.InvalidComponent(f"The compiled code does not load: {error}.") from error
        return Component(self._engine, compiled, digest=digest, size_bytes=size_bytes)

    def compile(self, wasm: bytes) -> tuple[Component, bytes]:
        """Compile a component and return it with its native code, for ``load_compiled``."""
        compiled = compile_component(self._engine, wasm)
        digest = hashlib.sha256(wasm).hexdigest()
        component = Component(self._engine, compiled, digest=digest, size_bytes=len(wasm))
        return component, bytes(compiled.serialize())

    def call(
        self,
        component: Component,
        function: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        limits: Limits | None = None,
        imports: Imports | HostFunctions | None = None,
    ) -> Outcome:
        """Call one function in an instance of its own.

        ``arguments`` are plain values by parameter name (see ``values``); ``function`` is a full
        or an unambiguous bare name; ``imports`` are host functions by interface.

        Raises:
            InvalidArguments, NotFound, ImportRefused: before wasm is entered.
            CallError: a subclass says what ended the call; ``usage`` says what it spent.
        """
        limits = limits or Limits()
        target = component.function(function)
        linker = component.linker(_as_imports(imports))
        keep: list[Any] = []
        slots = self._lower(target, dict(arguments or {}), limits, keep)
        with self._entered(linker):
            return self._run(component, target, linker, limits, slots)

    def _lower(
        self, target: Function, arguments: dict[str, Any], limits: Limits, keep: list[Any]
    ) -> bytes:
        try:
            slots = target.codec.lower_arguments(arguments, keep)
        except Misfit as misfit:
            raise misfit.as_invalid_arguments() from None
        keep.append(slots)
        size = len(self._encode(arguments)) if arguments else 0
        if size > limits.argument_bytes:
            raise errors.InvalidArguments(
                f"The arguments are {size} bytes, more than this call's limit of "
                f"{limits.argument_bytes}."
            )
        return slots

    def _run(
        self,
        component: Component,
        target: Function,
        linker: Linker,
        limits: Limits,
        slots: bytes,
    ) -> Outcome:
        started = time.monotonic()
        usage = Usage()
        instance = Instance(self._engine, linker, limits, started)
        try:
            with instance.running():
                instance.start(component)
                result = instance.call(target, slots)
                output = self._checked_size(result, limits)
            usage.output_bytes = output
        except errors.CallError as error:
            error.usage = usage
            raise
        finally:
            instance.close(usage)
            usage.wall_seconds = time.monotonic() - started
        if target.unwraps:
            if result["tag"] == "err":
                raise errors.GuestError(
                    "The function answered with an error of its own.",
                    payload=result["val"],
                    usage=usage,
                )
            result = result["val"]
        return Outcome(result, usage)

    def _checked_size(self, result: Any, limits: Limits) -> int:
        size = len(self._encode(result))
        if size > limits.result_bytes:
            raise errors.ResultTooLarge(
                f"The result is {size} bytes, more than this call's limit of {limits.result_bytes}."
            )
        return size

    @contextmanager
    def _entered(self, linker: Linker) -> Iterator[None]:
        """Guard this thread's stack, and its signals while host functions can be called."""
        self._engine.check_signals()
        depth = getattr(self._nested, "depth", 0)
        if depth >= MAX_NESTED_CALLS or _stack_is_deep():
            raise errors.StackOverflow(
                f"Calls that call plugins nest deeper than {MAX_NESTED_CALLS}, or the Python "
                "stack is nearly full."
            )
        self._nested.depth = depth + 1
        try:
            if linker.has_functions and threading.current_thread() is threading.main_thread():
                with _interrupt_held():
                    yield
            else:
                yield
        finally:
            self._nested.depth = depth


def _as_imports(imports: Imports | HostFunctions | None) -> Imports:
    if imports is None:
        return NO_IMPORTS
    return imports if isinstance(imports, Imports) else Imports(imports)


def _stack_is_deep() -> bool:
    """Tell whether a host function could meet the recursion limit before its guard begins."""
    try:
        sys._getframe(max(1, sys.getrecursionlimit() - STACK_HEADROOM_FRAMES))
    except ValueError:
        return False
    return True


@contextmanager
def _interrupt_held() -> Iterator[None]:
    """Hold Ctrl-C back until wasm has returned.

    A KeyboardInterrupt that is raised between wasm and the guard of a host function corrupts
    memory, and Python raises it wherever the main thread happens to be.
    """
    received: list[int] = []
    previous: Callable[..., Any] | int | None = signal.getsignal(signal.SIGINT)
    if previous is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, lambda number, _frame: received.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
        if received:
            raise KeyboardInterrupt
