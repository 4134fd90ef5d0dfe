"""A text that comes in pieces is said as early as it can be, and never with a secret in it."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forms import FORMS
from wardian.policy.leaks import BLOCK_BYTES, Leaks
from wardian.policy.secret import SHOWN, Secret

CANARY = "cAnary/7f3a+9c zß"


def said(leaks: Leaks, pieces: Iterable[bytes], besides: Sequence[Secret] = ()) -> bytes:
    """What is said of a text in all, piece by piece."""
    waiting, heard = b"", b""
    for piece in pieces:
        ready, waiting = leaks.begun(waiting + piece, besides)
        heard += ready
    return heard + leaks.redacted(waiting, besides)


def cut(text: bytes, seed: int, longest: int) -> list[bytes]:
    chance = random.Random(seed)
    pieces = []
    while text:
        size = chance.randint(1, longest)
        pieces.append(text[:size])
        text = text[size:]
    return pieces


@pytest.mark.parametrize("longest", [1, 3, 17])
@pytest.mark.parametrize("form", FORMS)
def test_a_secret_in_pieces_is_taken_out_in_every_form(form: str, longest: int) -> None:
    leaks = Leaks([Secret(CANARY), "another one", "cAnary/7f3a+9c zß and more"])
    text = f"A word before: {FORMS[form](CANARY)}! And after, c".encode()

    assert SHOWN.encode() in leaks.redacted(text)
    for seed in range(20):
        assert said(leaks, cut(text, seed, longest)) == leaks.redacted(text)


@given(
    parts=st.lists(
        st.one_of(
            st.sampled_from([form(CANARY).encode() for form in FORMS.values()]),
            st.sampled_from(
                [b"cAnary/7f3a", b"\\", b"%", b"%25", b"\\u00", b"\\ud83d", b"&#x", b"==", b"\n"]
            ),
            st.text(max_size=8).map(lambda text: text.encode(errors="surrogatepass")),
        ),
        max_size=8,
    ),
    seed=st.integers(0, 1000),
)
def test_what_is_said_in_pieces_has_no_more_of_a_secret_than_the_whole(
    parts: list[bytes], seed: int
) -> None:
    leaks = Leaks([CANARY])

    heard = said(leaks, cut(b"".join(parts), seed, 5))

    assert not leaks.found(heard)
    assert heard.count(SHOWN.encode()) >= leaks.redacted(b"".join(parts)).count(SHOWN.encode())


def test_only_what_may_become_a_secret_waits() -> None:
    leaks = Leaks([CANARY, "x" * 4000])

    assert leaks.begun(b"Nothing of it. ") == (b"Nothing of it. ", b"")
    assert leaks.begun(b"It goes on: canary/7") == (b"It goes on: ", b"canary/7")
    assert leaks.begun(b"It goes on: canary/8.") == (b"It goes on: canary/8.", b"")
    assert leaks.begun(b"It goes on: %63%41%6") == (b"It goes on: ", b"%63%41%6")
    assert leaks.begun(b"It goes on: \\u0063\\u00") == (b"It goes on: ", b"\\u0063\\u00")


def test_a_call_may_say_in_pieces_what_it_was_given() -> None:
    secret = Secret(CANARY)
    text = f"Here it is: {CANARY}. And that was it.".encode()

    assert said(Leaks([secret]), cut(text, 1, 4), [secret]) == text


def test_a_long_text_is_said_in_pieces_of_any_length() -> None:
    leaks = Leaks([CANARY])
    text = (b"lorem ipsum " * 30_000) + CANARY.encode() + (b" dolor" * 30_000)

    assert len(text) > 2 * BLOCK_BYTES
    assert said(leaks, [text[:200_001], text[200_001:360_004], text[360_004:]]) == leaks.redacted(
        text
    )


def test_where_there_is_no_secret_nothing_waits() -> None:
    assert Leaks().begun(b"anything%") == (b"anything%", b"")
