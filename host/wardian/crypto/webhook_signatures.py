"""Signatures of webhooks, as Standard Webhooks has them.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md: what is
signed is ``ID.TIMESTAMP.BODY``; a secret is ``whsec_`` and base64 of 24 to 64 bytes.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterable

from wardian.crypto.macs import hmac_sha256

PREFIX = "whsec_"
VERSION = "v1"
SECRET_BYTES = 32


def new_secret() -> str:
    """Make a secret of 256 random bits."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode("ascii")


def signatures(signing: Iterable[str], message_id: str, timestamp: int, body: bytes) -> str:
    """Return the header ``webhook-signature``: one signature a secret, with spaces between.

    Args:
        timestamp: Unix seconds.
    """
    message = f"{message_id}.{timestamp}.".encode() + body
    codes = (hmac_sha256(_key(secret), message) for secret in signing)
    return " ".join(f"{VERSION},{base64.b64encode(code).decode('ascii')}" for code in codes)


def _key(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix(PREFIX))
