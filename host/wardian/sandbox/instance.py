"""One store and one instance, for one call or, where that is wanted, for several."""

from __future__ import annotations

import ctypes
from typing import Any

from wardian import errors
from wardian.policy.limits import Limits
from wardian.policy.usage import Usage
from wardian.sandbox import abi, wasi
from wardian.sandbox.component import Component, Function
from wardian.sandbox.engine import Engine
from wardian.sandbox.linker import CallState, Linker
from wardian.sandbox.traps import error_of

UNMETERED_FUEL = 2**63 - 1

TRANSFER_BYTES_PER_BYTE = 64
"""What the runtime allocates in the worst case (``list<u8>``) for each byte that crosses."""

MIN_TRANSFER_BYTES = 1024 * 1024

_Handle = ctypes.c_char * ctypes.sizeof(abi.Instance)
_FuncHandle = ctypes.c_char * ctypes.sizeof(abi.Func)
_ResultSlot = ctypes.c_char * abi.VAL_SIZE


class Instance:
    """A store with an instance in it.

    ``arm`` sets the limits of one call, before anything of the guest runs under them; ``start``
    instantiates; ``call`` calls; ``report`` tells what was spent since ``arm``. Wasmtime poisons a
    store at its first trap, so one that failed is never used again.
    """

    def __init__(self, engine: Engine, component: Component, linker: Linker) -> None:
        self._engine = engine
        self._component = component
        self._linker = linker
        self._handle = _Handle()
        self._functions: dict[int, Any] = {}
        self._fuel = 0
        self._writable_at_start = 0
        self._wasi: Any = None
        self._store = abi.store_new(engine.pointer, None, None)
        self._context = abi.store_context(self._store)
        self._limits = Limits()
        self.state = CallState(self._limits, 0.0)
        linker.states[self._context] = self.state

    def arm(self, limits: Limits, started: float) -> None:
        """Set the limits of the next call, which began at the monotonic time ``started``."""
        context, layout = self._context, self._engine.layout
        # The runtime bounds each memory, not their sum: a component with several gets equal shares,
        # and no more memories than it declares.
        memories = max(1, self._component.description.memories)
        abi.store_limiter(
            self._store,
            limits.memory_bytes // memories,
            limits.table_elements,
            limits.instances,
            limits.tables,
            min(limits.memories, memories),
        )
        ctypes.c_uint8.from_address(context + layout.trap_flag).value = 1
        crossing = max(limits.argument_bytes, limits.result_bytes) * TRANSFER_BYTES_PER_BYTE
        transfer = ctypes.c_uint64.from_address(context + layout.transfer_bytes)
        transfer.value = max(crossing, MIN_TRANSFER_BYTES)
        self._limits = limits
        self._fuel = UNMETERED_FUEL if limits.fuel is None else limits.fuel
        self._check(abi.context_set_fuel(context, self._fuel))
        self.state.begin(limits, started + limits.wall_seconds)
        abi.context_set_epoch_deadline(context, self._engine.ticks_until(limits.wall_seconds))

    def start(self) -> None:
        """Instantiate; start functions run here, under the limits that are armed."""
        if self._linker.wasi:
            self._wasi = wasi.give_closed_wasi(self._context, self._linker.imports.on_output)
        self._check(
            abi.linker_instantiate(
                self._linker.pointer,
                self._context,
                self._component.pointer,
                ctypes.addressof(self._handle),
            )
        )
        self._writable_at_start = self._engine.writable_bytes()

    def call(self, function: Function, slots: bytes) -> Any:
        """Call ``function`` with lowered arguments, and lift its result."""
        handle = self._functions.get(function.index) or self._find(function)
        codec = function.codec
        if codec.result is None:
            self._check(
                abi.func_call(handle, self._context, abi.address_of(slots), codec.count, None, 0)
            )
            return None
        result = _ResultSlot()
        address = ctypes.addressof(result)
        self._check(
            abi.func_call(handle, self._context, abi.address_of(slots), codec.count, address, 1)
        )
        try:
            return codec.result.lift(result.raw, 0)
        finally:
            abi.val_delete(address)

    def disarm(self) -> None:
        """Tell the clock that the call is over."""
        self._engine.call_ended()

    def report(self, usage: Usage) -> None:
        """Write what was spent since ``arm``.

        Memory is what the component declares to start with and what was added since. Fuel is what
        the runtime had accounted for: of a loop that was interrupted it may be less than burned.
        """
        left = ctypes.c_uint64()
        error = abi.context_get_fuel(self._context, ctypes.addressof(left))
        if error:
            abi.take_error(error)
        usage.fuel = self._fuel - left.value
        usage.host_calls = self.state.host_calls
        initial = self._component.description.memory_bytes
        grown = self._engine.writable_bytes() - self._writable_at_start
        started = self._writable_at_start > 0
        usage.memory_bytes = initial + max(0, grown) if started else 0

    def close(self) -> None:
        """Free everything; safe to repeat."""
        if self._store:
            self._linker.states.pop(self._context, None)
            abi.store_delete(self._store)
            self._store = 0

    def __del__(self) -> None:
        if getattr(self, "_store", 0):
            self.close()

    def _find(self, function: Function) -> Any:
        handle = _FuncHandle()
        found = abi.instance_get_func(
            ctypes.addressof(self._handle),
            self._context,
            function.index,
            ctypes.addressof(handle),
        )
        if not found:
            raise errors.InvalidComponent(f"The component's export {function.name} is missing.")
        self._functions[function.index] = handle
        return handle

    def _check(self, error: int | None) -> None:
        if error:
            raise error_of(*abi.take_error(error), self._limits)
