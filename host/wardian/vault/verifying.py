"""Signatures of others, verified by credentials; the keys stay here.

While a key is replaced there are two of them: the credential, and the one named ``NAME.next``.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from wardian.crypto.macs import hmac_by, is_same
from wardian.vault.encodings import key_bytes
from wardian.vault.held import Held, Kind

KEYS = 2
"""How many keys each signature is held against, whatever there is."""

KEY_BYTES_ADVISED = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """What was signed, and by what signatures.

    Attributes:
        key_prefix, key_encoding: how the key is written, unless the credential says how.
    """

    algorithm: str
    message: bytes
    signatures: Sequence[bytes]
    key_prefix: str = ""
    key_encoding: str = "text"


def signer_among(helds: Sequence[Held], signed: Signed, at: datetime) -> Held | None:
    """Return the credential whose key made one of the signatures; None if there is none.

    It takes as long whether there is such a credential or not, and wherever signatures differ.
    """
    keys = [_key(held, signed, at) for held in helds[:KEYS]]
    keys += [None] * (KEYS - len(keys))
    found: Held | None = None
    for number, key in enumerate(keys):
        # With no key, a random one: it signs nothing that anybody could send.
        code = hmac_by(signed.algorithm, key or secrets.token_bytes(32), signed.message)
        matches = [is_same(code, each) for each in signed.signatures]
        if key is not None and any(matches):
            found = helds[number]
    return found


def shortcoming(held: Held, signed: Signed, at: datetime) -> str | None:
    """Return why a credential verifies nothing, or should not, as a sentence; None if it is well.

    ``signed`` says how keys are written; nothing of the key is quoted.
    """
    if held.kind is not Kind.HMAC_KEY:
        return f"The credential {held.name!r} is of the kind {held.kind}, not {Kind.HMAC_KEY}."
    if held.expires_at is not None and held.expires_at <= at:
        return f"The credential {held.name!r} expired at {held.expires_at.isoformat()}."
    key = _key(held, signed, at)
    if key is None:
        return f"The key of {held.name!r} is not written as the recipe has it, or is empty."
    if len(key) < KEY_BYTES_ADVISED:
        return f"The key of {held.name!r} has less than {KEY_BYTES_ADVISED} bytes."
    return None


def _key(held: Held, signed: Signed, at: datetime) -> bytes | None:
    """Return the key of a credential; None if it has none that verifies anything now."""
    is_over = held.expires_at is not None and held.expires_at <= at
    if held.kind is not Kind.HMAC_KEY or is_over:
        return None
    text, encoding = held.secrets["key"].reveal(), held.public.get("encoding")
    if encoding is None:
        text, encoding = text.removeprefix(signed.key_prefix), signed.key_encoding
    try:
        return key_bytes(text, encoding) or None
    except ValueError:
        return None
