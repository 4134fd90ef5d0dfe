"""The pooling allocator: instances in slots that are mapped once and reset after each use.

A slot is reset by the runtime, which maps the component's initial image over it again
(copy-on-write) or clears it, before another instance gets it. The pool is address space: nothing
of it is memory before an instance touches it.
"""

from __future__ import annotations

import mmap
import resource
from typing import Any

from wasmtime import _bindings as bindings

from wardian.policy.limits import MIB

SLOTS = 128
"""How many linear memories, and how many tables, an engine has room for at once."""

MAX_TABLE_ELEMENTS = 1_000_000
KEPT_BYTES = 64 * 1024
"""What a slot keeps of its memory when it is reset: as much is cleared by hand, because for the
few pages that a small guest touches that is faster than giving them back to the kernel."""

_TABLE_ELEMENT_BYTES = 8
_MAX_IN_COMPONENT = 200
_INSTANCE_BYTES = MIB

_SETTINGS = {
    "total_component_instances": 1_000,
    "total_core_instances": 10_000,
    "total_memories": SLOTS,
    "total_tables": SLOTS,
    "total_stacks": 0,
    "total_gc_heaps": 0,
    "max_component_instance_size": _INSTANCE_BYTES,
    "max_core_instance_size": _INSTANCE_BYTES,
    "max_core_instances_per_component": _MAX_IN_COMPONENT,
    "max_memories_per_component": SLOTS,
    "max_memories_per_module": SLOTS,
    "max_tables_per_component": SLOTS,
    "max_tables_per_module": SLOTS,
    "table_elements": MAX_TABLE_ELEMENTS,
    "linear_memory_keep_resident": KEPT_BYTES,
    "table_keep_resident": KEPT_BYTES,
}


def fits(slot_bytes: int) -> bool:
    """Tell whether this process may map a pool: the runtime ends a process that cannot."""
    if resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY:
        return False
    tables = SLOTS * MAX_TABLE_ELEMENTS * _TABLE_ELEMENT_BYTES
    try:
        mmap.mmap(-1, SLOTS * slot_bytes + tables, prot=0, flags=_RESERVE).close()
    except (OSError, ValueError):
        return False
    limit = resource.getrlimit(resource.RLIMIT_DATA)[0]
    return limit == resource.RLIM_INFINITY or limit > 2 * tables


_RESERVE = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | getattr(mmap, "MAP_NORESERVE", 0x4000)


def use(config: Any, memory_bytes: int) -> None:
    """Have an engine of ``config`` allocate from a pool whose memories grow to ``memory_bytes``."""
    pool = bindings.wasmtime_pooling_allocation_config_new()
    try:
        for name, value in {**_SETTINGS, "max_memory_size": memory_bytes}.items():
            getattr(bindings, f"wasmtime_pooling_allocation_config_{name}_set")(pool, value)
        bindings.wasmtime_pooling_allocation_strategy_set(config, pool)
    finally:
        bindings.wasmtime_pooling_allocation_config_delete(pool)
