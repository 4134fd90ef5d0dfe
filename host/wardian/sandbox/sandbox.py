"""The sandbox: load components, call their functions, within limits."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any

import msgspec
import wasmtime
from wasmtime import component as wc

from wardian import errors
from wardian.policy.limits import Limits
from wardian.sandbox.codec import Misfit
from wardian.sandbox.component import Component, Function, compile_component
from wardian.sandbox.description import Source
from wardian.sandbox.engine import Engine
from wardian.sandbox.instance import Instance, Measured
from wardian.sandbox.linker import (
    DEFAULT_LIMITS,
    HostFunctions,
    Imports,
    Linker,
    check_import_names,
)
from wardian.sandbox.outcome import Outcome
from wardian.sandbox.self_check import check_values

MAX_NESTED_CALLS = 8
STACK_HEADROOM_FRAMES = 200

NO_IMPORTS = Imports()
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
    """

    def __init__(self, *, parallel_compilation: bool = False) -> None:
        check_values()
        self.engine = Engine(parallel=parallel_compilation)
        self._nested = _Nesting()
        self.encode = msgspec.msgpack.Encoder().encode

    def begin(self, statm: int | None = None) -> None:
        """Open what calls need, while this process may; otherwise the first call does.

        ``statm`` is a descriptor on this process's ``/proc/self/statm``, where that cannot be
        opened any more.
        """
        self.engine.begin(statm)

    def warm(self) -> None:
        """Start the clock's thread, which otherwise the first call does."""
        self.engine.clock.start()

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
            instance.arm(NO_FUEL, monotonic())
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
        limits: Limits = DEFAULT_LIMITS,
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

    def check_leaf(self) -> None:
        """Refuse a call of a component without host functions where it could not end well."""
        self.engine.check_signals()
        if self._nested.depth >= MAX_NESTED_CALLS:
            raise _too_deep()

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Guard this thread's stack and signals while host functions can be called."""
        self.engine.check_signals()
        depth = self._nested.depth
        if depth >= MAX_NESTED_CALLS or _stack_is_deep():
            raise _too_deep()
        self._nested.depth = depth + 1
        try:
            if threading.current_thread() is threading.main_thread():
                with _interrupt_held():
                    yield
            else:
                yield
        finally:
            self._nested.depth = depth


class _Nesting(threading.local):
    """How many calls of this thread are inside each other."""

    depth = 0


def _too_deep() -> errors.StackOverflow:
    return errors.StackOverflow(
        f"Calls that call plugins nest deeper than {MAX_NESTED_CALLS}, or the Python stack is "
        "nearly full."
    )


class LiveInstance:
    """An instance that lives for several calls, until one fails or it is closed."""

    __slots__ = ("_armed", "_component", "_instance", "_linker", "_sandbox", "_used_up")

    def __init__(self, sandbox: Sandbox, component: Component, linker: Linker) -> None:
        self._sandbox = sandbox
        self._component = component
        self._linker = linker
        self._instance: Instance | None = None
        self._armed: Instance | None = None
        self._used_up = False

    @property
    def usable(self) -> bool:
        """Whether it takes another call; not after one failed."""
        return not self._used_up

    def close(self) -> None:
        """Free the instance."""
        self._used_up = True
        self._armed = None
        if self._instance is not None:
            self._instance.close()
            self._instance = None

    def __enter__(self) -> LiveInstance:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_instance", None) is not None:
            self.close()

    def call(
        self,
        function: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        limits: Limits = DEFAULT_LIMITS,
    ) -> Outcome:
        """Call one function, as ``Sandbox.call`` does.

        Raises:
            Conflict: an earlier call failed, and its instance is gone.
        """
        if self._used_up:
            raise errors.Conflict("The instance is gone: an earlier call in it failed.")
        component = self._component
        target = component.ready.get(function) or component.function(function)
        given: dict[str, Any] = arguments if type(arguments) is dict else dict(arguments or {})
        keep: list[Any] = []
        slots = self._lower(target, given, limits, keep)
        if self._linker.has_functions:
            with self._sandbox.entered():
                return self._run(target, limits, slots)
        self._sandbox.check_leaf()
        return self._run(target, limits, slots)

    def spent(self) -> tuple[int, int]:
        """Return the fuel that the running call has spent, and the bytes of memory that it holds.

        For host functions of that call; nothing while none runs.
        """
        armed = self._armed
        if armed is None or not armed.running:
            return 0, 0
        return armed.fuel_spent(), armed.memory_bytes()

    def take_fuel(self, fuel: int) -> None:
        """Have the running call pay for what was spent on its behalf elsewhere.

        For host functions of that call; it is out of fuel if it has no more than that.
        """
        if self._armed is not None and self._armed.running:
            self._armed.take_fuel(fuel)

    def prepare(self, limits: Limits, seconds: float) -> bool:
        """Instantiate ahead of a first call within ``limits``; tell whether that went well.

        It takes ``seconds`` at most, and the guest can call no host function meanwhile. The fuel
        that it spends counts for the first call.
        """
        ahead = replace(limits, host_calls=0, wall_seconds=min(seconds, limits.wall_seconds))
        instance = Instance(self._sandbox.engine, self._component, self._linker)
        instance.arm(ahead, monotonic())
        try:
            instance.start()
        except errors.WardianError:
            instance.disarm()
            instance.close()
            self._used_up = True
            return False
        instance.disarm()
        instance.carry()
        self._instance = instance
        return True

    def _lower(
        self, target: Function, arguments: dict[str, Any], limits: Limits, keep: list[Any]
    ) -> bytes:
        codec = target.codec
        try:
            slots = codec.lower_arguments(arguments, keep)
        except Misfit as misfit:
            raise misfit.as_invalid_arguments() from None
        if codec.encoded_at_most(keep) > limits.argument_bytes:
            size = len(self._sandbox.encode(arguments))
            if size > limits.argument_bytes:
                raise errors.InvalidArguments(
                    f"The arguments are {size} bytes, more than this call's limit of "
                    f"{limits.argument_bytes}."
                )
        return slots

    def _run(self, target: Function, limits: Limits, slots: bytes) -> Outcome:
        started = monotonic()
        instance = self._instance
        fresh = instance is None
        if instance is None:
            instance = Instance(self._sandbox.engine, self._component, self._linker)
        instance.arm(limits, started)
        self._armed = instance
        try:
            if fresh:
                instance.start()
                self._instance = instance
            result = instance.call(target, slots)
            if target.unwraps:
                return self._unwrapped(instance, result, limits)
            encoded = self._bounded(result, limits)
            instance.disarm()
        except errors.GuestError:
            raise
        except BaseException as error:
            instance.disarm()
            self._fail(instance, error)
            raise
        return Measured(result, encoded, instance)

    def _unwrapped(self, instance: Instance, result: Any, limits: Limits) -> Outcome:
        """Answer with what an ok holds; what an err holds is an answer too, but raised."""
        value = result["val"]
        encoded = self._bounded(value, limits)
        instance.disarm()
        outcome = Measured(value, encoded, instance)
        if result["tag"] == "ok":
            return outcome
        raise errors.GuestError(
            "The function answered with an error of its own.", payload=value, usage=outcome.usage
        )

    def _bounded(self, result: Any, limits: Limits) -> bytes | None:
        """Check the size of a result; return it encoded, unless it is small beyond doubt."""
        kind = type(result)
        if kind in _SMALL or (kind is str and 4 * len(result) + _SMALL_BYTES < limits.result_bytes):
            return None
        encoded = self._sandbox.encode(result)
        if len(encoded) > limits.result_bytes:
            raise errors.ResultTooLarge(
                f"The result is {len(encoded)} bytes, more than this call's limit of "
                f"{limits.result_bytes}."
            )
        return encoded

    def _fail(self, instance: Instance, error: BaseException) -> None:
        """Give up the instance; what the gateway kept is raised in place of what came out."""
        kept = instance.state.error
        spent = Measured(None, b"", instance)
        instance.close()
        self.close()
        for each in (error, kept):
            if isinstance(each, errors.CallError):
                each.usage = spent.usage
        if kept is not None and kept is not error:
            raise kept from kept.__cause__


_SMALL = frozenset({type(None), bool, int, float})
_SMALL_BYTES = 16


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
