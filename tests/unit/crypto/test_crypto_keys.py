"""Ed25519 keys: the vectors of RFC 8032, their text, their files."""

from __future__ import annotations

import base64
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from wardian.crypto.keys import PrivateKey, PublicKey, is_encrypted
from wardian.errors import InvalidArguments

# RFC 8032, section 7.1: secret key, public key, message, signature.
VECTORS = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
        "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
        "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
]


def text_of(raw: bytes) -> str:
    return "ed25519:" + base64.b64encode(raw).decode()


@pytest.mark.parametrize(("seed", "public", "message", "signature"), VECTORS)
def test_keys_sign_as_rfc_8032_says(seed: str, public: str, message: str, signature: str) -> None:
    key = PrivateKey.of_seed(bytes.fromhex(seed))

    assert key.public.raw.hex() == public
    assert key.signer().sign(bytes.fromhex(message)).signature == signature


def test_a_public_key_is_text_and_back() -> None:
    key = PrivateKey.of_seed(bytes.fromhex(VECTORS[0][0])).public

    assert str(key) == "ed25519:11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
    assert PublicKey.parse(f" {key}\n") == key
    assert len(key.id) == 64
    assert key.id != PrivateKey.generate().public.id


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ed25519:",
        "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
        "rsa:11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
        "ed25519:11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        "ed25519:11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURp=",
        "ed25519:11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHUQ==",
        "ed25519:11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=é",
        "ed25519:" + "A" * 10_000,
    ],
)
def test_what_is_no_public_key_is_refused(text: str) -> None:
    with pytest.raises(InvalidArguments, match="no public key"):
        PublicKey.parse(text)


def test_a_key_under_which_everybody_can_sign_is_refused() -> None:
    everybodys = bytes([1]) + bytes(31)
    forged = everybodys + bytes(32)
    Ed25519PublicKey.from_public_bytes(everybodys).verify(forged, b"whatever one likes")

    with pytest.raises(InvalidArguments, match="small order"):
        PublicKey.parse(text_of(everybodys))
    with pytest.raises(InvalidArguments, match="small order"):
        PublicKey.parse(text_of(everybodys[:-1] + b"\x80"))


@pytest.mark.parametrize("passphrase", [None, b"correct horse"])
def test_a_private_key_is_kept_in_a_file_for_its_owner_only(
    tmp_path: Path, passphrase: bytes | None
) -> None:
    key, path = PrivateKey.generate(), tmp_path / "a.key"
    key.save(path, passphrase)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert is_encrypted(path) == (passphrase is not None)
    assert PrivateKey.load(path, passphrase).public == key.public
    assert "PRIVATE" not in repr(key)


def test_a_private_key_is_never_overwritten(tmp_path: Path) -> None:
    key, path = PrivateKey.generate(), tmp_path / "a.key"
    key.save(path)

    with pytest.raises(InvalidArguments, match="never overwritten"):
        PrivateKey.generate().save(path)
    assert PrivateKey.load(path).public == key.public


def test_a_private_key_that_cannot_be_used_says_why(tmp_path: Path) -> None:
    path, other = tmp_path / "a.key", tmp_path / "other.key"
    PrivateKey.generate().save(path, b"secret")
    other.write_bytes(
        generate_private_key(SECP256R1()).private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        )
    )

    with pytest.raises(InvalidArguments, match="takes a passphrase"):
        PrivateKey.load(path)
    with pytest.raises(InvalidArguments, match="does not open"):
        PrivateKey.load(path, b"wrong")
    with pytest.raises(InvalidArguments, match="takes no passphrase"):
        PrivateKey.load(other, b"secret")
    with pytest.raises(InvalidArguments, match="not an Ed25519 key"):
        PrivateKey.load(other)
    with pytest.raises(InvalidArguments, match="cannot be read"):
        PrivateKey.load(tmp_path / "nothing")
    (tmp_path / "text").write_text("hello")
    with pytest.raises(InvalidArguments, match="no private key"):
        PrivateKey.load(tmp_path / "text")
