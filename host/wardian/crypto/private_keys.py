"""Private keys that sign for plugins: which there are, and how strong they have to be."""

from __future__ import annotations

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from wardian.errors import InvalidArguments

RSA_BITS_MIN = 2048
RSA_BITS_MAX = 8192
"""A larger key takes so long to sign with that others would wait for it."""

_TAKEN = "is no key that signs here: it takes RSA of 2048 to 8192 bits, P-256 or Ed25519"


def algorithm_of(pem: str) -> str:
    """Return what a private key in PEM signs JWTs with: ``RS256``, ``ES256`` or ``EdDSA``.

    Raises:
        InvalidArguments: it is none, broken, of another kind, too weak or under a passphrase; ends
            a sentence that begins with what the key is of, and says nothing of the key.
    """
    try:
        key = load_pem_private_key(pem.encode(), None)
    except TypeError:
        raise InvalidArguments(
            "is under a passphrase: give the key without it, the vault encrypts it"
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        raise InvalidArguments("is no private key in PEM, or a broken one") from None
    if isinstance(key, RSAPrivateKey) and RSA_BITS_MIN <= key.key_size <= RSA_BITS_MAX:
        return "RS256"
    if isinstance(key, EllipticCurvePrivateKey) and isinstance(key.curve, SECP256R1):
        return "ES256"
    if isinstance(key, Ed25519PrivateKey):
        return "EdDSA"
    raise InvalidArguments(_TAKEN)
