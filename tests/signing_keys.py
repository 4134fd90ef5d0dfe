"""Private keys for tests of signing, and what verifies their tokens."""

from __future__ import annotations

from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc import jwt
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

from wardian.crypto.jwt import TOKENS

ALGORITHMS = ("RS256", "ES256", "EdDSA")


@cache
def private_key(algorithm: str) -> Any:
    """A key that is the same in every test of a run: to make one of RSA takes long."""
    if algorithm == "RS256":
        return rsa.generate_private_key(65537, 2048)
    if algorithm == "ES256":
        return ec.generate_private_key(ec.SECP256R1())
    return ed25519.Ed25519PrivateKey.generate()


def pem_of(key: Any) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def pem(algorithm: str = "EdDSA") -> str:
    return pem_of(private_key(algorithm))


def opened(token: str, algorithm: str = "EdDSA") -> tuple[dict[str, Any], dict[str, Any]]:
    """The header and the claims of a token, if its signature holds."""
    public = private_key(algorithm).public_key()
    kinds: dict[str, type[Any]] = {"RS256": RSAKey, "ES256": ECKey, "EdDSA": OKPKey}
    key: Key = kinds[algorithm](public, public)
    found = jwt.decode(token, key, registry=TOKENS)
    return dict(found.header), found.claims
