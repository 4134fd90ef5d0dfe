"""Values of WIT types as plain Python values, and their JSON form (design, section 5).

=====================  =========================================  =======================
WIT                    Python                                     JSON
=====================  =========================================  =======================
bool, string           bool, str                                  the same
s8 … u32               int                                        integer
s64, u64               int (decimal text is accepted)             integer
f32, f64               float (int is accepted)                    number, or "NaN",
                                                                  "Infinity", "-Infinity"
char                   str of one character                       string
list<u8>               bytes (base64 text is accepted)            base64 string
list<T>                list (tuple is accepted)                   array
tuple<…>               list (tuple is accepted)                   array
record                 dict by the WIT's field names              object
variant, result        {"tag": case, "val": payload or None}      object
enum                   str                                        string
flags                  list of str, in the WIT's order            array
option<T>              value or None                              value or null
option<option<T>>      None or {"tag": "some", "val": inner}      null or object
=====================  =========================================  =======================

A result at the top of a function's type is unwrapped: ``ok`` is the call's result, ``err`` is a
``GuestError`` that carries its payload.
"""

from __future__ import annotations

import base64
import math
from typing import Any


def to_json(value: Any) -> Any:
    """Return ``value`` with bytes as base64 text and non-finite floats as their names."""
    kind = type(value)
    if kind is dict:
        return {name: to_json(item) for name, item in value.items()}
    if kind is list:
        return [to_json(item) for item in value]
    if kind is bytes:
        return base64.b64encode(value).decode("ascii")
    if kind is float and not math.isfinite(value):
        return non_finite_name(value)
    return value


def non_finite_name(value: float) -> str:
    """The name of a float that JSON has no number for."""
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


NON_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
