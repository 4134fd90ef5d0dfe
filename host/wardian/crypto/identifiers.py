"""Identifiers that sort by the time they were made (UUID version 7, RFC 9562)."""

from __future__ import annotations

import secrets
import time
import uuid

_VERSION = 0x7 << 76
_VARIANT = 0b10 << 62


def new_id() -> str:
    """Make a UUIDv7: 48 bits of Unix milliseconds, 12 of the fraction below, 62 random bits."""
    nanoseconds = time.time_ns()
    milliseconds, rest = divmod(nanoseconds, 1_000_000)
    # RFC 9562, section 6.2, method 3: the fraction of a millisecond keeps ids of one moment sorted.
    fraction = (rest << 12) // 1_000_000
    high = (milliseconds & (2**48 - 1)) << 80 | _VERSION | fraction << 64
    return str(uuid.UUID(int=high | _VARIANT | secrets.randbits(62)))
