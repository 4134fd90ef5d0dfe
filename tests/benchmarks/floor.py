"""The floor: the bare calls into Wasmtime's C API that no Python program can do without.

They run in Wardian's own engine, so that the code they run is the code that Wardian runs: a
default engine is slower here, because it is ready for asynchronous components.
"""

from __future__ import annotations

import ctypes
from ctypes import CFUNCTYPE, c_char_p, c_size_t, c_void_p
from typing import Any

import wasmtime
from wasmtime import _bindings as bindings
from wasmtime import component as wc

from benchmarks.components import HOST_INTERFACE
from benchmarks.measuring import Call

FLOOR = "raw C call"

_STRING = 12
_U32 = 6
_Value = ctypes.c_uint64 * 4
_HostFunction = CFUNCTYPE(
    c_size_t, c_void_p, c_void_p, c_void_p, c_void_p, c_size_t, c_void_p, c_size_t
)


def _bound(name: str, result: Any, *arguments: Any) -> Any:
    return CFUNCTYPE(result, *arguments)((name, bindings.dll))


_func_call = _bound(
    "wasmtime_component_func_call",
    c_void_p,
    c_void_p,
    c_void_p,
    c_void_p,
    c_size_t,
    c_void_p,
    c_size_t,
)
_val_clone = _bound("wasmtime_component_val_clone", None, c_void_p, c_void_p)
_val_delete = _bound("wasmtime_component_val_delete", None, c_void_p)
_add_func = _bound(
    "wasmtime_component_linker_instance_add_func",
    c_void_p,
    c_void_p,
    c_char_p,
    c_size_t,
    _HostFunction,
    c_void_p,
    c_void_p,
)


def raw_text(engine: wasmtime.Engine, wasm: bytes, function: str, text: str) -> Call:
    """A call whose argument was lowered beforehand and whose result is only freed."""
    handle, context, alive = _instance(engine, wc.Linker(engine), wasm, function)
    encoded = ctypes.create_string_buffer(text.encode())
    argument = _Value(_STRING, len(encoded) - 1, ctypes.addressof(encoded))
    result = _Value()
    given, answered = ctypes.addressof(argument), ctypes.addressof(result)

    def call(_alive: object = (alive, encoded, argument, result)) -> None:
        assert not _func_call(handle, context, given, 1, answered, 1)
        _val_delete(answered)

    return call


def raw_with_host(engine: wasmtime.Engine, wasm: bytes, function: str, count: int) -> Call:
    """A guest that calls host functions which give back what they get, untouched."""

    def give_back(_d: int, _c: int, _t: int, given: int, _n: int, results: int, _r: int) -> int:
        _val_clone(given, results)
        return 0

    callback = _HostFunction(give_back)
    linker = wc.Linker(engine)
    with linker.root() as root, root.add_instance(HOST_INTERFACE) as instance:
        for name in (b"text", b"number"):
            assert not _add_func(_address(instance.ptr()), name, len(name), callback, None, None)
    handle, context, alive = _instance(engine, linker, wasm, function)
    argument = _Value(_U32, count)
    given = ctypes.addressof(argument)

    def call(_alive: object = (alive, callback, argument)) -> None:
        assert not _func_call(handle, context, given, 1, None, 0)

    return call


def _instance(
    engine: wasmtime.Engine, linker: wc.Linker, wasm: bytes, function: str
) -> tuple[int, int, object]:
    """Addresses of a function and of its store's context, and what they live as long as."""
    store = wasmtime.Store(engine)
    store.set_fuel(2**60)
    store.set_epoch_deadline(2**40)
    instance = linker.instantiate(store, wc.Component(engine, wasm))
    found = instance.get_func(store, function)
    assert found is not None
    handle = ctypes.addressof(found._func)
    return handle, _address(store._context()), (linker, store, instance, found)


def _address(pointer: Any) -> int:
    address = ctypes.cast(pointer, c_void_p).value
    assert address is not None
    return address
