"""One store and one instance, for one call or, where that is wanted, for several."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from time import monotonic
from typing import Any
from weakref import ref

import msgspec

from wardian import errors
from wardian.policy.limits import Limits
from wardian.policy.usage import Usage
from wardian.sandbox import abi, wasi
from wardian.sandbox.component import Component, Function
from wardian.sandbox.engine import TICKS_PER_SECOND, Engine
from wardian.sandbox.linker import CallState, Linker
from wardian.sandbox.outcome import Outcome
from wardian.sandbox.traps import error_of

UNMETERED_FUEL = 2**63 - 1

TRANSFER_BYTES_PER_BYTE = 64
"""What the runtime allocates in the worst case (``list<u8>``) for each byte that crosses."""

MIN_TRANSFER_BYTES = 1024 * 1024

_HANDLE_BYTES = ctypes.sizeof(abi.Instance)
_Scratch = ctypes.c_char * (_HANDLE_BYTES + abi.VAL_SIZE)
_FuncHandle = ctypes.c_char * ctypes.sizeof(abi.Func)

_func_call = abi.func_call
_val_delete = abi.val_delete
_memory = abi.memory
_BYTES_HEADER = abi.BYTES_HEADER


class Instance:
    """A store with an instance in it.

    ``arm`` sets the limits of one call, before anything of the guest runs under them; ``start``
    instantiates; ``call`` calls; ``disarm`` ends it. Wasmtime poisons a store at its first trap, so
    one that failed is never used again.

    Attributes:
        state: what the gateway of host functions knows of the call.
        running: between ``arm`` and ``disarm``.
        spent: wall seconds, fuel and host calls of the last call, from ``arm`` to ``disarm``.
        last: a weak reference to what the last call answered, which is settled before the next.
    """

    __slots__ = (
        "__weakref__",
        "_carried",
        "_clock",
        "_component",
        "_context",
        "_engine",
        "_fuel",
        "_functions",
        "_handle",
        "_limits",
        "_linker",
        "_result",
        "_scratch",
        "_settings",
        "_started",
        "_store",
        "_wasi",
        "_writable_at_start",
        "last",
        "running",
        "spent",
        "state",
    )

    def __init__(self, engine: Engine, component: Component, linker: Linker) -> None:
        self._engine = engine
        self._clock = engine.clock
        self._component = component
        self._linker = linker
        self._scratch = _Scratch()
        self._handle = ctypes.addressof(self._scratch)
        self._result = self._handle + _HANDLE_BYTES
        self._functions: dict[int, Any] = {}
        self._fuel = 0
        self._carried = 0
        self._started = 0.0
        self._writable_at_start = 0
        self._wasi: Any = None
        self._limits: Limits | None = None
        self._store = abi.store_new(engine.pointer, None, None)
        self._context = abi.store_context(self._store)
        self._settings = engine.settings_at(self._context)
        self.last: Callable[[], Measured | None] = _nothing
        self.spent = (0.0, 0, 0)
        self.running = False
        engine.clock.calls.add(self)
        self.state = CallState()
        if linker.has_functions:
            linker.states[self._context] = self.state

    def arm(self, limits: Limits, started: float) -> None:
        """Set the limits of the next call, which began at the monotonic time ``started``."""
        last = self.last()
        if last is not None:
            last.settle()
        if limits is not self._limits:
            self._bound(limits)
        settings = self._settings
        fuel = limits.fuel
        self._fuel = fuel = UNMETERED_FUEL if fuel is None else fuel
        settings.fuel_balance = self._carried - fuel
        self._carried = 0
        self._started = started
        deadline = started + limits.wall_seconds
        if self._linker.has_functions:
            self.state.begin(limits, deadline)
        self.running = True
        clock = self._clock
        if not clock.ticking:
            clock.tick()
        settings.epoch_deadline = int((deadline - clock.origin) * TICKS_PER_SECOND) + 2

    def disarm(self) -> None:
        """Note that the call is over, and what it spent."""
        self.running = False
        balance = self._settings.fuel_balance
        fuel = self._fuel + balance if balance < 0 else self._fuel
        self.spent = (monotonic() - self._started, fuel, self.state.host_calls)

    def fuel_spent(self) -> int:
        """Return the fuel that the call has spent, while it waits for a host function."""
        return self._fuel + min(0, self._settings.fuel_balance)

    def take_fuel(self, fuel: int) -> None:
        """Count fuel that was spent elsewhere as spent by the call, which may have none left."""
        settings = self._settings
        settings.fuel_balance = min(0, settings.fuel_balance + fuel)

    def carry(self) -> None:
        """Count the fuel that was spent since ``arm`` for the next call."""
        self._carried = self.spent[1]

    def start(self) -> None:
        """Instantiate; start functions run here, under the limits that are armed."""
        if self._linker.wasi:
            self._wasi = wasi.give_closed_wasi(self._context, self._linker.imports.on_output)
        error = abi.linker_instantiate(
            self._linker.pointer, self._context, self._component.pointer, self._handle
        )
        if error:
            raise self._error(error)
        self._writable_at_start = self._engine.writable_bytes()

    def call(self, function: Function, slots: bytes) -> Any:
        """Call ``function`` with lowered arguments, and lift its result."""
        handle = self._functions.get(function.index) or self._find(function)
        lift = function.lift
        if lift is None:
            error = _func_call(
                handle, self._context, id(slots) + _BYTES_HEADER, function.count, None, 0
            )
            if error:
                raise self._error(error)
            return None
        at = self._result
        error = _func_call(handle, self._context, id(slots) + _BYTES_HEADER, function.count, at, 1)
        if error:
            raise self._error(error)
        try:
            return lift(at)
        finally:
            _val_delete(at)
            _memory[at] = abi.KIND_BOOL  # the next call frees whatever this says it owns

    def memory_bytes(self) -> int:
        """Return what the component declares to start with and what was added since."""
        if not self._writable_at_start:
            return 0
        grown = self._engine.writable_bytes() - self._writable_at_start
        return self._component.memory_bytes + max(0, grown)

    def close(self) -> None:
        """Free everything; safe to repeat."""
        if self._store:
            last = self.last()
            if last is not None:
                last.settle()
            self._clock.calls.discard(self)
            self._linker.states.pop(self._context, None)
            abi.store_delete(self._store)
            self._store = 0

    def __del__(self) -> None:
        if getattr(self, "_store", 0):
            self.close()

    def _bound(self, limits: Limits) -> None:
        """Write the ceilings that stay from call to call into the store."""
        # The runtime bounds each memory, not their sum: a component with several gets equal shares,
        # and no more memories than it declares.
        memories = self._component.memories
        abi.store_limiter(
            self._store,
            limits.memory_bytes // memories,
            limits.table_elements,
            limits.instances,
            limits.tables,
            min(limits.memories, memories),
        )
        settings = self._settings
        settings.trap_on_grow_failure = 1
        crossing = max(limits.argument_bytes, limits.result_bytes) * TRANSFER_BYTES_PER_BYTE
        settings.transfer_bytes = max(crossing, MIN_TRANSFER_BYTES)
        self._limits = limits

    def _find(self, function: Function) -> Any:
        handle = _FuncHandle()
        found = abi.instance_get_func(
            self._handle, self._context, function.index, ctypes.addressof(handle)
        )
        if not found:
            raise errors.InvalidComponent(f"The component's export {function.name} is missing.")
        self._functions[function.index] = handle
        return handle

    def _error(self, error: int) -> errors.WardianError:
        assert self._limits is not None  # noqa: S101 -- `arm` came before whatever failed
        return error_of(*abi.take_error(error), self._limits)


class Measured(Outcome):
    """What a call answered, or nothing, and what it spent as far as the sandbox sees it.

    Time and fuel are read when it is made. Memory takes a look at the kernel's books, which costs
    as much as a small call: it is read when somebody asks, or when the next call begins.
    Fuel is what the runtime had accounted for: of a loop that was interrupted it may be less than
    burned.
    """

    __slots__ = ("__weakref__", "_fuel", "_host_calls", "_instance", "_memory", "_wall")

    def __init__(self, result: Any, encoded: bytes | None, instance: Instance) -> None:
        self.result = result
        self.encoded = encoded
        self._usage = None
        self._instance: Instance | None = instance
        self._wall, self._fuel, self._host_calls = instance.spent
        instance.last = ref(self)

    def settle(self) -> None:
        """Read what will not be there to be read later."""
        if self._instance is not None:
            self._memory = self._instance.memory_bytes()
            self._instance = None

    def _measure(self) -> Usage:
        self.settle()
        encoded = self.encoded
        if encoded is None:
            encoded = msgspec.msgpack.encode(self.result)
        return Usage(
            wall_seconds=self._wall,
            fuel=self._fuel,
            memory_bytes=self._memory,
            host_calls=self._host_calls,
            output_bytes=len(encoded),
        )


def _nothing() -> None:
    """Stand for the outcome of a call before the first."""
