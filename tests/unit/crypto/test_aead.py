"""AES-256-GCM through our own functions, by facts that others have published."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from wardian.crypto import aead
from wardian.crypto.aead import KEY_BYTES, NONCE_BYTES, NotAuthentic, SymmetricKey, context

FACTS = Path(__file__).parent / "aes_gcm.txt"
NONCES = 1_000_000


class Fact(NamedTuple):
    """One published vector."""

    number: str
    holds: bool
    key: bytes
    nonce: bytes
    bound_to: bytes
    message: bytes
    ciphertext: bytes


def facts() -> list[Fact]:
    found = []
    for line in FACTS.read_text().splitlines():
        if not line.startswith("#"):
            number, result, *parts = line.split()
            key, nonce, bound_to, message, text, tag = (
                bytes.fromhex(part.strip("-")) for part in parts
            )
            found.append(Fact(number, result == "valid", key, nonce, bound_to, message, text + tag))
    return found


def test_there_are_facts_of_both_sorts() -> None:
    assert (len(facts()), sum(fact.holds for fact in facts())) == (66, 39)


@pytest.mark.parametrize("fact", facts(), ids=lambda fact: fact.number)
def test_published_vectors_open_or_are_refused_as_they_say(fact: Fact) -> None:
    key = SymmetricKey(fact.key)
    sealed = b"\x01" + fact.nonce + fact.ciphertext

    if fact.holds:
        assert key.open(sealed, fact.bound_to) == fact.message
        assert aead._encrypted(AESGCM(fact.key), fact.nonce, fact.message, fact.bound_to) == (
            fact.ciphertext
        )
    else:
        with pytest.raises(NotAuthentic):
            key.open(sealed, fact.bound_to)


def test_nothing_of_what_was_sealed_can_be_changed() -> None:
    key, bound_to = SymmetricKey.generate(), context("tenant", "id")
    sealed = key.seal(b"canary", bound_to)

    assert key.open(sealed, bound_to) == b"canary"
    for position in range(len(sealed)):
        changed = bytearray(sealed)
        changed[position] ^= 1
        with pytest.raises(NotAuthentic):
            key.open(bytes(changed), bound_to)
    for length in range(len(sealed)):
        with pytest.raises(NotAuthentic):
            key.open(sealed[:length], bound_to)


def test_another_key_or_context_opens_nothing() -> None:
    key = SymmetricKey.generate()
    sealed = key.seal(b"canary", context("tenant", "id"))

    for other, bound_to in (
        (SymmetricKey.generate(), context("tenant", "id")),
        (key, context("tenant", "other")),
        (key, b""),
    ):
        with pytest.raises(NotAuthentic) as caught:
            other.open(sealed, bound_to)
        assert "canary" not in str(caught.value)
        assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("ab", "c"), ("a", "bc")),
        (("a", ""), ("a",)),
        (("", "a"), ("a", "")),
        (("a", "b"), ("b", "a")),
        (("a\0b",), ("a", "b")),
        (("é",), ("e\u0301",)),
    ],
)
def test_no_two_contexts_have_the_same_encoding(
    one: tuple[str, ...], other: tuple[str, ...]
) -> None:
    assert context(*one) != context(*other)


def test_d10_nonces_do_not_repeat() -> None:
    key = SymmetricKey.generate()

    nonces = {key.seal(b"", b"")[1 : 1 + NONCE_BYTES] for _ in range(NONCES)}

    assert len(nonces) == NONCES


@pytest.mark.parametrize("length", [0, 16, KEY_BYTES - 1, KEY_BYTES + 1, 64])
def test_a_key_of_another_size_is_refused_and_not_quoted(length: int) -> None:
    with pytest.raises(ValueError, match="has 32 bytes") as caught:
        SymmetricKey(b"k" * length)

    assert "kk" not in str(caught.value)


def test_nothing_of_a_key_is_in_its_text() -> None:
    material = b"\xaacanary of a key, of 32 bytes \xbb"[:KEY_BYTES].ljust(KEY_BYTES, b"x")
    key = SymmetricKey(material)

    assert "canary" not in f"{key!r} {key} {vars(SymmetricKey)['__repr__'](key)}"
    assert key.fingerprint() not in material.hex()
    assert key.fingerprint() == SymmetricKey(material).fingerprint()
    for writing in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError):
            writing(key)
