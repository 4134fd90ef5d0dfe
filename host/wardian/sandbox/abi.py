"""The private layout of Wasmtime's C API, and the only raw calls into it.

The public ``wasmtime.component`` API reads types anew on every call, converts element by
element, lets a host function's ``BaseException`` corrupt memory and keeps exceptions in one
process-wide variable. The sandbox therefore speaks to the C API itself, and everything that
depends on its binary layout is in this module: ``check_layout`` and ``store_settings`` refuse
a library that differs from the one this was written for.

Layout, from ``wasmtime/component/val.h``: a value is 32 bytes, its kind at 0 and its payload at
8; a byte vector, list, record, tuple or flags payload is ``size`` at 0 and ``data`` at 8; a
record entry is a name (a byte vector) and a value.
"""

from __future__ import annotations

import ctypes
import mmap
import re
import struct
import sys
from ctypes import (
    CFUNCTYPE,
    c_bool,
    c_char_p,
    c_int,
    c_int64,
    c_size_t,
    c_uint8,
    c_uint64,
    c_void_p,
)
from functools import cache
from importlib import metadata
from typing import Any

from wasmtime import _bindings as bindings

from wardian.errors import HostUnusable

VAL_SIZE = 32
ENTRY_SIZE = 48
POINTER_SIZE = 8

KIND_BOOL = 0
KIND_S8 = 1
KIND_U8 = 2
KIND_S16 = 3
KIND_U16 = 4
KIND_S32 = 5
KIND_U32 = 6
KIND_S64 = 7
KIND_U64 = 8
KIND_F32 = 9
KIND_F64 = 10
KIND_CHAR = 11
KIND_STRING = 12
KIND_LIST = 13
KIND_RECORD = 14
KIND_TUPLE = 15
KIND_VARIANT = 16
KIND_ENUM = 17
KIND_OPTION = 18
KIND_RESULT = 19
KIND_FLAGS = 20

_dll: Any = bindings.dll  # type: ignore[attr-defined]  # public there, if not exported


def bind(name: str, result: Any, *arguments: Any) -> Any:
    """Bind a C function with plain integers for pointers, which ctypes passes fastest."""
    return CFUNCTYPE(result, *arguments)((name, _dll))


store_new = bind("wasmtime_store_new", c_void_p, c_void_p, c_void_p, c_void_p)
store_context = bind("wasmtime_store_context", c_void_p, c_void_p)
store_delete = bind("wasmtime_store_delete", None, c_void_p)
store_limiter = bind(
    "wasmtime_store_limiter", None, c_void_p, c_int64, c_int64, c_int64, c_int64, c_int64
)
context_set_fuel = bind("wasmtime_context_set_fuel", c_void_p, c_void_p, c_uint64)
context_get_fuel = bind("wasmtime_context_get_fuel", c_void_p, c_void_p, c_void_p)
context_set_epoch_deadline = bind("wasmtime_context_set_epoch_deadline", None, c_void_p, c_uint64)
context_set_wasi = bind("wasmtime_context_set_wasi", c_void_p, c_void_p, c_void_p)
engine_increment_epoch = bind("wasmtime_engine_increment_epoch", None, c_void_p)

linker_new = bind("wasmtime_component_linker_new", c_void_p, c_void_p)
linker_delete = bind("wasmtime_component_linker_delete", None, c_void_p)
linker_root = bind("wasmtime_component_linker_root", c_void_p, c_void_p)
linker_add_wasip2 = bind("wasmtime_component_linker_add_wasip2", c_void_p, c_void_p)
linker_instantiate = bind(
    "wasmtime_component_linker_instantiate", c_void_p, c_void_p, c_void_p, c_void_p, c_void_p
)
linker_instance_delete = bind("wasmtime_component_linker_instance_delete", None, c_void_p)
linker_instance_add_instance = bind(
    "wasmtime_component_linker_instance_add_instance",
    c_void_p,
    c_void_p,
    c_char_p,
    c_size_t,
    c_void_p,
)
HOST_FUNCTION = CFUNCTYPE(
    c_size_t, c_void_p, c_void_p, c_void_p, c_void_p, c_size_t, c_void_p, c_size_t
)
linker_instance_add_func = bind(
    "wasmtime_component_linker_instance_add_func",
    c_void_p,
    c_void_p,
    c_char_p,
    c_size_t,
    HOST_FUNCTION,
    c_void_p,
    c_void_p,
)

component_get_export_index = bind(
    "wasmtime_component_get_export_index", c_void_p, c_void_p, c_void_p, c_char_p, c_size_t
)
export_index_delete = bind("wasmtime_component_export_index_delete", None, c_void_p)
instance_get_func = bind(
    "wasmtime_component_instance_get_func", c_bool, c_void_p, c_void_p, c_void_p, c_void_p
)
func_call = bind(
    "wasmtime_component_func_call",
    c_void_p,
    c_void_p,
    c_void_p,
    c_void_p,
    c_size_t,
    c_void_p,
    c_size_t,
)
val_clone = bind("wasmtime_component_val_clone", None, c_void_p, c_void_p)
val_delete = bind("wasmtime_component_val_delete", None, c_void_p)

error_new = bind("wasmtime_error_new", c_void_p, c_char_p)
_error_message = bind("wasmtime_error_message", None, c_void_p, c_void_p)
_error_delete = bind("wasmtime_error_delete", None, c_void_p)
_error_exit_status = bind("wasmtime_error_exit_status", c_bool, c_void_p, c_void_p)
_byte_vec_delete = bind("wasm_byte_vec_delete", None, c_void_p)

Instance = bindings.wasmtime_component_instance_t
Func = bindings.wasmtime_component_func_t

MAX_ERROR_BYTES = 4096
"""A guest names its functions, and the names come back in error messages; megabytes of them
would be copied through the whole host otherwise."""


def take_error(pointer: int) -> tuple[str, int | None]:
    """Consume a ``wasmtime_error_t``: its message (shortened), and the status of a WASI exit."""
    status = c_int()
    exited = _error_exit_status(pointer, ctypes.addressof(status))
    vector = (c_size_t * 2)()
    _error_message(pointer, ctypes.addressof(vector))
    size, start = vector
    text = read(start, min(size, MAX_ERROR_BYTES)) if size else b""
    if size > MAX_ERROR_BYTES:
        text += read(start + size - MAX_ERROR_BYTES, MAX_ERROR_BYTES)
    _byte_vec_delete(ctypes.addressof(vector))
    _error_delete(pointer)
    return text.decode("utf-8", "replace"), status.value if exited else None


def pointer_of(managed: Any) -> int:
    """Return the address behind one of wasmtime-py's owning objects."""
    address = ctypes.cast(managed.ptr(), c_void_p).value
    assert address is not None  # noqa: S101 -- an owning object always has an address
    return address


memory = memoryview((c_uint8 * sys.maxsize).from_address(0)).cast("B")
"""All of this process's memory, by address: reading or writing through it takes a third of the time
of any function that ``ctypes`` calls. Whoever does so vouches for the address."""


def read(start: int, size: int) -> bytes:
    """Copy so many bytes from an address."""
    return memory[start : start + size].tobytes()


def read_text(start: int, size: int) -> str:
    """Decode UTF-8 where it is; the runtime has validated it."""
    return str(memory[start : start + size], "utf-8")


BYTES_HEADER = bytes.__basicsize__ - 1


def address_of(data: bytes) -> int:
    """Return where CPython keeps the bytes of ``data``; valid as long as ``data`` lives."""
    return id(data) + BYTES_HEADER


def check_layout() -> None:
    """Compare every size and offset used here with the library's own declarations.

    Raises:
        HostUnusable: they differ; names the version of wasmtime.
    """
    val: Any = bindings.wasmtime_component_val
    entry: Any = bindings.wasmtime_component_valrecord_entry
    variant: Any = bindings.wasmtime_component_valvariant
    result: Any = bindings.wasmtime_component_valresult
    probe = bytes(range(64))
    found = (
        ctypes.sizeof(val),
        val.of.offset,
        ctypes.sizeof(entry),
        entry.val.offset,
        ctypes.sizeof(c_void_p),
        variant.val.offset,
        result.val.offset,
        read(address_of(probe), 64) == probe,
    )
    if found != (VAL_SIZE, 8, ENTRY_SIZE, 16, POINTER_SIZE, 16, 8, True):
        raise HostUnusable(
            f"This build of wasmtime ({package_version()}) lays its values out in another way "
            f"than Wardian knows: {found}. Install a version within the range that Wardian pins."
        )


_MARKS = (0x51A7D001, 0x51A7D003, 0x51A7D007, 0x51A7D00B, 0x51A7D00F)
_FUEL_MARK = 0x51A7D013_51A7D017
_DEADLINE_MARK = 0x51A7D01D_51A7D025

DEFAULT_TRANSFER_BYTES = 128 * 1024 * 1024
"""What Wasmtime lets one crossing of the boundary allocate unless told otherwise."""


class StoreSettings(ctypes.Structure):
    """What of a store is read and written in place; ``store_settings`` makes it.

    The first two are not in the C API at all; the other two are, at the price of a call each.

    Attributes:
        trap_on_grow_failure: ``StoreLimits::trap_on_grow_failure``: without it, an exhausted memory
            shows only as whatever the guest does after ``memory.grow`` returned -1.
        transfer_bytes: ``Store::set_hostcall_fuel``: what one crossing of the boundary may
            allocate in the host.
        fuel_balance: ``VMStoreContext::fuel_consumed``: minus the fuel that is left, of at most
            2**63 - 1.
        epoch_deadline: ``VMStoreContext::epoch_deadline``: the engine's epoch at which wasm is
            interrupted.
    """

    trap_on_grow_failure: int
    transfer_bytes: int
    fuel_balance: int
    epoch_deadline: int


def store_settings(engine: int) -> type[StoreSettings]:
    """Find the settings by marks, in a store made for the purpose, and describe where they are.

    The structure returned begins at a store's context (``from_address``). The engine's epoch must
    be 0 still.

    Raises:
        HostUnusable: they are not where, or not once where, this relies on.
    """
    store = store_new(engine, None, None)
    try:
        context = store_context(store)
        store_limiter(store, *_MARKS)
        context_set_fuel(context, _FUEL_MARK)
        context_set_epoch_deadline(context, _DEADLINE_MARK)
        content = read(context, _malloc_usable_size(context))
        found = _settings_in(content)
        if found is None or not _works(found, context):
            raise HostUnusable(
                f"This build of wasmtime ({package_version()}) keeps the settings of a store in "
                "another place than Wardian knows. Install a version within the range that "
                "Wardian pins."
            )
        return found
    finally:
        store_delete(store)


def _settings_in(content: bytes) -> type[StoreSettings] | None:
    memory, elements, *counts = _MARKS
    limits = _aligned(content, struct.pack("<7Q", 1, memory, 1, elements, *counts))
    transfer = _aligned(content, struct.pack("<Q", DEFAULT_TRANSFER_BYTES))
    fuel = _aligned(content, struct.pack("<q", -_FUEL_MARK))
    deadline = _aligned(content, struct.pack("<Q", _DEADLINE_MARK))
    if not len(limits) == len(transfer) == len(fuel) == len(deadline) == 1:
        return None
    flag = limits[0] + 7 * 8
    if content[flag] != 0:
        return None
    places: list[tuple[int, str, Any]] = [
        (flag, "trap_on_grow_failure", c_uint8),
        (transfer[0], "transfer_bytes", c_uint64),
        (fuel[0], "fuel_balance", c_int64),
        (deadline[0], "epoch_deadline", c_uint64),
    ]
    fields: list[tuple[str, Any]] = []
    end = 0
    for offset, name, kind in sorted(places, key=lambda place: place[0]):
        fields += [(f"_{end}", c_uint8 * (offset - end)), (name, kind)]
        end = offset + ctypes.sizeof(kind)
    return type("StoreSettings", (StoreSettings,), {"_pack_": 1, "_fields_": fields})


def _works(settings: type[StoreSettings], context: int) -> bool:
    """Write and read fuel both in place and through the C API."""
    left = c_uint64()
    view = settings.from_address(context)
    view.fuel_balance = -_MARKS[0]
    failed = context_get_fuel(context, ctypes.addressof(left))
    return not failed and left.value == _MARKS[0]


_malloc_usable_size = CFUNCTYPE(c_size_t, c_void_p)(("malloc_usable_size", ctypes.CDLL(None)))


def _aligned(content: bytes, pattern: bytes) -> list[int]:
    found = (m.start() for m in re.finditer(re.escape(pattern), content))
    return [at for at in found if at % 8 == 0]


def package_version() -> str:
    """Return the version of the installed ``wasmtime`` package."""
    return metadata.version("wasmtime")


@cache
def wasmtime_version() -> str:
    """Return the version that the library itself carries.

    The package's version says which bindings these are; the library inside a wheel may be an
    older patch release, and advisories speak of the library. It is read from the text of the
    library's own bug report; "unknown" when that text is not there.
    """
    with open(_dll._name, "rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as data:
        found = re.search(rb"version: (\d+\.\d+\.\d+)\s+This is a bug in Wasmtime", data)
        return found.group(1).decode() if found else "unknown"
