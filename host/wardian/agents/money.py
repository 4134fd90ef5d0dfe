"""Amounts of the operator's currency, exact: whole billionths of its unit."""

from __future__ import annotations

from dataclasses import dataclass

NANOS = 1_000_000_000
"""Billionths in one unit of the currency; enough to price one token."""


def nanos(amount: float) -> int:
    """Return an amount of the currency in billionths, rounded to the nearest."""
    return round(amount * NANOS)


def amount(nanos: int) -> float:
    """Return billionths as an amount of the currency."""
    return nanos / NANOS


def spelled(nanos: int) -> str:
    """Return billionths as an amount of the currency for people, who write no exponents."""
    return f"{amount(nanos):.9f}".rstrip("0").rstrip(".")


@dataclass(frozen=True, slots=True, kw_only=True)
class CostModel:
    """What asking an agent costs.

    Attributes:
        per_call, per_unit: in billionths of the currency's unit.
        unit: what is counted: `token`, `page`.
    """

    per_call: int = 0
    per_unit: int = 0
    unit: str = "unit"

    def of(self, units: int) -> int:
        """Return what a question costs that used so many units, in billionths."""
        return self.per_call + self.per_unit * units
