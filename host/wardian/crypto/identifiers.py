"""Identifiers that sort by the time they were made (UUID version 7, RFC 9562)."""

from __future__ import annotations

import secrets
import time

_VERSION = 0x7 << 76
_VARIANT = 0b10 << 62


def new_id() -> str:
    """Make a UUIDv7: 48 bits of Unix milliseconds, 12 of the fraction below, 62 random bits."""
    nanoseconds = time.time_ns()
    milliseconds, rest = divmod(nanoseconds, 1_000_000)
    # RFC 9562, section 6.2, method 3: the fraction of a millisecond keeps ids of one moment sorted.
    fraction = (rest << 12) // 1_000_000
    high = (milliseconds & (2**48 - 1)) << 80 | _VERSION | fraction << 64
    digits = f"{high | _VARIANT | secrets.randbits(62):032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
