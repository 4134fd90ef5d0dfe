"""What a component is, seen from outside: plain data that crosses processes and the API."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import msgspec

from wardian.errors import InvalidComponent, NotFound
from wardian.sandbox.binary import declared_memories
from wardian.sandbox.reflection import Extern, Surface
from wardian.sandbox.schema import error_schema, parameters_schema, result_schema
from wardian.sandbox.types import canonical


class FunctionDescription(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One callable function.

    Attributes:
        name: the full name: ``add``, or ``acme:calc/ops@1.0.0#add``.
        signature: the WIT type as text.
        parameters: JSON Schema of the arguments object.
        result: JSON Schema of the result.
        error: JSON Schema of a guest error's payload; None if the function answers none.
    """

    name: str
    signature: str
    parameters: dict[str, Any]
    result: dict[str, Any]
    error: dict[str, Any] | None = None


class Description(msgspec.Struct, frozen=True, kw_only=True):
    """A component.

    Attributes:
        digest: SHA-256 of its bytes, in hexadecimal.
        size_bytes: of the component.
        memories: that instantiating it makes.
        memory_bytes: what these have to start with, all together.
        imports: names of everything it imports, as declared.
        exports: names of everything it exports, as declared.
        functions: what can be called, by full name.
    """

    digest: str
    size_bytes: int
    memories: int = 0
    memory_bytes: int = 0
    imports: list[str]
    exports: list[str]
    functions: dict[str, FunctionDescription]

    def resolve(self, function: str) -> str:
        """Return the full name of a function from its full or its unambiguous bare name.

        Raises:
            NotFound: there is no such function, or several; names the candidates.
        """
        return resolve_function(function, self.functions)


def resolve_function(function: str, functions: dict[str, Any]) -> str:
    """Return the full name in ``functions`` that ``function`` stands for: ``add`` and ``ops#add``
    for ``acme:calc/ops@1.0.0#add``."""
    if function in functions:
        return function
    interface, _, bare = function.rpartition("#")
    candidates = [
        name
        for name in functions
        if name.rpartition("#")[2] == bare and interface in ("", _short_interface(name))
    ]
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        raise NotFound(
            f"The function name {function!r} is ambiguous; say one of {', '.join(candidates)}."
        )
    known = ", ".join(sorted(functions)) or "none"
    raise NotFound(f"The component has no function {function[:200]!r}; it has: {known}.")


def _short_interface(name: str) -> str:
    return name.rpartition("#")[0].rpartition("/")[2].partition("@")[0]


@dataclass(frozen=True, slots=True)
class Source:
    """What compiled code was made from: the component's digest, size and declared memories."""

    digest: str
    size_bytes: int
    memories: int
    memory_bytes: int

    @classmethod
    def of(cls, wasm: bytes) -> Source:
        """Measure a component."""
        memories = declared_memories(wasm)
        digest = hashlib.sha256(wasm).hexdigest()
        return cls(digest, len(wasm), memories.count, memories.initial_bytes)


def describe(surface: Surface, source: Source) -> Description:
    """Describe a component by what was read of it."""
    return Description(
        digest=source.digest,
        size_bytes=source.size_bytes,
        memories=source.memories,
        memory_bytes=source.memory_bytes,
        imports=list(surface.import_names),
        exports=list(surface.export_names),
        functions={extern.full_name: _function(extern) for extern in surface.exports},
    )


def _function(extern: Extern) -> FunctionDescription:
    if extern.type is None:
        raise InvalidComponent(
            f"The exported function {extern.full_name} cannot be called: it passes "
            f"{extern.unsupported}. Export functions of plain values only."
        )
    return FunctionDescription(
        name=extern.full_name,
        signature=canonical(extern.type),
        parameters=parameters_schema(extern.type),
        result=result_schema(extern.type),
        error=error_schema(extern.type),
    )
