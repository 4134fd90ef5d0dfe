"""What each kind of credential takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from wardian.crypto.private_keys import algorithm_of
from wardian.errors import InvalidArguments
from wardian.policy.secret import Secret
from wardian.vault import Kind
from wardian.vault.kinds import FIELDS, TEXT_CHARS_MAX, check_fields, kind_of, secret_fields

SIGNS = {
    "RS256": rsa.generate_private_key(65537, 2048),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}
REFERENCE = Path(__file__).parents[3] / "docs" / "reference" / "credentials.md"


def pem(key: Any, passphrase: bytes | None = None, form: str = "PKCS8") -> str:
    encryption = (
        serialization.BestAvailableEncryption(passphrase)
        if passphrase
        else serialization.NoEncryption()
    )
    return key.private_bytes(
        serialization.Encoding.PEM, getattr(serialization.PrivateFormat, form), encryption
    ).decode()


VALUES: dict[str, Any] = {
    "pem": pem(SIGNS["EdDSA"]),
    "encoding": "hex",
    "authorization_url": "https://id.example.org/authorize",
    "token_url": "https://id.example.org/token",
    "revocation_url": "https://id.example.org/revoke",
    "issuer": "https://id.example.org/",
    "scopes": ["read", "write"],
    "auth_method": "client_secret_post",
    "audience": ["shop"],
    "longest_seconds": "60",
}


def whole(kind: Kind) -> tuple[dict[str, Any], dict[str, Secret]]:
    """Every field of a kind."""
    values = {field.name: VALUES.get(field.name, "text") for field in FIELDS[kind]}
    secret = secret_fields(kind)
    return (
        {name: value for name, value in values.items() if name not in secret},
        {name: Secret(values[name]) for name in secret},
    )


def test_every_kind_has_fields_and_a_secret() -> None:
    assert set(FIELDS) == set(Kind)
    assert all(secret_fields(kind) for kind in Kind)


@pytest.mark.parametrize("kind", Kind)
def test_a_kind_takes_all_its_fields_and_misses_what_it_must_have(kind: Kind) -> None:
    public, secrets = whole(kind)
    check_fields(kind, public, secrets)

    for field in FIELDS[kind]:
        fewer = {name: value for name, value in public.items() if name != field.name}
        fewer_secrets = {name: value for name, value in secrets.items() if name != field.name}
        if not field.is_required:
            check_fields(kind, fewer, fewer_secrets)
            continue
        with pytest.raises(InvalidArguments, match="is missing") as caught:
            check_fields(kind, fewer, fewer_secrets)
        assert caught.value.path == f"fields.{field.name}"


@pytest.mark.parametrize("kind", Kind)
def test_a_kind_takes_no_field_on_the_wrong_side(kind: Kind) -> None:
    public, secrets = whole(kind)
    for name in secrets:
        with pytest.raises(InvalidArguments, match="is secret"):
            check_fields(kind, public | {name: "canary"}, secrets)
    for name in public:
        with pytest.raises(InvalidArguments, match="is not secret"):
            check_fields(kind, public, secrets | {name: Secret("canary")})


@pytest.mark.parametrize("text", ["", "x" * (TEXT_CHARS_MAX + 1), "a\0b", "a\nb", "é", "\ud800"])
def test_what_goes_into_a_header_is_visible_and_bounded(text: str) -> None:
    with pytest.raises(InvalidArguments):
        check_fields(Kind.BEARER, {}, {"token": Secret(text)})


@pytest.mark.parametrize("scopes", ["read", [1], [["read"]], ["read"] * 101, [""]])
def test_a_list_takes_texts(scopes: Any) -> None:
    with pytest.raises(InvalidArguments):
        check_fields(Kind.OAUTH2_TOKEN, {"scopes": scopes}, {"access_token": Secret("text")})


@pytest.mark.parametrize("algorithm", SIGNS)
def test_a_private_key_signs_with_one_algorithm(algorithm: str) -> None:
    assert algorithm_of(pem(SIGNS[algorithm])) == algorithm


def test_the_older_forms_of_pem_are_taken_too() -> None:
    for algorithm in ("RS256", "ES256"):
        assert algorithm_of(pem(SIGNS[algorithm], form="TraditionalOpenSSL")) == algorithm


WEAK = {
    "short RSA": pem(rsa.generate_private_key(65537, 1024)),
    "P-384": pem(ec.generate_private_key(ec.SECP384R1())),
    "secp256k1": pem(ec.generate_private_key(ec.SECP256K1())),
    "passphrase": pem(SIGNS["ES256"], b"passphrase"),
    "public": SIGNS["EdDSA"]
    .public_key()
    .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    .decode(),
    "cut": pem(SIGNS["RS256"])[:-100],
    "not at all": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
}


@pytest.mark.parametrize("case", WEAK)
def test_a_key_that_is_weak_broken_or_none_is_refused_and_not_quoted(case: str) -> None:
    with pytest.raises(InvalidArguments) as caught:
        check_fields(Kind.PRIVATE_KEY, {}, {"pem": Secret(WEAK[case])})

    assert WEAK[case][30:60] not in str(caught.value)
    assert caught.value.__suppress_context__


def test_a_kind_that_is_none_is_refused_and_not_quoted() -> None:
    with pytest.raises(InvalidArguments) as caught:
        kind_of("ghp_canary")

    assert "canary" not in str(caught.value)


def test_the_reference_has_every_field_of_every_kind() -> None:
    page = REFERENCE.read_text()
    for kind, fields in FIELDS.items():
        section = page.partition(f"\n## `{kind}`\n")[2].partition("\n## ")[0]
        for field in fields:
            assert f"| `{field.name}` |" in section
            assert field.meaning in section
