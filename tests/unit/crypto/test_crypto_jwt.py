"""Tokens: the key says how they are signed."""

from __future__ import annotations

import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448
from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey

from signing_keys import ALGORITHMS, opened, pem, pem_of
from wardian.crypto.jwt import TOKENS, SigningKey
from wardian.errors import InvalidArguments


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_token_says_its_algorithm_type_and_key(algorithm: str) -> None:
    token = SigningKey.parse(pem(algorithm)).token({"sub": "é", "n": 1.5}, key_id="k1")

    header, claims = opened(token, algorithm)
    assert header == {"alg": algorithm, "typ": "JWT", "kid": "k1"}
    assert claims == {"sub": "é", "n": 1.5}


def test_a_token_of_a_key_without_an_id_names_none() -> None:
    header, _ = opened(SigningKey.parse(pem()).token({}))

    assert header == {"alg": "EdDSA", "typ": "JWT"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no key",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        pem_of(ed448.Ed448PrivateKey.generate()),
        pem_of(ec.generate_private_key(ec.SECP384R1())),
    ],
)
def test_what_is_no_key_for_tokens_is_refused_and_not_quoted(text: str) -> None:
    with pytest.raises(InvalidArguments) as caught:
        SigningKey.parse(text)

    assert "AAAA" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_key_is_not_in_its_text() -> None:
    key = SigningKey.parse(pem())

    assert "PRIVATE" not in repr(key)
    assert repr(key).startswith("SigningKey(algorithm=")


def test_the_example_of_rfc_8037_comes_out_the_same() -> None:
    """Appendix A.4."""
    key = OKPKey.import_key(
        {
            "kty": "OKP",
            "crv": "Ed25519",
            "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        }
    )
    signed = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"

    assert base64.urlsafe_b64encode(TOKENS.get_alg("EdDSA").sign(signed, key)) == (
        b"hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg=="
    )


RFC_7515_KEY = {
    "kty": "EC",
    "crv": "P-256",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    "d": "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI",
}


def test_the_token_of_rfc_7515_and_one_of_ours_hold_under_the_same_key() -> None:
    """Appendix A.3; the claims are those of RFC 7519, section 3.1."""
    claims = {"iss": "joe", "exp": 1300819380, "http://example.com/is_root": True}
    theirs = (
        "eyJhbGciOiJFUzI1NiJ9"
        ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"
        "cGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
        ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSA"
        "pmWQxfKTUJqPP3-Kg6NU1Q"
    )
    key = ECKey.import_key(RFC_7515_KEY)
    ours = SigningKey.parse(key.as_pem(private=True).decode()).token(claims)

    for token in (theirs, ours):
        assert jwt.decode(token, key, registry=TOKENS).claims == claims


def test_claims_are_written_in_utf_8_without_spaces() -> None:
    payload = SigningKey.parse(pem()).token({"a": "é"}).split(".")[1]

    assert (
        base64.urlsafe_b64decode(payload + "==")
        == json.dumps({"a": "é"}, ensure_ascii=False, separators=(",", ":")).encode()
    )
