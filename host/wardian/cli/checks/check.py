"""How one check came out."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Status(StrEnum):
    """How a check came out."""

    OK = "ok"
    WEAK = "weak"
    """The host works, with less: the advice says how to have more."""
    FAILED = "failed"
    """The host does not work."""


class Check(msgspec.Struct, frozen=True):
    """One thing that was looked at.

    Attributes:
        found: what is there.
        advice: what to do about it, unless it is fine.
    """

    name: str
    status: Status
    found: str
    advice: str = ""
