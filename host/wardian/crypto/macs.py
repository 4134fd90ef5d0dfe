"""HMAC with SHA-256 (RFC 2104)."""

from __future__ import annotations

import hashlib
import hmac


def hmac_sha256(key: bytes, message: bytes) -> bytes:
    """Return the 32 bytes of the code."""
    return hmac.digest(key, message, hashlib.sha256)
