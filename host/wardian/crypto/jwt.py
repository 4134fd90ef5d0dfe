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
    def parse(cls, pem: str) -> SigningKey:
        """Read a private key that `wardian.crypto.private_keys.algorithm_of` took.

        Raises:
            InvalidArguments: it is none; nothing of it is quoted.
        """
        try:
            # That its numbers are primes was checked when it was set, and takes longer than to
            # sign a hundred times.
            key = load_pem_private_key(pem.encode(), None, unsafe_skip_rsa_key_validation=True)
        except (TypeError, ValueError, UnsupportedAlgorithm):
            # Not chained: what the library says of a key may quote it.
            raise InvalidArguments("This is no private key in PEM.") from None
        return cls(*_key_of(key, pem))

    def token(self, claims: Mapping[str, Any], *, key_id: str | None = None) -> str:
        """Return a token with these claims, as its compact serialization.

        Raises:
            TypeError, ValueError: the claims are no JSON.
        """
        header = {"alg": self.algorithm.value, "typ": "JWT"}
        if key_id is not None:
            header["kid"] = key_id
        return jwt.encode(header, dict(claims), self._key, registry=TOKENS)


class _Registry(JWSRegistry):
    """Knows our algorithms, and says nothing about ``EdDSA``: RFC 9864 gives it another name, and
    services ask for the old one still."""

    def get_alg(self, name: str) -> Any:
        return self.algorithms[Algorithm(name)]


TOKENS = _Registry()
"""The algorithms that tokens are signed with."""


def _key_of(key: Any, pem: str) -> tuple[Algorithm, Key]:
    if isinstance(key, RSAPrivateKey):
        return Algorithm.RS256, RSAKey(key, pem)
    if isinstance(key, EllipticCurvePrivateKey) and isinstance(key.curve, SECP256R1):
        return Algorithm.ES256, ECKey(key, pem)
    if isinstance(key, Ed25519PrivateKey):
        return Algorithm.EDDSA, OKPKey(key, pem)
    raise InvalidArguments("This private key signs no tokens.")
