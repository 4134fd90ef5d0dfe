"""From a compiled component's own type information to ``types``; the only reader of it.

What a component declares is hostile input: types nest, share parts (so that a small file has
an astronomical tree) and include kinds that crash the C API when a value of them crosses. The
walk is bounded in depth and in nodes, and stops at the first kind that cannot cross.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from wasmtime import Engine
from wasmtime import component as wc
from wasmtime.component import _types as raw

from wardian.errors import InvalidComponent
from wardian.sandbox.types import (
    EnumType,
    FlagsType,
    FunctionType,
    ListType,
    OptionType,
    Primitive,
    RecordType,
    ResultType,
    TupleType,
    VariantType,
    WitType,
)

MAX_TYPE_DEPTH = 48
MAX_TYPE_NODES = 20_000
MAX_EXTERNS = 5_000
MAX_NAME_CHARS = 256


@dataclass(frozen=True, slots=True)
class Extern:
    """One function that a component imports or exports.

    ``interface`` is None at the root. ``type`` is None, and ``unsupported`` says why, when a
    value of the function cannot cross the boundary.
    """

    interface: str | None
    name: str
    type: FunctionType | None
    unsupported: str | None = None

    @property
    def full_name(self) -> str:
        """``interface#function``, or the bare name at the root."""
        return self.name if self.interface is None else f"{self.interface}#{self.name}"


@dataclass(frozen=True, slots=True)
class Surface:
    """What a component imports and exports.

    ``import_names`` and ``export_names`` list every item as declared, also those without
    functions; ``imports`` and ``exports`` list the functions in them.
    """

    import_names: tuple[str, ...]
    export_names: tuple[str, ...]
    imports: tuple[Extern, ...]
    exports: tuple[Extern, ...]


COMPONENTIZE_PY_INIT = ("exports", "init")
"""Every component of componentize-py exports its own initializer, which ran when it was built. It
is no function of the plugin's."""


class _Unsupported(Exception):
    """A kind of type that cannot cross the boundary."""


def reflect(engine: Engine, component: wc.Component) -> Surface:
    """Read what ``component`` imports and exports.

    Imports of ``wasi:`` interfaces are listed by name only: Wasmtime's own linker checks them.

    Raises:
        InvalidComponent: more types, or deeper ones, than any honest component has.
    """
    walk = _Walk(engine)
    with component.type as kind:
        imports = kind.imports(engine)
        exports = kind.exports(engine)
    return Surface(
        import_names=tuple(imports),
        export_names=tuple(exports),
        imports=tuple(walk.functions(imports, skip_wasi=True)),
        exports=tuple(walk.functions(exports, skip_wasi=False)),
    )


class _Walk:
    """One bounded walk over a component's externs."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._nodes = 0
        self._externs = 0

    def functions(self, items: dict[str, Any], *, skip_wasi: bool) -> Iterator[Extern]:
        for name, item in items.items():
            if skip_wasi and name.startswith("wasi:"):
                continue
            kind = item.ty
            if isinstance(kind, raw.FuncType):
                yield self._function(None, name, kind)
            elif isinstance(kind, raw.ComponentInstanceType):
                yield from self._instance(name, kind, importing=skip_wasi)
            elif skip_wasi and not isinstance(kind, raw.ValType):
                yield Extern(None, name, None, _named_kind(kind))

    def _instance(self, interface: str, kind: Any, *, importing: bool) -> Iterator[Extern]:
        for name, item in kind.exports(self._engine).items():
            member = item.ty
            if importing and not isinstance(member, raw.FuncType | raw.ValType):
                yield Extern(interface, name, None, _named_kind(member))
            if isinstance(member, raw.FuncType) and (interface, name) != COMPONENTIZE_PY_INIT:
                yield self._function(interface, name, member)

    def _function(self, interface: str | None, name: str, kind: raw.FuncType) -> Extern:
        self._externs += 1
        if self._externs > MAX_EXTERNS:
            raise InvalidComponent(
                f"The component imports and exports more than {MAX_EXTERNS} functions."
            )
        _check_name(interface or "")
        _check_name(name)
        try:
            parameters = tuple((n, self._type(t, 0)) for n, t in kind.params)
            result = kind.result
            found = FunctionType(parameters, None if result is None else self._type(result, 0))
        except _Unsupported as error:
            return Extern(interface, name, None, str(error))
        return Extern(interface, name, found)

    def _type(self, kind: Any, depth: int) -> WitType:
        self._nodes += 1
        if depth > MAX_TYPE_DEPTH or self._nodes > MAX_TYPE_NODES:
            raise InvalidComponent(
                f"The component's types nest deeper than {MAX_TYPE_DEPTH} or have more than "
                f"{MAX_TYPE_NODES} parts."
            )
        primitive = _PRIMITIVES.get(type(kind))
        if primitive is not None:
            return primitive
        reader = _READERS.get(type(kind))
        if reader is None:
            raise _Unsupported(_UNSUPPORTED.get(type(kind), type(kind).__name__))
        return reader(self, kind, depth + 1)

    def _maybe(self, kind: Any, depth: int) -> WitType | None:
        return None if kind is None else self._type(kind, depth)


def _named_kind(kind: Any) -> str:
    """What an item that is neither a function nor a type of values is."""
    return _KINDS.get(type(kind), "something that is no function")


def _check_name(name: str) -> None:
    if len(name) > MAX_NAME_CHARS:
        raise InvalidComponent(
            f"The component has a name of more than {MAX_NAME_CHARS} characters: {name[:60]!r}…"
        )


def _cases(
    walk: _Walk, items: list[tuple[str, Any]], depth: int
) -> tuple[tuple[str, WitType | None], ...]:
    return tuple((name, walk._maybe(kind, depth)) for name, kind in items)


_PRIMITIVES: dict[type, Primitive] = {
    raw.Bool: Primitive("bool"),
    raw.S8: Primitive("s8"),
    raw.U8: Primitive("u8"),
    raw.S16: Primitive("s16"),
    raw.U16: Primitive("u16"),
    raw.S32: Primitive("s32"),
    raw.U32: Primitive("u32"),
    raw.S64: Primitive("s64"),
    raw.U64: Primitive("u64"),
    raw.F32: Primitive("f32"),
    raw.F64: Primitive("f64"),
    raw.Char: Primitive("char"),
    raw.String: Primitive("string"),
}

_READERS: dict[type, Callable[[_Walk, Any, int], WitType]] = {
    raw.ListType: lambda w, k, d: ListType(w._type(k.element, d)),
    raw.RecordType: lambda w, k, d: RecordType(
        tuple((name, w._type(field, d)) for name, field in k.fields)
    ),
    raw.TupleType: lambda w, k, d: TupleType(tuple(w._type(e, d) for e in k.elements)),
    raw.VariantType: lambda w, k, d: VariantType(_cases(w, k.cases, d)),
    raw.EnumType: lambda w, k, d: EnumType(tuple(k.names)),
    raw.FlagsType: lambda w, k, d: FlagsType(tuple(k.names)),
    raw.OptionType: lambda w, k, d: OptionType(w._type(k.payload, d)),
    raw.ResultType: lambda w, k, d: ResultType(w._maybe(k.ok, d), w._maybe(k.err, d)),
}

_KINDS: dict[type, str] = {
    raw.ComponentType: "a component",
    raw.ModuleType: "a core module",
    raw.ComponentInstanceType: "an instance",
    wc.ResourceType: "a resource",
}

_UNSUPPORTED: dict[type, str] = {
    raw.OwnType: "a resource",
    raw.BorrowType: "a resource",
    raw.FutureType: "a future",
    raw.StreamType: "a stream",
    raw.ErrorContext: "an error-context",
}
