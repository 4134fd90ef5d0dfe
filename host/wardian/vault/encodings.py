"""How keys are written down."""

from __future__ import annotations

import base64
import binascii

ENCODINGS = ("text", "base64", "hex")


def key_bytes(text: str, encoding: str) -> bytes:
    """Return the bytes of a key that is written in one of `ENCODINGS`.

    Raises:
        ValueError: it is not written so; nothing of it is quoted.
    """
    try:
        if encoding == "base64":
            return base64.b64decode(text, validate=True)
        return bytes.fromhex(text) if encoding == "hex" else text.encode()
    except (binascii.Error, ValueError):
        raise ValueError(f"not written in {encoding}") from None
