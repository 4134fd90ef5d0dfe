"""SHA-256, the one digest of this host."""

from __future__ import annotations

import hashlib
import re

_HEX = re.compile(r"[0-9a-f]{64}")


def sha256_hex(content: bytes) -> str:
    """Return the SHA-256 of ``content`` in lower-case hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def is_sha256_hex(text: str) -> bool:
    """Tell whether ``text`` has the form of a digest made by `sha256_hex`."""
    return _HEX.fullmatch(text) is not None
