"""WIT types as JSON Schema (draft 2020-12), after the mapping in ``values``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

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
)

Schema = dict[str, Any]

NULL: Schema = {"type": "null"}


def parameters_schema(function: FunctionType) -> Schema:
    """Schema of the arguments object of a function."""
    return _object(function.parameters)


def result_schema(function: FunctionType) -> Schema:
    """Schema of a call's result: of ``ok`` where the function answers a ``result``."""
    result = function.result
    if isinstance(result, ResultType):
        result = result.ok
    return NULL if result is None else schema_of(result)


def error_schema(function: FunctionType) -> Schema | None:
    """Schema of a ``GuestError``'s payload; None for a function that cannot answer ``err``."""
    if not isinstance(function.result, ResultType):
        return None
    return NULL if function.result.err is None else schema_of(function.result.err)


def schema_of(wit: WitType) -> Schema:
    """Schema of one type."""
    if isinstance(wit, Primitive):
        return dict(_PRIMITIVES[wit.name])
    return _WRITERS[type(wit)](wit)


def _object(fields: tuple[tuple[str, WitType], ...]) -> Schema:
    required = [name for name, wit in fields if not isinstance(wit, OptionType)]
    return {
        "type": "object",
        "properties": {name: schema_of(wit) for name, wit in fields},
        "required": required,
        "additionalProperties": False,
    }


def _case(name: str, payload: WitType | None) -> Schema:
    return {
        "type": "object",
        "properties": {
            "tag": {"const": name},
            "val": NULL if payload is None else schema_of(payload),
        },
        "required": ["tag"] if payload is None else ["tag", "val"],
        "additionalProperties": False,
    }


def _list(wit: ListType) -> Schema:
    if wit == BYTES:
        return {"type": "string", "contentEncoding": "base64"}
    return {"type": "array", "items": schema_of(wit.element)}


def _tuple(wit: TupleType) -> Schema:
    return {
        "type": "array",
        "prefixItems": [schema_of(element) for element in wit.elements],
        "minItems": len(wit.elements),
        "maxItems": len(wit.elements),
    }


def _option(wit: OptionType) -> Schema:
    payload = wit.payload
    inner = _case("some", payload) if may_be_null(payload) else schema_of(payload)
    return {"anyOf": [inner, NULL]}


def _flags(wit: FlagsType) -> Schema:
    return {"type": "array", "items": {"enum": list(wit.names)}, "uniqueItems": True}


_WRITERS: dict[type, Callable[[Any], Schema]] = {
    ListType: _list,
    RecordType: lambda wit: _object(wit.fields),
    TupleType: _tuple,
    VariantType: lambda wit: {"oneOf": [_case(name, payload) for name, payload in wit.cases]},
    EnumType: lambda wit: {"type": "string", "enum": list(wit.names)},
    FlagsType: _flags,
    OptionType: _option,
    ResultType: lambda wit: {"oneOf": [_case("ok", wit.ok), _case("err", wit.err)]},
}


def _integer(name: str) -> Schema:
    low, high = INTEGER_RANGES[name]
    number: Schema = {"type": "integer", "minimum": low, "maximum": high}
    if name in {"s64", "u64"}:
        return {"anyOf": [number, {"type": "string", "pattern": "^-?[0-9]+$"}]}
    return number


_FLOAT: Schema = {"anyOf": [{"type": "number"}, {"enum": ["NaN", "Infinity", "-Infinity"]}]}

_PRIMITIVES: dict[str, Schema] = {
    "bool": {"type": "boolean"},
    "string": {"type": "string"},
    "char": {"type": "string", "minLength": 1, "maxLength": 1},
    "f32": _FLOAT,
    "f64": _FLOAT,
    **{name: _integer(name) for name in INTEGER_RANGES},
}
