"""Values as ``wasm-tools json-from-wast`` writes them, as Wardian's plain values and back."""

from __future__ import annotations

import math
import struct
from typing import Any

from wardian.sandbox.types import (
    BYTES,
    ListType,
    OptionType,
    RecordType,
    ResultType,
    TupleType,
    VariantType,
    WitType,
    may_be_null,
)
from wardian.sandbox.values import NON_FINITE

Json = Any


def plain(written: Json, wit: WitType) -> Any:
    """Return the plain value (``wardian.sandbox.values``) of a written one of type ``wit``."""
    value = written["value"] if isinstance(written, dict) else written
    match wit:
        case ListType(element):
            items = [plain(each, element) for each in value]
            return bytes(items) if wit == BYTES else items
        case TupleType(elements):
            return [plain(each, of) for each, of in zip(value, elements, strict=True)]
        case RecordType(fields):
            written_fields = dict(value)
            return {name: plain(written_fields[name], of) for name, of in fields}
        case OptionType(payload):
            inner = None if value is None else plain(value, payload)
            if value is None or not may_be_null(payload):
                return inner
            return {"tag": "some", "val": inner}
        case ResultType(ok, err):
            ((tag, inner),) = value.items()
            return _tagged(tag.lower(), inner, ok if tag == "Ok" else err)
        case VariantType(cases):
            return _tagged(value["case"], value.get("payload"), dict(cases)[value["case"]])
    return _simple(written["type"], value)


def _tagged(tag: str, inner: Json, wit: WitType | None) -> dict[str, Any]:
    return {"tag": tag, "val": None if wit is None else plain(inner, wit)}


def _simple(kind: str, value: Json) -> Any:
    if kind in ("f32", "f64"):
        return _float(kind, value)
    if kind[0] in "us" and kind[1:].isdigit():
        return int(value)
    return value


def _float(kind: str, bits: str) -> float:
    if bits.startswith("nan"):
        return math.nan
    width, code = ("<I", "<f") if kind == "f32" else ("<Q", "<d")
    found: float = struct.unpack(code, struct.pack(width, int(bits)))[0]
    return found


def same(found: Any, wanted: Any) -> bool:
    """Compare plain values; every NaN is like every other, and names of numbers are numbers."""
    if isinstance(wanted, float):
        number = NON_FINITE.get(found, found) if isinstance(found, str) else found
        return _same_number(number, wanted)
    if isinstance(wanted, list):
        alike = isinstance(found, list) and len(found) == len(wanted)
        return alike and all(map(same, found, wanted))
    if isinstance(wanted, dict):
        alike = isinstance(found, dict) and found.keys() == wanted.keys()
        return alike and all(same(found[name], wanted[name]) for name in wanted)
    return bool(found == wanted)


def _same_number(found: Any, wanted: float) -> bool:
    if not isinstance(found, float):
        return False
    return found == wanted or (math.isnan(found) and math.isnan(wanted))
