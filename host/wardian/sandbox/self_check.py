"""The check of the value layout that only values can make.

Sizes and offsets agree or not before any value is made (``abi.check_layout``). Whether the runtime
understands what the codecs write, and the codecs what it writes, shows when it copies a value of
every type: it reads the original through its own types, and builds the copy itself.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterable
from functools import cache
from typing import Any

from wardian.errors import HostUnusable
from wardian.sandbox import abi
from wardian.sandbox.codec import codec_of
from wardian.sandbox.types import (
    BYTES,
    INTEGER_RANGES,
    EnumType,
    FlagsType,
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

_TEXT = Primitive("string")
_WORD = Primitive("u16")
_FLAGS = tuple(f"flag-{number}" for number in range(40))

SAMPLES: tuple[tuple[WitType, tuple[Any, ...]], ...] = (
    *((Primitive(name), limits) for name, limits in INTEGER_RANGES.items()),
    *(
        (ListType(Primitive(name)), ([], list(limits)))
        for name, limits in INTEGER_RANGES.items()
        if name != "u8"
    ),
    (Primitive("bool"), (True, False)),
    (Primitive("f32"), (-1.5, float("inf"))),
    (Primitive("f64"), (1 / 3, float("-inf"))),
    (ListType(Primitive("f64")), ([0.1, -0.0],)),
    (Primitive("char"), ("a", "\U0010ffff")),
    (_TEXT, ("", "text", "\0 ß \U0001f600")),
    (BYTES, (b"", b"\0\xff")),
    (ListType(_TEXT), ([], ["a", ""])),
    (RecordType((("a", _WORD), ("b-c", _TEXT))), ({"a": 1, "b-c": "x"},)),
    (TupleType((_WORD, _TEXT)), ([1, "x"],)),
    (
        VariantType((("none", None), ("some", _TEXT))),
        ({"tag": "none", "val": None}, {"tag": "some", "val": "x"}),
    ),
    (EnumType(("one", "two")), ("one", "two")),
    (FlagsType(_FLAGS), ([], ["flag-0", "flag-39"])),
    (OptionType(_TEXT), (None, "x")),
    (OptionType(OptionType(_WORD)), (None, {"tag": "some", "val": None})),
    (ResultType(_WORD, _TEXT), ({"tag": "ok", "val": 1}, {"tag": "err", "val": "x"})),
    (ResultType(None, None), ({"tag": "ok", "val": None}, {"tag": "err", "val": None})),
)
"""Every type, each with values at its edges."""


@cache
def check_values() -> None:
    """Pass a value of every type through the runtime, once in a process.

    Raises:
        HostUnusable: one came back as another; names the type and the version of wasmtime.
    """
    check(SAMPLES)


def check(samples: Iterable[tuple[WitType, tuple[Any, ...]]]) -> None:
    """Pass these values through the runtime; raises as ``check_values`` does."""
    for wit, values in samples:
        for value in values:
            found = copied(wit, value)
            if found != value or type(found) is not type(value):
                raise HostUnusable(
                    f"This build of wasmtime ({abi.package_version()}) answered {found!r} to "
                    f"{value!r} as a value of {canonical(wit)}. Install a version within the range "
                    "that Wardian pins."
                )


def copied(wit: WitType, value: Any) -> Any:
    """Lower a value, have the runtime copy it, and lift the copy."""
    codec = codec_of(wit)
    keep: list[Any] = []
    slot = codec.lower(value, keep)
    copy = ctypes.create_string_buffer(abi.VAL_SIZE)
    address = ctypes.addressof(copy)
    abi.val_clone(abi.address_of(slot), address)
    try:
        return codec.lift(address)
    finally:
        abi.val_delete(address)
