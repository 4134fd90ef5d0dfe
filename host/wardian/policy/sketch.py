"""How long calls took, as counts in buckets whose bounds grow by a constant factor.

That is DDSketch (Masson, Rim, Lee: "DDSketch: a fast and fully-mergeable quantile sketch", VLDB
2019) without its collapsing, which the range of a call's time makes needless: two sketches add up
to that of all their calls, so quantiles are right over any range of time and any number of hosts.
"""

from __future__ import annotations

import math
import struct

GROWTH = 1.04
"""From a bucket's bound to the next one's."""

RELATIVE_ERROR = (GROWTH - 1) / (GROWTH + 1)
"""What a quantile is off by at the most: 1.97 % of the value."""

BUCKET_MAX = 700
"""Past the ten days of 10 ** 12 µs; no sketch has more buckets than that."""

_PER_LOG = 1 / math.log(GROWTH)
_MIDDLE = 2 / (1 + GROWTH)

_ENTRY = struct.Struct("<HQ")

Buckets = dict[int, int]
"""How many calls were in each bucket; the bucket ``i`` ends at ``GROWTH ** i`` microseconds."""


def bucket_of(microseconds: int) -> int:
    """Return the bucket of a time; it is on the way of every call."""
    if microseconds <= 1:
        return 0
    return min(BUCKET_MAX, math.ceil(math.log(microseconds) * _PER_LOG))


def merge(into: Buckets, other: Buckets) -> None:
    """Add the counts of another sketch."""
    for bucket, count in other.items():
        into[bucket] = into.get(bucket, 0) + count


def quantile_seconds(buckets: Buckets, share: float) -> float | None:
    """Return the time within which ``share`` (0 to 1) of the calls were; None if there is none."""
    total = sum(buckets.values())
    if total == 0:
        return None
    rank = max(1, math.ceil(share * total))
    seen = 0
    for bucket in sorted(buckets):
        seen += buckets[bucket]
        if seen >= rank:
            break
    return GROWTH**bucket * _MIDDLE / 1_000_000


def encoded(buckets: Buckets) -> bytes:
    """Write a sketch down: ten bytes a bucket, each its number and its count."""
    return b"".join(_ENTRY.pack(bucket, count) for bucket, count in sorted(buckets.items()))


def decoded(data: bytes) -> Buckets:
    """Read a sketch."""
    return dict(_ENTRY.iter_unpack(data))
