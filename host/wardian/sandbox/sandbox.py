"""The sandbox: load components, call their functions, within limits."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
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
from wardian.sandbox.description import Source
from wardian.sandbox.engine import Engine
from wardian.sandbox.instance import Instance
from wardian.sandbox.linker import HostFunctions, Imports, Linker, check_import_names
from wardian.sandbox.outcome import Outcome

MAX_NESTED_CALLS = 8
STACK_HEADROOM_FRAMES = 200

NO_IMPORTS = Imports()
DEFAULT_LIMITS = Limits()
NO_FUEL = Limits(fuel=0, memory_bytes=4 << 30)


class Sandbox:
    """Runs components in this process; may be shared by threads.

    A guest is held to its limits, and a fault of the guest ends its call. A fault of the
    WebAssembly runtime itself would end this process: use worker processes for code that nobody
    vetted. Each thread that calls needs a stack of at least 1 MiB.

    Deadlines stop wasm code, and are checked when a host function returns; a host function (or
    WASI's ``poll``) that blocks is not interrupted.

    ``parallel_compilation`` compiles with every core; a process that does so must not fork and
    compile again. Enable ``faulthandler`` before making a sandbox, or not at all.

    ``statm`` is a descriptor on this process's ``/proc/self/statm``, for where that cannot be
    opened any more; the sandbox closes it.
    """

    def __init__(self, *, parallel_compilation: bool = False, statm: int | None = None) -> None:
        self.engine = Engine(parallel=parallel_compilation, statm=statm)
        self._nested = threading.local()
        self.encode = msgspec.msgpack.Encoder().encode

    def close(self) -> None:
        """Stop the clock that ends calls at their deadline; no call may be running."""
        self.engine.close()

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
        component = Component(self.engine, compile_component(self.engine, wasm), Source.of(wasm))
        names = component.surface.import_names
        own = dict.fromkeys(name for name in names if not name.startswith("wasi:"))
        check_import_names(names, own, wasi=wasi)
        return component

    def load_compiled(self, path: Path, source: Source) -> Component:
        """Map code that this host compiled earlier (``compile``), from a file.

        The file is native code and is trusted: whoever can write it owns this process. It is
        mapped, not read, so it must be replaced by renaming, never written in place.

        Raises:
            InvalidComponent: it was compiled by another version or with other settings.
        """
        try:
            compiled = wc.Component.deserialize_file(self.engine.wasmtime, str(path))
        except wasmtime.WasmtimeError as error:
            raise errors.InvalidComponent(f"The compiled code does not load: {error}.") from error
        return Component(self.engine, compiled, source)

    def compile(self, wasm: bytes) -> tuple[Component, bytes]:
        """Compile a component and return it with its native code, for ``load_compiled``."""
        compiled = compile_component(self.engine, wasm)
        component = Component(self.engine, compiled, Source.of(wasm))
        return component, bytes(compiled.serialize())

    def check_links(self, component: Component, imports: Imports) -> None:
        """Link a component without running anything of it.

        Wasmtime compares types when it instantiates. Without fuel the first instruction of any
        start function ends that, and by then everything is linked.

        Raises:
            ImportRefused: an import, WASI's included, is not there or has other types.
        """
        instance = Instance(self.engine, component, component.linker(imports))
        try:
            instance.arm(NO_FUEL, time.monotonic())
            try:
                with suppress(errors.CallError):
                    instance.start()
            finally:
                instance.disarm()
        finally:
            instance.close()

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
        with self.instance(component, imports=imports) as instance:
            return instance.call(function, arguments, limits=limits)

    def instance(
        self, component: Component, *, imports: Imports | HostFunctions | None = None
    ) -> LiveInstance:
        """Open an instance for several calls that may see each other's traces.

        Nothing of the guest runs before the first call. Use it in one thread at a time.
        """
        return LiveInstance(self, component, component.linker(_as_imports(imports)))

    @contextmanager
    def entered(self, linker: Linker) -> Iterator[None]:
        """Guard this thread's stack, and its signals while host functions can be called."""
        self.engine.check_signals()
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


class LiveInstance:
    """An instance that lives for several calls, until one fails or it is closed."""

    def __init__(self, sandbox: Sandbox, component: Component, linker: Linker) -> None:
        self._sandbox = sandbox
        self._component = component
        self._linker = linker
        self._instance: Instance | None = None
        self._used_up = False

    @property
    def usable(self) -> bool:
        """Whether it takes another call; not after one failed."""
        return not self._used_up

    def close(self) -> None:
        """Free the instance."""
        self._used_up = True
        if self._instance is not None:
            self._instance.close()
            self._instance = None

    def __enter__(self) -> LiveInstance:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def call(
        self,
        function: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        limits: Limits | None = None,
    ) -> Outcome:
        """Call one function, as ``Sandbox.call`` does.

        Raises:
            Conflict: an earlier call failed, and its instance is gone.
        """
        if self._used_up:
            raise errors.Conflict("The instance is gone: an earlier call in it failed.")
        limits = limits or DEFAULT_LIMITS
        target = self._component.function(function)
        keep: list[Any] = []
        slots = self._lower(target, dict(arguments or {}), limits, keep)
        with self._sandbox.entered(self._linker):
            result, usage = self._run(target, limits, slots)
        return _unwrapped(target, result, usage)

    def _lower(
        self, target: Function, arguments: dict[str, Any], limits: Limits, keep: list[Any]
    ) -> bytes:
        try:
            slots = target.codec.lower_arguments(arguments, keep)
        except Misfit as misfit:
            raise misfit.as_invalid_arguments() from None
        keep.append(slots)
        size = len(self._sandbox.encode(arguments)) if arguments else 0
        if size > limits.argument_bytes:
            raise errors.InvalidArguments(
                f"The arguments are {size} bytes, more than this call's limit of "
                f"{limits.argument_bytes}."
            )
        return slots

    def _run(self, target: Function, limits: Limits, slots: bytes) -> tuple[Any, Usage]:
        started = time.monotonic()
        usage = Usage()
        instance = self._instance or Instance(self._sandbox.engine, self._component, self._linker)
        instance.arm(limits, started)
        try:
            if self._instance is None:
                instance.start()
                self._instance = instance
            result = instance.call(target, slots)
            usage.output_bytes = self._checked_size(result, limits)
        except BaseException as error:
            self._fail(instance, error, usage)
            raise
        finally:
            instance.disarm()
            usage.wall_seconds = time.monotonic() - started
        instance.report(usage)
        return result, usage

    def _fail(self, instance: Instance, error: BaseException, usage: Usage) -> None:
        """Give up the instance; what the gateway kept is raised in place of what came out."""
        kept = instance.state.error
        instance.report(usage)
        instance.close()
        self.close()
        for each in (error, kept):
            if isinstance(each, errors.CallError):
                each.usage = usage
        if kept is not None and kept is not error:
            raise kept from kept.__cause__

    def _checked_size(self, result: Any, limits: Limits) -> int:
        size = len(self._sandbox.encode(result))
        if size > limits.result_bytes:
            raise errors.ResultTooLarge(
                f"The result is {size} bytes, more than this call's limit of {limits.result_bytes}."
            )
        return size


def _unwrapped(target: Function, result: Any, usage: Usage) -> Outcome:
    if not target.unwraps:
        return Outcome(result, usage)
    if result["tag"] == "ok":
        return Outcome(result["val"], usage)
    raise errors.GuestError(
        "The function answered with an error of its own.", payload=result["val"], usage=usage
    )


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
