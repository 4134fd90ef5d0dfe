"""AES-256-GCM (NIST SP 800-38D): what is sealed with a key opens with it and its context only.

Nonces are random, so a key seals a bounded number of times: whoever holds one counts, and makes
another before `SEALINGS_MAX`.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from typing import NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16

SEALINGS_MAX = 2**32
"""What one key may seal under random nonces (NIST SP 800-38D, section 8.3)."""

_FORMAT = b"\x01"
_OVERHEAD = len(_FORMAT) + NONCE_BYTES + TAG_BYTES
_LENGTH_BYTES = 8
_FINGERPRINT_CHARS = 32


class NotAuthentic(Exception):
    """The sealed bytes are not what this key sealed for this context."""

    def __init__(self) -> None:
        super().__init__(" ".join((type(self).__doc__ or "").split()))


def context(*parts: str | int) -> bytes:
    """Encode what sealed bytes are bound to, so that no two contexts have the same encoding.

    Each part follows its length; a number is its decimal digits.
    """
    encoded = [str(part).encode() for part in parts]
    return b"".join(len(part).to_bytes(_LENGTH_BYTES, "big") + part for part in encoded)


class SymmetricKey:
    """A key of 256 bits. Nothing of it is in its text, and it cannot be pickled."""

    __slots__ = ("_cipher", "_material")

    def __init__(self, material: bytes) -> None:
        """Take the key's bytes.

        Raises:
            ValueError: there are not 32 of them; says nothing of them.
        """
        if len(material) != KEY_BYTES:
            raise ValueError(f"A key has {KEY_BYTES} bytes, not {len(material)}.")
        self._material = bytes(material)
        self._cipher = AESGCM(self._material)

    @classmethod
    def generate(cls) -> SymmetricKey:
        """Make a key of the system's randomness."""
        return cls(os.urandom(KEY_BYTES))

    @property
    def material(self) -> bytes:
        """The key's bytes, to be wrapped by another key and kept nowhere."""
        return self._material

    def seal(self, plaintext: bytes, bound_to: bytes) -> bytes:
        """Encrypt ``plaintext``, bound to a `context`, under a new random nonce."""
        nonce = os.urandom(NONCE_BYTES)
        return _FORMAT + nonce + _encrypted(self._cipher, nonce, plaintext, bound_to)

    def open(self, sealed: bytes, bound_to: bytes) -> bytes:
        """Decrypt what `seal` made for the same context.

        Raises:
            NotAuthentic: this is not what the key sealed for this context; says nothing of either.
        """
        if len(sealed) < _OVERHEAD or not sealed.startswith(_FORMAT):
            raise NotAuthentic
        nonce = sealed[len(_FORMAT) : len(_FORMAT) + NONCE_BYTES]
        return _decrypted(self._cipher, nonce, sealed[len(_FORMAT) + NONCE_BYTES :], bound_to)

    def fingerprint(self) -> str:
        """Return what tells this key from others and nothing else about it, in hex."""
        digest = hmac.new(self._material, b"wardian fingerprint of a key", hashlib.sha256)
        return digest.hexdigest()[:_FINGERPRINT_CHARS]

    def __repr__(self) -> str:
        return "SymmetricKey([secret])"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A key is not to be written down.")


def _encrypted(cipher: AESGCM, nonce: bytes, plaintext: bytes, bound_to: bytes) -> bytes:
    """Return the ciphertext and its tag. The nonce is the caller's to choose, and never twice."""
    return cipher.encrypt(nonce, plaintext, bound_to)


def _decrypted(cipher: AESGCM, nonce: bytes, ciphertext: bytes, bound_to: bytes) -> bytes:
    try:
        return cipher.decrypt(nonce, ciphertext, bound_to)
    except InvalidTag:
        # From nothing, so that no traceback leads to the values this was tried with.
        raise NotAuthentic from None
