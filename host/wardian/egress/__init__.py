"""HTTP requests of guests on their way out: judged, pinned, bounded and read through."""

from wardian.egress.broker import Egress, EgressCounts, Errand, Judge, Leaks
from wardian.egress.exchange import Answer
from wardian.egress.faults import Denied, EgressFault, Exhausted, Invalid, Unavailable

__all__ = [
    "Answer",
    "Denied",
    "Egress",
    "EgressCounts",
    "EgressFault",
    "Errand",
    "Exhausted",
    "Invalid",
    "Judge",
    "Leaks",
    "Unavailable",
]
