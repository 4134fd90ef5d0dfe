"""Secrets are found in every form and taken out; nothing else changes."""

from __future__ import annotations

import base64
import json
import random
import tracemalloc
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forms import FORMS, percent
from wardian.policy.leaks import BLOCK_BYTES, Leaks
from wardian.policy.secret import SHOWN, Secret
from wardian.policy.secret_forms import SHORTEST_CHARS

CANARY = "cAnary/7f3a+9c zß"


def partly_percent(text: str) -> str:
    return "".join(
        percent(each) if place % 2 else each
        for place, each in enumerate(text)
        if each != "%" or place % 2
    )


# Folding would change what stands for some letters (ß, ŉ) in other cases more than once.
secrets = st.text(
    st.characters(min_codepoint=0x20, max_codepoint=0x24F, exclude_characters="\x7f"),
    min_size=8,
    max_size=60,
)
# What looks like the beginning of an escape would take the secret's first letters into it.
surroundings = st.binary(max_size=40).map(
    lambda raw: bytes(byte for byte in raw if byte not in b"%\\&")
)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_secret_is_found_and_taken_out(form: str) -> None:
    written = FORMS[form](CANARY)
    text = f"before {written} after"

    assert Leaks([Secret(CANARY)]).found(text)
    clean = Leaks([Secret(CANARY)]).redacted(text)
    assert SHOWN in clean
    assert written not in clean
    assert clean.startswith("before ")
    assert clean.endswith(" after")


@given(secret=secrets, form=st.sampled_from(list(FORMS)), before=surroundings, after=surroundings)
def test_any_secret_is_found_in_any_surroundings(
    secret: str, form: str, before: bytes, after: bytes
) -> None:
    written = FORMS[form](secret).encode()
    leaks = Leaks([secret])

    assert leaks.found(before + written + after)
    clean = leaks.redacted(before + written + after)
    assert SHOWN.encode() in clean
    assert not leaks.found(clean.replace(SHOWN.encode(), b"\x00" * 9))


@given(secret=secrets, before=surroundings, after=surroundings)
def test_a_secret_written_partly_in_percent_encoding_is_found(
    secret: str, before: bytes, after: bytes
) -> None:
    secret = secret.replace("%", "x")

    assert Leaks([secret]).found(before + partly_percent(secret).encode() + after)


@given(
    secret=st.binary(min_size=16, max_size=40),
    text=st.one_of(st.text(max_size=300), st.binary(max_size=300)),
)
def test_a_text_without_the_secret_stays_the_same_object(secret: bytes, text: str | bytes) -> None:
    leaks = Leaks([secret.hex()])

    assert not leaks.found(text)
    assert leaks.redacted(text) is text


@given(
    st.lists(st.integers(1, 50), max_size=12),
    st.sampled_from(list(FORMS)),
    st.integers(0, 60),
)
def test_a_secret_across_the_pieces_of_a_stream_is_taken_out(
    sizes: list[int], form: str, before: int
) -> None:
    leaks = Leaks([CANARY])
    text = (" " * before + FORMS[form](CANARY) + " " * 20).encode()
    stream = leaks.stream()
    pieces: list[bytes] = []
    for size in sizes:
        pieces.append(stream.feed(text[:size]))
        text = text[size:]
    clean = b"".join((*pieces, stream.feed(text), stream.close()))

    assert clean.count(SHOWN.encode()) == 1
    assert not leaks.found(clean)


@pytest.mark.parametrize("form", FORMS)
def test_a_secret_across_the_blocks_of_a_long_text_is_taken_out(form: str) -> None:
    written = FORMS[form](CANARY).encode()
    leaks = Leaks([CANARY])
    for cut in range(0, len(written) + 60, 7):
        filling = b"." * (BLOCK_BYTES - cut)
        text = filling + written + b"." * BLOCK_BYTES

        assert leaks.found(text)
        clean = leaks.redacted(text)
        assert clean.startswith(filling)
        assert clean.count(SHOWN.encode()) == 1


def test_secrets_that_overlap_are_taken_out_whole() -> None:
    leaks = Leaks(["abcdefgh", "efghijklmn", "ghij-0123"])

    assert leaks.redacted("<abcdefghijklmn>") == f"<{SHOWN}>"
    assert leaks.redacted("<abcdefghij-0123>") == f"<{SHOWN}>"


def test_a_long_text_of_nothing_but_secrets_comes_out_without_any() -> None:
    leaks = Leaks(["abcabcabc", CANARY])

    clean = leaks.redacted("abc" * 200_000)

    assert "abcabcabc" not in clean
    assert leaks.redacted((CANARY * 20_000).encode()) == SHOWN.encode() * 20_000


def test_a_text_wrapped_into_lines_hides_nothing() -> None:
    leaks = Leaks([CANARY * 5])
    encoded = base64.encodebytes((CANARY * 5).encode()).decode()

    assert "\n" in encoded.strip()
    assert leaks.found(encoded)
    assert leaks.found(encoded.replace("\n", "\r\n"))
    assert leaks.found(json.dumps(encoded))


def test_a_key_in_pem_is_found_however_its_lines_end_and_without_its_frame() -> None:
    lines = [base64.b64encode(bytes(range(at, at + 48))).decode() for at in (0, 48, 96)]
    pem = "\n".join(("-----BEGIN PRIVATE KEY-----", *lines, "-----END PRIVATE KEY-----", ""))
    leaks = Leaks([pem])

    assert leaks.found(pem.replace("\n", "\r\n"))
    assert leaks.found(json.dumps({"key": pem}))
    assert leaks.found("".join(lines))


def test_bytes_that_are_no_text_are_found_too() -> None:
    key = bytes(range(200, 232))
    leaks = Leaks([key])

    for written in (key, base64.b64encode(key), key.hex().encode(), quote(key).encode()):
        assert leaks.redacted(b"<" + written + b">") in (
            b"<" + SHOWN.encode() + b">",
            b"<" + SHOWN.encode() + b"=>",
        )


def test_short_secrets_are_not_looked_for() -> None:
    short = "x" * (SHORTEST_CHARS - 1)

    assert not Leaks([short])
    assert not Leaks([short]).found(short)
    assert Leaks([short + "x"]).found(short + "x")


def test_without_secrets_nothing_is_found() -> None:
    leaks = Leaks()

    assert not leaks
    assert not leaks.found("anything")
    assert leaks.redacted("anything") == "anything"
    assert leaks.stream().feed(b"anything") == b"anything"


def test_secrets_that_somebody_was_given_are_let_through_to_them_and_no_others() -> None:
    given_out, other = Secret("given-out-1"), Secret("kept-back-1")
    leaks = Leaks([given_out, other])

    assert not leaks.found("given-out-1", besides=[given_out])
    assert leaks.found("given-out-1", besides=[other])
    assert leaks.redacted("given-out-1 kept-back-1", [given_out]) == f"given-out-1 {SHOWN}"
    assert Leaks([given_out, Secret("given-out-1")]).redacted("given-out-1", [given_out])


def test_nothing_prints_what_is_looked_for() -> None:
    leaks = Leaks([CANARY])

    assert repr(leaks) == "<Leaks of 1 secrets>"
    assert "anary" not in str(leaks)


def test_a_mark_of_ones_own_stands_where_the_secret_was() -> None:
    assert Leaks([CANARY]).redacted(f"a {CANARY} b", mark="*") == "a * b"


HOSTILE = {
    "escapes throughout": b"%41" * 600_000,
    "escapes of escapes": b"%252541" * 300_000,
    "the beginning of a secret again and again": b"canary/" * 300_000,
    "line breaks": b"\r\n" * 900_000,
    "backslashes": b"\\" * 1_800_000,
    "random base64": base64.b64encode(random.Random(7).randbytes(1_500_000)),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_memory_does_not_grow_with_the_text(name: str) -> None:
    rng = random.Random(3)
    leaks = Leaks([CANARY, *(rng.randbytes(24).hex() for _ in range(300))])

    def peak(text: bytes) -> int:
        tracemalloc.start()
        try:
            assert not leaks.found(text)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    text = HOSTILE[name]

    assert peak(text) < peak(text[: len(text) // 3]) * 1.2
    assert leaks.redacted(text) is text
