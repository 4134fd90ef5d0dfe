"""What calls cost: prices an operator sets, and exact sums of them.

Every price is a decimal number of an abstract unit, and every amount an integer, so that a sum over
a year is the same to the last digit as the sum of its days.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from decimal import Decimal
from fractions import Fraction

GIB = 1024**3
BILLION = 10**9
KIB_MS_OF_GIB_SECOND = 1024 * 1024 * 1000

_DIGITS_MAX = 18


@dataclass(frozen=True, slots=True, kw_only=True)
class Amounts:
    """What is paid for.

    Attributes:
        calls: that were asked for from outside; those of plugins within them are not.
        egress_bytes: of plugins' HTTP requests on the wire, both ways.
        memory_kib_ms: peak memory in KiB times milliseconds, of calls from outside; they include
            what the calls within them held.
    """

    calls: int = 0
    fuel: int = 0
    egress_bytes: int = 0
    memory_kib_ms: int = 0

    def plus(self, other: Amounts) -> Amounts:
        """Return the sum of both."""
        return Amounts(
            calls=self.calls + other.calls,
            fuel=self.fuel + other.fuel,
            egress_bytes=self.egress_bytes + other.egress_bytes,
            memory_kib_ms=self.memory_kib_ms + other.memory_kib_ms,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """What is charged; everything is free unless it is set."""

    per_call: Decimal = Decimal(0)
    per_billion_fuel: Decimal = Decimal(0)
    per_gib_egress: Decimal = Decimal(0)
    per_gib_second: Decimal = Decimal(0)

    def cost(self, amounts: Amounts) -> Fraction:
        """Return what ``amounts`` cost, exactly."""
        return (
            Fraction(self.per_call) * amounts.calls
            + Fraction(self.per_billion_fuel) * amounts.fuel / BILLION
            + Fraction(self.per_gib_egress) * amounts.egress_bytes / GIB
            + Fraction(self.per_gib_second) * amounts.memory_kib_ms / KIB_MS_OF_GIB_SECOND
        )

    def text(self) -> str:
        """Write the prices down, the same ones always the same way: kept with what they are of."""
        return " ".join(str(getattr(self, each.name).normalize()) for each in fields(self))


def read_prices(text: str) -> Prices:
    """Read what `Prices.text` wrote."""
    names = [each.name for each in fields(Prices)]
    return Prices(**{n: Decimal(part) for n, part in zip(names, text.split(), strict=True)})


def shown(cost: Fraction) -> str:
    """Write a cost as a plain decimal number, rounded (half even) at the 18th place after the
    point; prices with few digits are shown exactly."""
    scaled = round(cost * 10**_DIGITS_MAX)
    whole, part = divmod(scaled, 10**_DIGITS_MAX)
    digits = f"{part:0{_DIGITS_MAX}d}".rstrip("0")
    return f"{whole}.{digits}" if digits else str(whole)
