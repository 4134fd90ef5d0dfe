"""Admission: a component may import what the host offers, with exactly the host's types."""

from __future__ import annotations

import sys
from collections.abc import Mapping

import msgspec

from wardian.errors import CompileExceeded, ImportRefused, InvalidComponent
from wardian.sandbox.binary import declared_functions
from wardian.sandbox.linker import check_import_names, offered_name
from wardian.sandbox.reflection import Extern, Surface
from wardian.sandbox.types import canonical

Signatures = Mapping[str, Mapping[str, str]]


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """What a host offers and what it calls, as canonical types by interface and function.

    Attributes:
        imports: interfaces that a component may import.
        exports: interfaces that the host calls if a component exports them.
        wasi: whether closed WASI 0.2 may be imported.
    """

    imports: dict[str, dict[str, str]]
    exports: dict[str, dict[str, str]]
    wasi: bool = True


MAX_FUNCTIONS = 100_000
"""In all modules of a component. One of CPython's has 14,000; compiling takes 0.1 ms for each."""


def check_size(wasm: bytes) -> None:
    """Refuse a component that would take long to compile, before that is begun.

    Raises:
        CompileExceeded
    """
    functions = declared_functions(wasm)
    if functions > MAX_FUNCTIONS:
        told = f"{functions:,} functions" if functions < sys.maxsize else "too many sections"
        raise CompileExceeded(
            f"The component has {told}; the limit is {MAX_FUNCTIONS:,} functions. Leave out what "
            "the plugin does not use."
        )


def audit(surface: Surface, offer: Offer) -> None:
    """Compare what a component declares with what the host offers.

    Raises:
        ImportRefused: it imports something else, or with other types; names it.
        InvalidComponent: it exports one of the host's interfaces with other types.
    """
    check_import_names(surface.import_names, offer.imports, wasi=offer.wasi)
    for extern in surface.imports:
        _audit_import(extern, offer.imports)
    for extern in surface.exports:
        _audit_export(extern, offer.exports)


def _audit_import(extern: Extern, offered: Signatures) -> None:
    wanted = _expected(extern, offered)
    if wanted is None:
        raise ImportRefused(
            f"The component imports {extern.full_name}; this host's interface has no such "
            "function. Rebuild the plugin against the host's WIT.",
            imported=extern.full_name,
        )
    declared = canonical(extern.type) if extern.type else f"passes {extern.unsupported}"
    if declared != wanted:
        raise ImportRefused(
            f"The component imports {extern.full_name} as {declared[:300]}; this host offers it "
            f"as {wanted[:300]}.",
            imported=extern.full_name,
        )


def _audit_export(extern: Extern, called: Signatures) -> None:
    wanted = _expected(extern, called)
    if wanted is not None and (extern.type is None or canonical(extern.type) != wanted):
        declared = canonical(extern.type) if extern.type else f"passes {extern.unsupported}"
        raise InvalidComponent(
            f"The component exports {extern.full_name} as {declared[:300]}; the host calls it as "
            f"{wanted[:300]}."
        )


def _expected(extern: Extern, offered: Signatures) -> str | None:
    if extern.interface is None:
        return None
    interface = offered_name(extern.interface, offered)
    return None if interface is None else offered[interface].get(extern.name)
