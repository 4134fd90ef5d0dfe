"""Admission: a component may import what the host offers, with exactly the host's types."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from wardian.errors import ImportRefused, InvalidComponent
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
