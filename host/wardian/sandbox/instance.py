"""One store, one instance, one call."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
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

_SLOT = abi.VAL_SIZE
_Handle = ctypes.c_char * ctypes.sizeof(abi.Instance)
_FuncHandle = ctypes.c_char * ctypes.sizeof(abi.Func)
_ResultSlot = ctypes.c_char * _SLOT


class Instance:
    """A store with its limits set, before anything of the guest can run in it.

    Wasmtime poisons a store at its first trap, so one that failed is never used again.
    """

    def __init__(self, engine: Engine, linker: Linker, limits: Limits, started: float) -> None:
        self._engine = engine
        self._linker = linker
        self._limits = limits
        self._fuel = UNMETERED_FUEL if limits.fuel is None else limits.fuel
        self._writable_before = engine.writable_bytes()
        self._handle = _Handle()
        self._state = CallState(limits, started + limits.wall_seconds)
        self._store = abi.store_new(engine.pointer, None, None)
        self._context = abi.store_context(self._store)
        self._wasi: Any = None
        self._limit()
        linker.states[self._context] = self._state

    def _limit(self) -> None:
        limits = self._limits
        abi.store_limiter(
            self._store,
            limits.memory_bytes,
            limits.table_elements,
            limits.instances,
            limits.tables,
            limits.memories,
        )
        layout = self._engine.layout
        ctypes.c_uint8.from_address(self._context + layout.trap_flag).value = 1
        crossing = max(limits.argument_bytes, limits.result_bytes) * TRANSFER_BYTES_PER_BYTE
        transfer = ctypes.c_uint64.from_address(self._context + layout.transfer_bytes)
        transfer.value = max(crossing, 1024 * 1024)
        self._check(abi.context_set_fuel(self._context, self._fuel))
        if self._linker.wasi:
            self._wasi = wasi.give_closed_wasi(self._context, self._linker.imports.on_output)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Set the deadline; what the gateway kept is raised in place of what came out."""
        ticks = self._engine.ticks_until(self._limits.wall_seconds)
        abi.context_set_epoch_deadline(self._context, ticks)
        try:
            yield
        except errors.WardianError as error:
            kept = self._state.error
            if kept is not None and kept is not error:
                raise kept from kept.__cause__
            raise
        finally:
            self._engine.call_ended()

    def start(self, component: Component) -> None:
        """Instantiate; start functions run here, under the same limits."""
        self._check(
            abi.linker_instantiate(
                self._linker.pointer,
                self._context,
                component.pointer,
                ctypes.addressof(self._handle),
            )
        )

    def call(self, function: Function, slots: bytes) -> Any:
        """Call ``function`` with lowered arguments, and lift its result."""
        handle = _FuncHandle()
        found = abi.instance_get_func(
            ctypes.addressof(self._handle),
            self._context,
            function.index,
            ctypes.addressof(handle),
        )
        if not found:
            raise errors.InvalidComponent(f"The component's export {function.name} is missing.")
        codec = function.codec
        result = _ResultSlot()
        address = ctypes.addressof(result)
        self._check(
            abi.func_call(
                ctypes.addressof(handle),
                self._context,
                abi.address_of(slots),
                codec.count,
                address,
                0 if codec.result is None else 1,
            )
        )
        if codec.result is None:
            return None
        try:
            return codec.result.lift(result.raw, 0)
        finally:
            abi.val_delete(address)

    def close(self, usage: Usage) -> None:
        """Report what was spent, and free everything."""
        left = ctypes.c_uint64()
        error = abi.context_get_fuel(self._context, ctypes.addressof(left))
        if error:
            abi.take_error(error)
        usage.fuel = self._fuel - left.value
        usage.host_calls = self._state.host_calls
        grown = self._engine.writable_bytes() - self._writable_before
        usage.memory_bytes = max(0, grown)
        self._linker.states.pop(self._context, None)
        abi.store_delete(self._store)

    def _check(self, error: int | None) -> None:
        if error:
            raise error_of(*abi.take_error(error), self._limits)
