"""HMAC (RFC 2104)."""

from __future__ import annotations

import hashlib
import hmac


def hmac_sha256(key: bytes, message: bytes) -> bytes:
    """Return the 32 bytes of the code."""
    return hmac.digest(key, message, hashlib.sha256)


def hmac_by(algorithm: str, key: bytes, message: bytes) -> bytes:
    """Return the code by a hash of this name: ``sha256``, ``sha384``, ``sha512`` or ``sha1``."""
    return hmac.digest(key, message, algorithm)


def is_same(left: bytes, right: bytes) -> bool:
    """Compare two codes in a time that does not depend on where they differ."""
    return hmac.compare_digest(left, right)
