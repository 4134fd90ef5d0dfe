"""Published facts hold through our own functions."""

from __future__ import annotations

import warnings

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from joserfc.jwk import ECKey
from securesystemslib.exceptions import UnverifiedSignatureError
from securesystemslib.signer import Signature

from wardian.crypto.jwt import TOKENS
from wardian.crypto.keys import PublicKey
from wardian.crypto.macs import hmac_sha256
from wycheproof import ECDSA_P256, ED25519, HMAC_SHA256, facts


@pytest.mark.parametrize(("number", "key", "message", "code", "holds"), facts(HMAC_SHA256))
def test_hmac_sha256(number: int, key: bytes, message: bytes, code: bytes, holds: bool) -> None:
    assert (hmac_sha256(key, message)[: len(code)] == code) == holds


@pytest.mark.parametrize(("number", "key", "message", "signature", "holds"), facts(ED25519))
def test_ed25519(number: int, key: bytes, message: bytes, signature: bytes, holds: bool) -> None:
    verifier = PublicKey(key).verifier()
    made = Signature(verifier.keyid, signature.hex())

    if holds:
        verifier.verify_signature(made, message)
    else:
        with pytest.raises(UnverifiedSignatureError):
            verifier.verify_signature(made, message)


@pytest.mark.parametrize(("number", "key", "message", "signature", "holds"), facts(ECDSA_P256))
def test_ecdsa_on_p_256_as_tokens_have_it(
    number: int, key: bytes, message: bytes, signature: bytes, holds: bool
) -> None:
    point = EllipticCurvePublicKey.from_encoded_point(SECP256R1(), b"\x04" + key)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        algorithm = TOKENS.get_alg("ES256")

    assert algorithm.verify(message, signature, ECKey(point, point)) == holds
