"""Values across the boundary: each type is compiled once into a pair of closures.

``lower`` turns a Python value into the 32 bytes of a C value. Everything that those bytes point
to is owned by Python and kept alive by a list until the call is over: nothing is allocated on
the other side, so there is nothing to free, also when the tenth element of a list does not fit.
Where the other side must own a value (the result of a host function), it clones the finished
tree in one call. ``lift`` reads a C value where it is.

Lists of numbers and bytes cross in bulk, by strided copies between the packed numbers and the
32-byte slots.
"""

from __future__ import annotations

import base64
import binascii
import ctypes
import struct
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from wardian.errors import InvalidArguments
from wardian.sandbox import abi
from wardian.sandbox.types import (
    BYTES,
    INTEGER_RANGES,
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
    may_be_null,
    names_in,
)
from wardian.sandbox.values import NON_FINITE

Keep = list[Any]
Lower = Callable[[Any, Keep], bytes]
Lift = Callable[[int], Any]
"""From the address of a C value."""

_VECTOR = struct.Struct("<B7xQQ8x")
_POINTER = struct.Struct("<B7xQ16x")
_VARIANT = struct.Struct("<B7xQQQ")
_RESULT = struct.Struct("<B7xB7xQ8x")
_NAME = struct.Struct("<QQ")
_TWO = struct.Struct("<QQ")
_THREE = struct.Struct("<QQQ")
_ONE = struct.Struct("<Q")

_address = abi.address_of
_BYTES_HEADER = abi.BYTES_HEADER
_memory = abi.memory
_read_text = abi.read_text
_SLOT = abi.VAL_SIZE
_ENTRY = abi.ENTRY_SIZE


class Misfit(Exception):
    """A value does not fit its type; collects the path on its way out."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
        self.path: list[str | int] = []

    def at(self, step: str | int) -> Misfit:
        self.path.append(step)
        return self

    def as_invalid_arguments(self) -> InvalidArguments:
        path = _written(reversed(self.path))
        return InvalidArguments(f"{path}: {self.message}" if path else self.message, path=path)


@dataclass(frozen=True, slots=True)
class Codec:
    """How values of one type cross.

    Attributes:
        points: whether a C value of this type points to anything beyond its 32 bytes.
    """

    lower: Lower
    lift: Lift
    points: bool = True


def codec_of(wit: WitType) -> Codec:
    """Compile ``wit``."""
    if isinstance(wit, Primitive):
        return _PRIMITIVES[wit.name]
    return _COMPILERS[type(wit)](wit)


# -- primitives ----------------------------------------------------------------------------


def _expected(what: str, value: object) -> Misfit:
    shown = repr(value)
    if len(shown) > 60:
        shown = f"{shown[:57]}…"
    return Misfit(f"expected {what}, got {shown}")


def _bool_codec() -> Codec:
    true = struct.pack("<B7xB23x", abi.KIND_BOOL, 1)
    false = struct.pack("<B7xB23x", abi.KIND_BOOL, 0)

    def lower(value: Any, keep: Keep) -> bytes:
        if value is True:
            return true
        if value is False:
            return false
        raise _expected("true or false", value)

    def lift(at: int) -> bool:
        return _memory[at + 8] != 0

    return Codec(lower, lift, points=False)


_INTEGERS: dict[str, tuple[int, Any]] = {
    "s8": (abi.KIND_S8, "b"),
    "u8": (abi.KIND_U8, "B"),
    "s16": (abi.KIND_S16, "h"),
    "u16": (abi.KIND_U16, "H"),
    "s32": (abi.KIND_S32, "i"),
    "u32": (abi.KIND_U32, "I"),
    "s64": (abi.KIND_S64, "q"),
    "u64": (abi.KIND_U64, "Q"),
}

MAX_INTEGER_CHARS = 20  # "-9223372036854775808"


def _integer_codec(name: str) -> Codec:
    kind, code = _INTEGERS[name]
    low, high = INTEGER_RANGES[name]
    pack = _slot_struct(code).pack
    unpack = struct.Struct(f"<{code}").unpack_from
    wide = name in {"s64", "u64"}

    def lower(value: Any, keep: Keep) -> bytes:
        if type(value) is not int:
            value = _integer_from_text(value, name) if wide else None
            if value is None:
                raise Misfit(f"expected an integer ({name})")
        if low <= value <= high:
            return pack(kind, value)
        raise Misfit(f"expected an integer from {low} to {high} ({name})")

    def lift(at: int) -> Any:
        return unpack(_memory, at + 8)[0]

    return Codec(lower, lift, points=False)


def _integer_from_text(value: Any, name: str) -> int | None:
    if type(value) is str and len(value) <= MAX_INTEGER_CHARS:
        digits = value.removeprefix("-")
        if digits.isascii() and digits.isdigit():
            return int(value)
    return None


def _float_codec(name: str, kind: int, code: str) -> Codec:
    pack = _slot_struct(code).pack
    unpack = struct.Struct(f"<{code}").unpack_from

    def lower(value: Any, keep: Keep) -> bytes:
        if type(value) is not float and type(value) is not int:
            value = NON_FINITE.get(value) if type(value) is str else None
            if value is None:
                raise Misfit(f"expected a number ({name})")
        try:
            return pack(kind, value)
        except (OverflowError, struct.error):
            raise Misfit(f"the number is out of the range of {name}") from None

    def lift(at: int) -> Any:
        return unpack(_memory, at + 8)[0]

    return Codec(lower, lift, points=False)


def _char_codec() -> Codec:
    pack = _slot_struct("I").pack
    unpack = struct.Struct("<I").unpack_from

    def lower(value: Any, keep: Keep) -> bytes:
        if type(value) is not str or len(value) != 1:
            raise _expected("a string of one character (char)", value)
        point = ord(value)
        if 0xD800 <= point <= 0xDFFF:
            raise Misfit("a lone surrogate is not a character")
        return pack(abi.KIND_CHAR, point)

    def lift(at: int) -> str:
        return chr(unpack(_memory, at + 8)[0])

    return Codec(lower, lift, points=False)


def _string_codec() -> Codec:
    pack = _VECTOR.pack
    unpack = _TWO.unpack_from

    def lower(value: Any, keep: Keep) -> bytes:
        if type(value) is not str:
            raise _expected("a string", value)
        try:
            data = value.encode()
        except UnicodeEncodeError as error:
            raise Misfit(
                f"the string has a lone surrogate at character {error.start}, which is not text"
            ) from None
        keep.append(data)
        return pack(abi.KIND_STRING, len(data), id(data) + _BYTES_HEADER)

    def lift(at: int) -> str:
        size, start = unpack(_memory, at + 8)
        return _read_text(start, size)

    return Codec(lower, lift)


def _slot_struct(code: str) -> struct.Struct:
    return struct.Struct(f"<B7x{code}{24 - struct.calcsize(code)}x")


# -- lists ---------------------------------------------------------------------------------


def _list_codec(wit: ListType) -> Codec:
    if wit == BYTES:
        return Codec(_lower_bytes, _lift_bytes)
    bulk = isinstance(wit.element, Primitive) and _BULK.get(wit.element.name)
    element = codec_of(wit.element)
    lower = _generic_list_lower(element.lower)
    if bulk:
        return Codec(_bulk_lower(bulk, lower), _bulk_lift(bulk))
    return Codec(lower, _generic_list_lift(element.lift))


def _generic_list_lower(lower_element: Lower) -> Lower:
    def lower(value: Any, keep: Keep) -> bytes:
        if type(value) is not list and type(value) is not tuple:
            raise _expected("a list", value)
        block = b"".join(_lower_each(lower_element, value, keep))
        keep.append(block)
        return _VECTOR.pack(abi.KIND_LIST, len(value), _address(block))

    return lower


def _lower_each(lower: Lower, values: Any, keep: Keep) -> list[bytes]:
    done: list[bytes] = []
    try:
        for value in values:
            done.append(lower(value, keep))
    except Misfit as misfit:
        raise misfit.at(len(done)) from None
    return done


def _generic_list_lift(lift_element: Lift) -> Lift:
    def lift(at: int) -> list[Any]:
        size, start = _TWO.unpack_from(_memory, at + 8)
        return [lift_element(each) for each in range(start, start + size * _SLOT, _SLOT)]

    return lift


def _lower_bytes(value: Any, keep: Keep) -> bytes:
    if type(value) is str:
        try:
            value = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            raise Misfit("expected bytes as base64 text") from None
    elif type(value) is not bytes:
        if not isinstance(value, (bytearray, memoryview)):
            raise Misfit("expected bytes, or their base64 text")
        value = bytes(value)
    return _strided(abi.KIND_U8, value, len(value), "B", keep)


def _lift_bytes(at: int) -> bytes:
    size, start = _TWO.unpack_from(_memory, at + 8)
    return _memory[start + 8 : start + size * _SLOT : _SLOT].tobytes()


def _strided(kind: int, packed: Any, count: int, code: Any, keep: Keep) -> bytes:
    """Spread packed numbers over 32-byte slots, each with its kind."""
    if not count:
        return _VECTOR.pack(abi.KIND_LIST, 0, _address(b""))
    slots = bytearray(count * _SLOT)
    slots[0::_SLOT] = bytes([kind]) * count
    width = struct.calcsize(code)
    with memoryview(slots) as view:
        view.cast(code)[8 // width :: _SLOT // width] = memoryview(packed)
    block = (ctypes.c_char * len(slots)).from_buffer(slots)
    keep.append(block)
    return _VECTOR.pack(abi.KIND_LIST, count, ctypes.addressof(block))


MAX_F32 = 3.4028234663852886e38

_BULK: dict[str, tuple[int, Any]] = {
    **_INTEGERS,
    "f32": (abi.KIND_F32, "f"),
    "f64": (abi.KIND_F64, "d"),
}


def _bulk_lower(bulk: tuple[int, Any], one_by_one: Lower) -> Lower:
    kind, code = bulk
    plain = {int, float} if code in "fd" else {int}
    narrow = code == "f"

    def lower(value: Any, keep: Keep) -> bytes:
        # An array would take True for 1; and a fault deserves the path that going one by one
        # finds.
        if type(value) not in (list, tuple) or not plain.issuperset(map(type, value)):
            return one_by_one(value, keep)
        if narrow and value and not (max(value) <= MAX_F32 and min(value) >= -MAX_F32):
            return one_by_one(value, keep)  # an array would make an infinity of it
        try:
            packed = array(code, value)
        except OverflowError:
            return one_by_one(value, keep)
        return _strided(kind, packed, len(value), code, keep)

    return lower


def _bulk_lift(bulk: tuple[int, Any]) -> Lift:
    _, code = bulk
    width = struct.calcsize(code)
    first, step = 8 // width, _SLOT // width

    def lift(at: int) -> list[Any]:
        size, start = _TWO.unpack_from(_memory, at + 8)
        if not size:
            return []
        numbers: list[Any] = _memory[start : start + size * _SLOT].cast(code)[first::step].tolist()
        return numbers

    return lift


# -- records and tuples --------------------------------------------------------------------


class _Names:
    """The C names of a type, made once and alive as long as the codec."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self._encoded = {name: name.encode() for name in names}
        self.vectors = {
            name: _NAME.pack(len(data), _address(data)) for name, data in self._encoded.items()
        }
        self._bytes = sum(map(len, self._encoded.values()))

    def __len__(self) -> int:
        """All names together, in bytes: like everything kept, it knows its size."""
        return self._bytes


def _record_codec(wit: RecordType) -> Codec:
    names = _Names(tuple(name for name, _ in wit.fields))
    codecs = [(name, codec_of(field)) for name, field in wit.fields]
    lowers = [
        (name, names.vectors[name], codec.lower, isinstance(field, OptionType))
        for (name, codec), (_, field) in zip(codecs, wit.fields, strict=True)
    ]
    lifts = [(name, codec.lift, index * _ENTRY + 16) for index, (name, codec) in enumerate(codecs)]
    known = frozenset(name for name, _ in wit.fields)

    def lower(value: Any, keep: Keep) -> bytes:
        if type(value) is not dict:
            raise _expected("an object", value)
        parts = lower_fields(lowers, value, keep)
        if not value.keys() <= known:
            refuse_unknown(value, known)
        block = b"".join(parts)
        keep += (names, block)
        return _VECTOR.pack(abi.KIND_RECORD, len(lowers), _address(block))

    def lift(at: int) -> dict[str, Any]:
        _, start = _TWO.unpack_from(_memory, at + 8)
        return {name: lift_field(start + offset) for name, lift_field, offset in lifts}

    return Codec(lower, lift)


_MISSING = object()


def lower_fields(
    fields: list[tuple[str, bytes, Lower, bool]], values: dict[str, Any], keep: Keep
) -> list[bytes]:
    """Lower named values in order: name vector, value, name vector, value, …

    A missing optional value is None; any other missing value is a misfit at its name.
    """
    parts: list[bytes] = []
    for name, vector, lower, optional in fields:
        value = values.get(name, _MISSING)
        if value is _MISSING:
            if not optional:
                raise Misfit("is missing").at(name)
            value = None
        try:
            parts += (vector, lower(value, keep))
        except Misfit as misfit:
            raise misfit.at(name) from None
    return parts


def refuse_unknown(values: dict[str, Any], known: frozenset[str]) -> None:
    """Raise a misfit at the first name that is not in ``known``."""
    for name in values:
        if name not in known:
            allowed = ", ".join(sorted(known)) or "none"
            raise Misfit(f"is unknown; there are: {allowed}").at(str(name)[:60])


def _tuple_codec(wit: TupleType) -> Codec:
    codecs = [codec_of(element) for element in wit.elements]
    lifts = [(codec.lift, index * _SLOT) for index, codec in enumerate(codecs)]
    count = len(codecs)

    def lower(value: Any, keep: Keep) -> bytes:
        if type(value) not in (list, tuple) or len(value) != count:
            raise Misfit(f"expected a list of {count} elements")
        parts = []
        for index, (codec, item) in enumerate(zip(codecs, value, strict=True)):
            try:
                parts.append(codec.lower(item, keep))
            except Misfit as misfit:
                raise misfit.at(index) from None
        block = b"".join(parts)
        keep.append(block)
        return _VECTOR.pack(abi.KIND_TUPLE, count, _address(block))

    def lift(at: int) -> list[Any]:
        _, start = _TWO.unpack_from(_memory, at + 8)
        return [lift_element(start + offset) for lift_element, offset in lifts]

    return Codec(lower, lift)


# -- variants, options, results ------------------------------------------------------------


def _tagged(value: Any, cases: dict[str, Any]) -> tuple[str, Any]:
    """Check the shape of a variant's value: its tag and its payload (None if it has none)."""
    if type(value) is not dict or "tag" not in value or not value.keys() <= {"tag", "val"}:
        raise _expected('an object {"tag": …, "val": …}', value)
    tag = value["tag"]
    if type(tag) is not str or tag not in cases:
        raise Misfit(f"expected one of {', '.join(cases)}").at("tag")
    return tag, value.get("val")


def _lower_payload(codec: Codec | None, payload: Any, keep: Keep) -> int:
    """Lower the payload of a case and return its address; 0 for a case without one."""
    if codec is None:
        if payload is not None:
            raise Misfit("this case has no value").at("val")
        return 0
    try:
        slot = codec.lower(payload, keep)
    except Misfit as misfit:
        raise misfit.at("val") from None
    keep.append(slot)
    return _address(slot)


def _variant_codec(wit: VariantType) -> Codec:
    names = _Names(tuple(name for name, _ in wit.cases))
    cases = {name: None if case is None else codec_of(case) for name, case in wit.cases}
    vectors = {name: _NAME.unpack(vector) for name, vector in names.vectors.items()}

    def lower(value: Any, keep: Keep) -> bytes:
        tag, payload = _tagged(value, cases)
        keep.append(names)
        return _VARIANT.pack(
            abi.KIND_VARIANT, *vectors[tag], _lower_payload(cases[tag], payload, keep)
        )

    def lift(at: int) -> dict[str, Any]:
        size, start, payload = _THREE.unpack_from(_memory, at + 8)
        tag = _read_text(start, size)
        codec = cases[tag]
        return {
            "tag": tag,
            "val": None if codec is None else codec.lift(payload),
        }

    return Codec(lower, lift)


def _result_codec(wit: ResultType) -> Codec:
    ok = None if wit.ok is None else codec_of(wit.ok)
    err = None if wit.err is None else codec_of(wit.err)
    cases = {"ok": ok, "err": err}

    def lower(value: Any, keep: Keep) -> bytes:
        tag, payload = _tagged(value, cases)
        address = _lower_payload(cases[tag], payload, keep)
        return _RESULT.pack(abi.KIND_RESULT, tag == "ok", address)

    def lift(at: int) -> dict[str, Any]:
        is_ok = _memory[at + 8] != 0
        codec = ok if is_ok else err
        (payload,) = _ONE.unpack_from(_memory, at + 16)
        return {
            "tag": "ok" if is_ok else "err",
            "val": None if codec is None else codec.lift(payload),
        }

    return Codec(lower, lift)


def _option_codec(wit: OptionType) -> Codec:
    payload = codec_of(wit.payload)
    nested = may_be_null(wit.payload)
    none = _POINTER.pack(abi.KIND_OPTION, 0)

    def lower(value: Any, keep: Keep) -> bytes:
        if value is None:
            return none
        if nested:
            _, value = _tagged(value, {"some": payload})
        slot = payload.lower(value, keep)
        keep.append(slot)
        return _POINTER.pack(abi.KIND_OPTION, _address(slot))

    def lift(at: int) -> Any:
        (address,) = _ONE.unpack_from(_memory, at + 8)
        if not address:
            return None
        value = payload.lift(address)
        return {"tag": "some", "val": value} if nested else value

    return Codec(lower, lift)


# -- names ---------------------------------------------------------------------------------


def _enum_codec(wit: EnumType) -> Codec:
    names = _Names(wit.names)
    slots = {
        name: _VECTOR.pack(abi.KIND_ENUM, *_NAME.unpack(vector))
        for name, vector in names.vectors.items()
    }

    def lower(value: Any, keep: Keep) -> bytes:
        slot = slots.get(value) if type(value) is str else None
        if slot is None:
            raise Misfit(f"expected one of {', '.join(slots)}")
        keep.append(names)
        return slot

    def lift(at: int) -> str:
        size, start = _TWO.unpack_from(_memory, at + 8)
        return _read_text(start, size)

    return Codec(lower, lift)


def _flags_codec(wit: FlagsType) -> Codec:
    names = _Names(wit.names)
    order = {name: index for index, name in enumerate(wit.names)}

    def lower(value: Any, keep: Keep) -> bytes:
        if type(value) not in (list, tuple, set, frozenset):
            raise _expected("a list of flags", value)
        if len(value) > len(order):
            raise Misfit(f"expected each of {', '.join(order)} at most once")
        for index, name in enumerate(value):
            if type(name) is not str or name not in order:
                raise Misfit(f"expected one of {', '.join(order)}").at(index)
        chosen = sorted(set(value), key=order.__getitem__)
        block = b"".join(names.vectors[name] for name in chosen)
        keep += (names, block)
        return _VECTOR.pack(abi.KIND_FLAGS, len(chosen), _address(block))

    def lift(at: int) -> list[str]:
        size, start = _TWO.unpack_from(_memory, at + 8)
        pairs = (_NAME.unpack_from(_memory, each) for each in range(start, start + size * 16, 16))
        return sorted((_read_text(a, n) for n, a in pairs), key=order.__getitem__)

    return Codec(lower, lift)


_PRIMITIVES: dict[str, Codec] = {
    "bool": _bool_codec(),
    "char": _char_codec(),
    "string": _string_codec(),
    "f32": _float_codec("f32", abi.KIND_F32, "f"),
    "f64": _float_codec("f64", abi.KIND_F64, "d"),
    **{name: _integer_codec(name) for name in INTEGER_RANGES},
}

_COMPILERS: dict[type, Callable[[Any], Codec]] = {
    ListType: _list_codec,
    RecordType: _record_codec,
    TupleType: _tuple_codec,
    VariantType: _variant_codec,
    EnumType: _enum_codec,
    FlagsType: _flags_codec,
    OptionType: _option_codec,
    ResultType: _result_codec,
}


# -- functions -----------------------------------------------------------------------------


class FunctionCodec:
    """How the arguments and the result of one function cross."""

    __slots__ = (
        "_first",
        "_fixed_bytes",
        "_known",
        "_lifts",
        "_lowers",
        "_per_byte",
        "count",
        "result",
    )

    def __init__(self, function: FunctionType) -> None:
        codecs = [(name, wit, codec_of(wit)) for name, wit in function.parameters]
        self.count = len(codecs)
        self.result = None if function.result is None else codec_of(function.result)
        self._known = frozenset(name for name, _ in function.parameters)
        self._lowers = [
            (name, b"", codec.lower, isinstance(wit, OptionType)) for name, wit, codec in codecs
        ]
        self._first = (codecs[0][0], codecs[0][2].lower) if codecs else ("", _no_value)
        self._lifts = [(codec.lift, index * _SLOT) for index, (_, _, codec) in enumerate(codecs)]
        names = [name for _, wit in function.parameters for name in names_in(wit)]
        self._per_byte = 1 + max(map(len, names), default=0) // 16
        self._fixed_bytes = sum(_SLOT + len(name) for name in self._known) + _SLOT

    def encoded_at_most(self, keep: Keep) -> int:
        """Bound the size of arguments as MessagePack from above, by what lowering them kept.

        Each value has a slot of 32 bytes, in which any header and number fits; text and bytes were
        kept as they are; a name that a record or a flag repeats is longer than what stands for it
        by at most a factor that the types tell.
        """
        return sum(map(len, keep)) * self._per_byte + self._fixed_bytes

    def lower_arguments(self, arguments: dict[str, Any], keep: Keep) -> bytes:
        """Lower arguments by name into consecutive slots.

        Raises:
            Misfit: a value does not fit, a name is unknown or missing.
        """
        try:
            if len(arguments) == self.count:
                if self.count == 1:
                    name, lower = self._first
                    return lower(arguments[name], keep)
                return b"".join([low(arguments[name], keep) for name, _, low, _ in self._lowers])
        except (KeyError, Misfit):
            keep.clear()  # once more, for a sentence that says where
        parts = lower_fields(self._lowers, arguments, keep)
        if not arguments.keys() <= self._known:
            refuse_unknown(arguments, self._known)
        return b"".join(parts)

    def caller(self, function: Callable[..., Any]) -> Callable[[int], Any]:
        """Return what calls ``function`` with the arguments in the slots at an address."""
        lifts = self._lifts

        def with_several(address: int) -> Any:
            return function(*[lift(address + at) for lift, at in lifts])

        if self.count > 1:
            return with_several
        if not lifts:
            return lambda _address: function()
        only = lifts[0][0]
        return lambda address: function(only(address))


def _no_value(_value: Any, _keep: Keep) -> bytes:
    raise AssertionError("a function without parameters lowers nothing")


def _written(steps: Any) -> str:
    path = ""
    for step in steps:
        if isinstance(step, int):
            path += f"[{step}]"
        else:
            path += f".{step}" if path else step
    return path
