"""Digests, tokens, identifiers."""

from __future__ import annotations

import uuid

import pytest

from wardian.crypto.digests import is_sha256_hex, sha256_hex
from wardian.crypto.identifiers import new_id
from wardian.crypto.tokens import is_token, new_token, same


def test_a_digest_is_the_sha256_of_its_bytes() -> None:
    digest = sha256_hex(b"abc")

    assert digest == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert is_sha256_hex(digest)
    assert not is_sha256_hex("../" + digest[3:])


def test_a_new_token_has_256_bits_and_is_a_token() -> None:
    tokens = {new_token() for _ in range(100)}

    assert len(tokens) == 100
    assert all(len(token) == 47 and is_token(token) for token in tokens)


@pytest.mark.parametrize(
    "text", ["", "wdn_", "wdn_" + "a" * 3, "abc_" + "a" * 43, "wdn_" + "a" * 30 + "é", "wdn_a b"]
)
def test_what_is_no_token_is_told_apart(text: str) -> None:
    assert not is_token(text)


def test_tokens_are_compared_as_a_whole() -> None:
    assert same("wdn_abc", "wdn_abc")
    assert not same("wdn_abc", "wdn_abd")


def test_identifiers_are_version_7_and_sort_by_time() -> None:
    made = [new_id() for _ in range(1000)]

    assert len(set(made)) == 1000
    assert {uuid.UUID(each).version for each in made} == {7}
    # Within one tick of the clock the order is random; from tick to tick it is not.
    assert sorted(made)[0][:13] == made[0][:13]
    assert sorted(made)[-1][:13] == made[-1][:13]
