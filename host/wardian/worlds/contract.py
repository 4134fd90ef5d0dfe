"""The WIT contract as data: what a guest may import, and with exactly which types.

``v1.json`` is derived from ``wit/v1`` by ``derive``; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec

from wardian.errors import InvalidArguments
from wardian.plugins.api_versions import OFFERED
from wardian.sandbox.audit import Offer
from wardian.sandbox.codec import FunctionCodec, Misfit
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
    canonical,
)

PACKAGE = "wardian:plugin"
HOST_VERSION = str(OFFERED[-1])


@dataclass(frozen=True, slots=True)
class HostFunction:
    """One function that guests may import: its type, and a check of arguments against it."""

    type: FunctionType
    codec: FunctionCodec

    def check(self, arguments: list[Any]) -> list[Any]:
        """Return ``arguments`` if they fit the type: what a worker sends is only a claim.

        Raises:
            InvalidArguments: they do not.
        """
        names = [name for name, _ in self.type.parameters]
        if len(arguments) != len(names):
            raise InvalidArguments(f"expected {len(names)} arguments, got {len(arguments)}")
        try:
            self.codec.lower_arguments(dict(zip(names, arguments, strict=True)), [])
        except Misfit as misfit:
            raise misfit.as_invalid_arguments() from None
        return arguments


@dataclass(frozen=True, slots=True)
class Contract:
    """One major version.

    Attributes:
        imports: host functions by interface (``kv``) and name (``compare-and-set``).
        exports: types of the functions that the host calls, by interface and name.
    """

    version: str
    imports: Mapping[str, Mapping[str, HostFunction]]
    exports: Mapping[str, Mapping[str, FunctionType]]

    def offer(self, *, wasi: bool = True) -> Offer:
        """What admission compares a component with."""
        return Offer(
            imports={
                # Types are imported as an interface without functions.
                self._full("types"): {},
                **{
                    self._full(interface): {
                        name: canonical(function.type) for name, function in functions.items()
                    }
                    for interface, functions in self.imports.items()
                },
            },
            exports={
                self._full(interface): {name: canonical(kind) for name, kind in functions.items()}
                for interface, functions in self.exports.items()
            },
            wasi=wasi,
        )

    def _full(self, interface: str) -> str:
        return f"{PACKAGE}/{interface}@{self.version}"


@cache
def contract(major: int = 1) -> Contract:
    """Return the contract of a major version."""
    text = resources.files(__package__).joinpath(f"v{major}.json").read_bytes()
    raw = msgspec.json.decode(text)
    imports = {
        interface: {name: _host_function(function) for name, function in functions.items()}
        for interface, functions in raw["imports"].items()
    }
    exports = {
        interface: {name: _function(function) for name, function in functions.items()}
        for interface, functions in raw["exports"].items()
    }
    return Contract(raw["version"], imports, exports)


def wit_directory(major: int = 1) -> Path:
    """Return where the WIT text of a major version is: in the package, or in a checkout."""
    package = Path(__file__).resolve().parent.parent
    for candidate in (package / "wit", package.parent.parent / "wit"):
        if (candidate / f"v{major}").is_dir():
            return candidate / f"v{major}"
    raise FileNotFoundError(f"the WIT of version {major} is not part of this installation")


def _host_function(raw: Any) -> HostFunction:
    kind = _function(raw)
    return HostFunction(kind, FunctionCodec(kind))


def _function(raw: Any) -> FunctionType:
    parameters = tuple((name, _type(kind)) for name, kind in raw["parameters"])
    return FunctionType(parameters, _maybe(raw["result"]))


def _maybe(raw: Any) -> WitType | None:
    return None if raw is None else _type(raw)


def _type(raw: Any) -> WitType:
    """Read one type: a primitive's name, or an object with its kind as the only key."""
    if isinstance(raw, str):
        return Primitive(raw)
    ((kind, value),) = raw.items()
    wit: WitType = _READERS[kind](value)
    return wit


_READERS: dict[str, Any] = {
    "list": lambda value: ListType(_type(value)),
    "record": lambda value: RecordType(tuple((name, _type(kind)) for name, kind in value)),
    "tuple": lambda value: TupleType(tuple(map(_type, value))),
    "variant": lambda value: VariantType(tuple((name, _maybe(kind)) for name, kind in value)),
    "enum": lambda value: EnumType(tuple(value)),
    "flags": lambda value: FlagsType(tuple(value)),
    "option": lambda value: OptionType(_type(value)),
    "result": lambda value: ResultType(_maybe(value[0]), _maybe(value[1])),
}
