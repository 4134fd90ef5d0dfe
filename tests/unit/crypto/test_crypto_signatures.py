"""DSSE envelopes: the specification's own example, and what is not taken for one."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardian.crypto.keys import PrivateKey
from wardian.crypto.signatures import MAX_SIGNATURES, parse_envelope, pre_authentication, sign
from wardian.errors import SignatureInvalid

TYPE = "application/example"
KEY = PrivateKey.of_seed(bytes(range(32)))
OTHER = PrivateKey.of_seed(bytes(range(1, 33)))
MAX = 4096


def parsed(content: bytes) -> Any:
    return parse_envelope(content, TYPE, max_bytes=MAX)


def changed(change: Callable[[dict[str, Any]], object], *keys: PrivateKey) -> bytes:
    document = json.loads(sign(b"hello", TYPE, *(keys or (KEY,))))
    change(document)
    return json.dumps(document).encode()


def test_what_is_signed_is_the_specifications_pre_authentication_encoding() -> None:
    """https://github.com/secure-systems-lab/dsse/blob/v1.0.2/protocol.md, «Test Vectors»."""
    assert pre_authentication("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_an_envelope_comes_back_and_holds_for_its_signers_only() -> None:
    envelope = parsed(sign(b"hello", TYPE, KEY))

    assert (envelope.payload, envelope.payload_type) == (b"hello", TYPE)
    assert list(envelope.signatures) == [KEY.public.id]
    assert envelope.is_signed_by(KEY.public)
    assert not envelope.is_signed_by(OTHER.public)


def test_every_one_of_several_signers_counts() -> None:
    envelope = parsed(sign(b"hello", TYPE, KEY, OTHER))

    assert envelope.is_signed_by(KEY.public)
    assert envelope.is_signed_by(OTHER.public)


def test_a_signature_is_of_the_payload_and_of_its_type() -> None:
    def other_payload(document: dict[str, Any]) -> None:
        document["payload"] = base64.b64encode(b"hellO").decode()

    assert not parsed(changed(other_payload)).is_signed_by(KEY.public)

    relabelled = sign(b"hello", "application/other", KEY).replace(
        b"application/other", TYPE.encode()
    )
    assert not parsed(relabelled).is_signed_by(KEY.public)
    with pytest.raises(SignatureInvalid, match="'application/other', and not"):
        parsed(sign(b"hello", "application/other", KEY))


def test_a_signature_in_anothers_name_does_not_hold() -> None:
    def renamed(document: dict[str, Any]) -> None:
        document["signatures"][0]["keyid"] = OTHER.public.id

    envelope = parsed(changed(renamed))
    assert not envelope.is_signed_by(OTHER.public)
    assert not envelope.is_signed_by(KEY.public)


def test_members_that_are_not_known_are_ignored_and_either_alphabet_is_read() -> None:
    """As the specification's parsing rules say."""

    def extended(document: dict[str, Any]) -> None:
        document["note"] = "x"
        document["signatures"][0]["note"] = 1
        for entry in (document["signatures"][0],):
            entry["sig"] = entry["sig"].replace("+", "-").replace("/", "_")

    assert parsed(changed(extended)).is_signed_by(KEY.public)


def without(name: str) -> Callable[[dict[str, Any]], object]:
    return lambda document: document.pop(name)


def with_(name: str, value: Any) -> Callable[[dict[str, Any]], object]:
    return lambda document: document.update({name: value})


def first(**members: Any) -> Callable[[dict[str, Any]], object]:
    return lambda document: document["signatures"][0].update(members)


@pytest.mark.parametrize(
    "change",
    [
        without("payload"),
        without("payloadType"),
        without("signatures"),
        with_("payload", None),
        with_("payload", 5),
        with_("payload", "aGVsbG8"),
        with_("payload", "aGVsbG9="),
        with_("payload", "aGVs bG8="),
        with_("payload", "aGVsbG8=\n"),
        with_("payload", "é"),
        with_("signatures", []),
        with_("signatures", {}),
        with_("signatures", ["x"]),
        lambda document: document["signatures"].append(document["signatures"][0]),
        first(keyid=""),
        first(keyid=None),
        first(keyid="k" * 200),
        first(keyid="\ud800"),
        first(keyid="\x1b[2J"),
        first(keyid="a\nb"),
        first(sig=""),
        first(sig="AAAA"),
        first(sig=None),
    ],
)
def test_what_is_no_envelope_is_refused(change: Callable[[dict[str, Any]], object]) -> None:
    with pytest.raises(SignatureInvalid, match="no DSSE envelope"):
        parsed(changed(change))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null",
        b"[]",
        b"\xff\xfe",
        b"not json",
        b"[" * 4000,
        b'{"payload": "", "payload": ""}',
        b"\xef\xbb\xbf{}",
        b"9" * 4000 + b"9" * 96,
    ],
)
def test_what_is_no_json_object_is_refused(content: bytes) -> None:
    with pytest.raises(SignatureInvalid, match="no DSSE envelope"):
        parsed(content)


def test_a_member_that_stands_twice_is_refused_wherever_it_is() -> None:
    content = sign(b"hello", TYPE, KEY)
    twice = content.replace(b'"keyid"', b'"keyid":"x","keyid"')
    assert twice != content

    with pytest.raises(SignatureInvalid, match="stands twice"):
        parsed(twice)


def test_an_envelope_is_bounded_in_size_and_signatures() -> None:
    with pytest.raises(SignatureInvalid, match=f"at most {MAX} are read"):
        parsed(sign(b"x" * MAX, TYPE, KEY))

    def many(document: dict[str, Any]) -> None:
        signature = document["signatures"][0]["sig"]
        document["signatures"] = [
            {"keyid": str(number), "sig": signature} for number in range(MAX_SIGNATURES + 1)
        ]

    with pytest.raises(SignatureInvalid, match=f"1 to {MAX_SIGNATURES} signatures"):
        parsed(changed(many))


@given(position=st.integers(0, 10_000), value=st.integers(0, 255))
def test_a_flipped_byte_never_makes_a_signature_of_something_else(
    position: int, value: int
) -> None:
    content = bytearray(sign(b"hello", TYPE, KEY))
    content[position % len(content)] = value
    try:
        envelope = parsed(bytes(content))
    except SignatureInvalid:
        return
    if envelope.is_signed_by(KEY.public):
        assert (envelope.payload, envelope.payload_type) == (b"hello", TYPE)
