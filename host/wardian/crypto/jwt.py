"""JSON Web Tokens, signed (RFC 7519, 7515, 7518 and 8037); joserfc does it.

The algorithm belongs to the key: whoever asks for a token has no say in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from joserfc import jwt
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from wardian.errors import InvalidArguments

RSA_BITS_MIN = 2048
RSA_BITS_MAX = 4096
"""Signing takes a time that grows with the cube of it, and others wait meanwhile."""

PEM_BYTES_MAX = 16 * 1024


class Algorithm(StrEnum):
    """How a key signs tokens."""

    RS256 = "RS256"
    ES256 = "ES256"
    EDDSA = "EdDSA"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key with the one algorithm that it is for; the key is not in its text."""

    algorithm: Algorithm
    _key: Key = field(repr=False)

    @classmethod
    def parse(cls, pem: bytes, algorithm: str) -> SigningKey:
        """Read a private key (PKCS #8, PKCS #1 or SEC 1) without a passphrase.

        Raises:
            InvalidArguments: it is none, or not one for the algorithm; nothing of it is quoted.
        """
        try:
            chosen = Algorithm(algorithm)
        except ValueError as exc:
            known = ", ".join(Algorithm)
            raise InvalidArguments(
                f"{algorithm[:40]!r} is no algorithm for tokens: there are {known}."
            ) from exc
        return cls(chosen, _key_for(chosen, _loaded(pem), pem))

    def token(self, claims: Mapping[str, Any], *, key_id: str | None = None) -> str:
        """Return a token with these claims, as its compact serialization.

        Raises:
            TypeError, ValueError: the claims are no JSON.
        """
        header = {"alg": self.algorithm.value, "typ": "JWT"}
        if key_id is not None:
            header["kid"] = key_id
        return jwt.encode(header, dict(claims), self._key, registry=_REGISTRY)


class _Registry(JWSRegistry):
    """Knows our algorithms, and says nothing about ``EdDSA``: RFC 9864 gives it another name, and
    services ask for the old one still."""

    def get_alg(self, name: str) -> Any:
        return self.algorithms[Algorithm(name)]


_REGISTRY = _Registry()


def _loaded(pem: bytes) -> Any:
    if len(pem) > PEM_BYTES_MAX:
        raise InvalidArguments(f"A private key has at most {PEM_BYTES_MAX} bytes in PEM.")
    try:
        return load_pem_private_key(pem, None)
    except TypeError as exc:
        raise InvalidArguments(
            "The private key takes a passphrase; the vault seals it, so store it without."
        ) from exc
    except (ValueError, UnsupportedAlgorithm):
        # Not chained: what the library says of a key may quote it.
        raise InvalidArguments("This is no private key in PEM.") from None


def _key_for(algorithm: Algorithm, key: Any, pem: bytes) -> Key:
    if algorithm is Algorithm.RS256 and isinstance(key, RSAPrivateKey):
        if not RSA_BITS_MIN <= key.key_size <= RSA_BITS_MAX:
            raise InvalidArguments(
                f"The RSA key has {key.key_size} bits; {RSA_BITS_MIN} to {RSA_BITS_MAX} are taken."
            )
        return RSAKey(key, pem)
    if algorithm is Algorithm.ES256 and isinstance(key, EllipticCurvePrivateKey):
        if not isinstance(key.curve, SECP256R1):
            raise InvalidArguments(f"ES256 takes a key on P-256, not on {key.curve.name}.")
        return ECKey(key, pem)
    if algorithm is Algorithm.EDDSA and isinstance(key, Ed25519PrivateKey):
        return OKPKey(key, pem)
    raise InvalidArguments(f"The private key is not one for {algorithm}.")
