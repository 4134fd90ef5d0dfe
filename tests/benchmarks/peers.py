"""The peers: Extism's Python SDK and Wasmtime's public Python API.

Each is used in the way that its documentation gives for speed, and with less than Wardian does in
a call: neither bounds time, fuel or memory here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import extism
import wasmtime
from extism.extism import CompiledPlugin
from wasmtime import component as wc

from benchmarks.components import HOST_INTERFACE
from benchmarks.measuring import Call

EXTISM = "Extism"
EXTISM_FRESH = "Extism, fresh"
PLAIN = "plain API"


def extism_warm(wasm: bytes, function: str, *given: str | bytes) -> partial[object]:
    """A plugin that is kept and called again."""
    plugin = extism.Plugin(wasm, functions=[])
    return partial(plugin.call, function, *given)


def extism_fresh(wasm: bytes, function: str, given: str | bytes) -> Call:
    """A new plugin for every call, from code that is compiled once."""
    compiled = CompiledPlugin(wasm, functions=[])

    def call() -> object:
        return extism.Plugin(compiled).call(function, given)

    return call


def extism_with_host(wasm: bytes, function: str, count: int) -> Call:
    """A plugin that calls two host functions, one over text and one over a number."""

    @extism.host_fn()
    def text(value: str) -> str:
        return value

    @extism.host_fn(signature=([extism.ValType.I64], [extism.ValType.I64]))
    def number(_plugin: Any, given: list[Any], results: list[Any]) -> None:
        results[0].value = given[0].value

    plugin = extism.Plugin(wasm, functions=[text, number])
    return partial(plugin.call, function, count.to_bytes(8, "little"))


class Plain:
    """One component in an engine of Wasmtime's public API, as its documentation sets it up."""

    def __init__(
        self,
        wasm: bytes,
        *,
        host: Mapping[str, Callable[..., Any]] | None = None,
        load: Callable[[wasmtime.Engine, bytes], wc.Component] = wc.Component,
    ) -> None:
        self._engine = wasmtime.Engine()
        self._component = load(self._engine, wasm)
        self._linker = wc.Linker(self._engine)
        if host:
            with self._linker.root() as root, root.add_instance(HOST_INTERFACE) as instance:
                for name, function in host.items():
                    instance.add_func(name, function)

    def warm(self, function: str, *arguments: object) -> Call:
        """An instance that is kept and called again."""
        store = wasmtime.Store(self._engine)
        instance = self._linker.instantiate(store, self._component)
        return partial(_function(instance, store, function), store, *arguments)

    def fresh(self, function: str, *arguments: object) -> Call:
        """A new store and a new instance for every call."""

        def call() -> object:
            store = wasmtime.Store(self._engine)
            instance = self._linker.instantiate(store, self._component)
            return _function(instance, store, function)(store, *arguments)

        return call


def as_record(value: Any) -> Any:
    """Return ``value`` with its dicts as what the public API takes for a record."""
    if isinstance(value, dict):
        record = wc.Record()
        for name, each in value.items():
            setattr(record, name, as_record(each))
        return record
    return [as_record(each) for each in value] if isinstance(value, list) else value


def _function(instance: wc.Instance, store: wasmtime.Store, name: str) -> wc.Func:
    found = instance.get_func(store, name)
    assert found is not None, name
    return found
