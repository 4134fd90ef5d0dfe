"""What a tenant may use in a day (UTC), and how what is left is lent to calls that run at once.

Fuel and egress are spent while a call runs, so each call is lent a part of what is left and gives
back what it did not spend. What is lent and what is spent together are never above the quota, so
callers that come at once cannot pass it together.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Any

from wardian.errors import InvalidArguments


class Kind(StrEnum):
    """What there is a quota of."""

    CALLS = "calls"
    FUEL = "fuel"
    EGRESS_BYTES = "egress_bytes"
    STORAGE_BYTES = "storage_bytes"


NAMES = {
    Kind.CALLS: "calls",
    Kind.FUEL: "units of fuel",
    Kind.EGRESS_BYTES: "bytes of egress",
    Kind.STORAGE_BYTES: "bytes of storage",
}

NEARING = 0.8
"""The share of a quota at which people are told."""

AMOUNT_MAX = 2**62


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotas:
    """What a tenant may use; None is without a bound.

    Attributes:
        calls, fuel, egress_bytes: in a day.
        storage_bytes: at any time.
    """

    calls: int | None = None
    fuel: int | None = None
    egress_bytes: int | None = None
    storage_bytes: int | None = None

    def of(self, kind: Kind) -> int | None:
        """Return the quota of one kind."""
        found: int | None = getattr(self, kind.value)
        return found

    def with_overrides(self, overrides: dict[str, int | None]) -> Quotas:
        """Return these with others in their places."""
        return replace(self, **overrides)


def checked_overrides(values: dict[str, Any]) -> dict[str, int | None]:
    """Return overrides from outside: an amount, or None for no bound.

    Raises:
        InvalidArguments: an unknown name, or an amount that cannot be.
    """
    known = [each.name for each in fields(Quotas)]
    for name, amount in values.items():
        if name not in known:
            raise InvalidArguments(
                f"There is no quota {name[:64]!r}; there are {', '.join(known)}.",
                path=f"quotas.{name[:64]}",
            )
        if amount is not None and (type(amount) is not int or not 0 <= amount <= AMOUNT_MAX):
            raise InvalidArguments(
                f"The quota {name} is a number from 0 to 2^62, or null for no bound.",
                path=f"quotas.{name}",
            )
    return dict(values)


@dataclass(slots=True)
class Spent:
    """What was used of a day's quotas."""

    calls: int = 0
    fuel: int = 0
    egress_bytes: int = 0

    def add(self, other: Spent) -> None:
        """Count what another has."""
        self.calls += other.calls
        self.fuel += other.fuel
        self.egress_bytes += other.egress_bytes

    def of(self, kind: Kind) -> int:
        """Return what was used of one kind."""
        found: int = getattr(self, kind.value)
        return found


@dataclass(slots=True)
class Lending:
    """What is lent of one kind.

    Attributes:
        least: less than this is of no use to a borrower.
        comfort: while a half of what is left is more than this, one borrower gets no more than the
            half, so that others who come beside it get something, too.
    """

    least: int
    comfort: int
    lent: int = 0

    def lend(self, wanted: int, left: int) -> int:
        """Lend up to ``wanted`` of what is ``left`` unspent; 0 if what is free is of no use."""
        free = left - self.lent
        if free < min(self.least, wanted):
            return 0
        share = free // 2 if free // 2 >= self.comfort else free
        given = min(wanted, share)
        self.lent += given
        return given

    def give_back(self, given: int) -> None:
        """End a loan."""
        self.lent -= given
