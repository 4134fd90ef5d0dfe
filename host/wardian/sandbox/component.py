"""A compiled component: its description, and each function ready to be called."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import wasmtime
from wasmtime import component as wc

from wardian.errors import InvalidComponent
from wardian.sandbox import abi
from wardian.sandbox.codec import FunctionCodec, Lift
from wardian.sandbox.description import (
    Description,
    FunctionDescription,
    Source,
    describe,
    resolve_function,
)
from wardian.sandbox.engine import Engine
from wardian.sandbox.linker import Imports, Linker
from wardian.sandbox.reflection import Surface, reflect
from wardian.sandbox.traps import readable
from wardian.sandbox.types import FunctionType, ResultType

_PREAMBLE = b"\0asm"
_COMPONENT_LAYER = b"\x0d\0\x01\0"
_MODULE_LAYER = b"\x01\0\0\0"
_ELF = b"\x7fELF"


def check_magic(wasm: bytes) -> None:
    """Refuse anything but a binary component, saying what it is instead.

    Text is refused although Wasmtime would take it, and so is compiled code: running somebody
    else's native code is what a sandbox is there to prevent.

    Raises:
        InvalidComponent
    """
    if wasm[:4] == _PREAMBLE and wasm[4:8] == _COMPONENT_LAYER:
        return
    if wasm[:4] == _PREAMBLE and wasm[4:8] == _MODULE_LAYER:
        what = "a core WebAssembly module; make a component of it (`wasm-tools component new`)"
    elif wasm[:4] == _PREAMBLE:
        what = "WebAssembly of a version that this host does not know"
    elif wasm[:4] == _ELF:
        what = "compiled native code; only portable WebAssembly is accepted"
    elif wasm.lstrip()[:1] in (b"(", b";"):
        what = "WebAssembly text; compile it to a binary first (`wasm-tools parse`)"
    elif not wasm:
        what = "empty"
    else:
        what = "not WebAssembly at all"
    raise InvalidComponent(f"The file is not a WebAssembly component: it is {what}.")


def compile_component(engine: Engine, wasm: bytes) -> wc.Component:
    """Compile a binary component.

    Raises:
        InvalidComponent: it does not validate; the reason is Wasmtime's, made readable.
    """
    check_magic(wasm)
    try:
        return wc.Component(engine.wasmtime, wasm)
    except wasmtime.WasmtimeError as error:
        text = str(error)
        named = _asynchronous_function(wasm) if "async" in text else None
        raise InvalidComponent(
            named or f"The component is not valid: {readable(' '.join(text.split()))}."
        ) from error


def _asynchronous_function(wasm: bytes) -> str | None:
    """Say which function passes a stream or a future, which this host's engine does not parse.

    Another engine, which parses them, is made for this sentence only; nothing runs in it.
    """
    engine = wasmtime.Engine()
    try:
        surface = reflect(engine, wc.Component(engine, wasm))
    except wasmtime.WasmtimeError:
        return None
    for extern in (*surface.exports, *surface.imports):
        if extern.unsupported:
            return (
                f"The function {extern.full_name} cannot be called: it passes "
                f"{extern.unsupported}. Use plain values only."
            )
    return None


@dataclass(frozen=True, slots=True)
class Function:
    """One exported function, with everything that does not depend on a call."""

    name: str
    index: int
    codec: FunctionCodec
    count: int
    lift: Lift | None
    unwraps: bool

    @classmethod
    def of(cls, name: str, index: int, kind: FunctionType) -> Function:
        """Prepare a function of type ``kind`` at export index ``index``."""
        codec = FunctionCodec(kind)
        lift = None if codec.result is None else codec.result.lift
        return cls(name, index, codec, codec.count, lift, isinstance(kind.result, ResultType))


class Component:
    """A component that can be called; made by ``Sandbox.load``.

    Attributes:
        description: what it imports, exports and offers to call.
        surface: the same with types.
        ready: its functions by full name.
        memories, memory_bytes: what an instance has to start with, at least one.
    """

    def __init__(self, engine: Engine, compiled: wc.Component, source: Source) -> None:
        self._compiled = compiled
        self._engine = engine
        self.pointer = abi.pointer_of(compiled)
        self.surface: Surface = reflect(engine.wasmtime, compiled)
        self.description: Description = describe(self.surface, source)
        self.memories = max(1, source.memories)
        self.memory_bytes = source.memory_bytes
        self._indices: list[int] = []
        self.ready = self._prepare()
        self._lock = threading.Lock()
        self._linker: Linker | None = None

    @property
    def functions(self) -> Mapping[str, FunctionDescription]:
        """What can be called, by full name (``add``, ``acme:calc/ops@1.0.0#add``)."""
        return MappingProxyType(self.description.functions)

    def function(self, name: str) -> Function:
        """Return a function by its full or its unambiguous bare name.

        Raises:
            NotFound: there is none, or several; names the candidates.
        """
        found = self.ready.get(name)
        return found if found is not None else self.ready[resolve_function(name, self.ready)]

    def linker(self, imports: Imports) -> Linker:
        """Return a linker of ``imports``; the last one is kept for the next call with them."""
        with self._lock:
            kept = self._linker
            if kept is None or kept.imports is not imports:
                kept = self._linker = Linker(self._engine, self.surface, imports)
            return kept

    def _prepare(self) -> dict[str, Function]:
        ready: dict[str, Function] = {}
        parents: dict[str, int] = {}
        for extern in self.surface.exports:
            parent = None
            if extern.interface is not None:
                if extern.interface not in parents:
                    parents[extern.interface] = self._index(None, extern.interface)
                parent = parents[extern.interface]
            if extern.type is not None:
                index = self._index(parent, extern.name)
                ready[extern.full_name] = Function.of(extern.full_name, index, extern.type)
        return ready

    def _index(self, parent: int | None, name: str) -> int:
        encoded = name.encode()
        index = abi.component_get_export_index(self.pointer, parent, encoded, len(encoded))
        if not index:
            raise InvalidComponent(f"The component's export {name} cannot be found.")
        self._indices.append(index)
        return int(index)

    def __del__(self) -> None:
        for index in getattr(self, "_indices", ()):
            abi.export_index_delete(index)
