"""W3C Trace Context: which trace a request is a part of, as far as the host passes that on.

https://www.w3.org/TR/trace-context/ (level 1) and https://www.w3.org/TR/trace-context-2/: a header
that is malformed is as good as none, and ``tracestate`` goes nowhere without a ``traceparent``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

TRACEPARENT_CHARS_MAX = 256
TRACESTATE_CHARS_MAX = 512
MEMBERS_MAX = 32

_SAMPLED = 0x01
_LONG_CHARS = 128
_PARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-[!-~]*)?")
_KEY = r"[a-z0-9][a-z0-9_*/@-]{0,255}"
_VALUE = r"[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]"
_MEMBER = re.compile(rf"({_KEY})={_VALUE}")


def traceparent(values: Sequence[str]) -> str | None:
    """Return the one ``traceparent`` among a request's headers, if it is sound.

    One of a later version is read as far as this version goes, and passed on as one of this.
    """
    if len(values) != 1 or len(values[0]) > TRACEPARENT_CHARS_MAX:
        return None
    text = values[0].strip(" \t")
    found = _PARENT.fullmatch(text)
    if found is None:
        return None
    version, trace, parent, flags, more = found.groups()
    if version == "ff" or not trace.strip("0") or not parent.strip("0"):
        return None
    if version == "00":
        return None if more is not None else text
    return f"00-{trace}-{parent}-{int(flags, 16) & _SAMPLED:02x}"


def tracestate(values: Sequence[str]) -> str | None:
    """Return the ``tracestate`` of a request's headers, in one line; None if it is not sound.

    What is longer than has to be passed on loses members: first those that are long, then the last.
    """
    if not values:
        return None
    members = [each.strip(" \t") for value in values for each in value.split(",")]
    members = [each for each in members if each]
    found = [_MEMBER.fullmatch(each) for each in members]
    keys = [each[1] for each in found if each is not None]
    if not members or len(members) > MEMBERS_MAX or len(set(keys)) != len(members):
        return None
    while sum(map(len, members)) + len(members) - 1 > TRACESTATE_CHARS_MAX:
        long = [number for number, each in enumerate(members) if len(each) > _LONG_CHARS]
        members.pop(long[-1] if long else -1)
    return ",".join(members) or None


def is_same_trace(one: str, other: str) -> bool:
    """Tell whether two sound ``traceparent`` are of one trace."""
    return one.split("-")[1] == other.split("-")[1]
