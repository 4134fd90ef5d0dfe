"""HMAC with SHA-256 (RFC 2104)."""

from __future__ import annotations

import hashlib
import hmac


def hmac_sha256(key: bytes, message: bytes) -> bytes:
    """Return the 32 bytes of the code."""
    return hmac.digest(key, message, hashlib.sha256)


def is_hmac_sha256(code: bytes, key: bytes, message: bytes) -> bool:
    """Tell whether ``code`` is the message's, in a time that does not depend on where it differs."""
    return hmac.compare_digest(code, hmac_sha256(key, message))
