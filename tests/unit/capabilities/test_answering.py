"""wardian:plugin/answering: pieces of an answer, bounded, in order, without credentials."""

from __future__ import annotations

from typing import Any

import pytest

from callings import calling, refusing
from wardian.capabilities import CallContext, Course
from wardian.capabilities.answering import Answering, OnPiece, Pieces
from wardian.policy.leaks import Leaks
from wardian.policy.secret import SHOWN, Secret

pytestmark = pytest.mark.anyio

SECRET = Secret("c4nary-token-1")


def answering(listener: OnPiece | None, bytes_max: int = 1_000, **more: Any) -> CallContext:
    call = calling()
    call.pieces = Pieces(listener, bytes_max)
    call.course = Course()
    for name, value in more.items():
        setattr(call, name, value)
    return call


class Listener:
    """Hears pieces."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    async def __call__(self, piece: str) -> None:
        self.heard.append(piece)


async def emit(call: CallContext, *pieces: str) -> None:
    for piece in pieces:
        await Answering().emit(call, piece)


async def end(call: CallContext) -> None:
    assert call.pieces is not None
    await call.pieces.end(call)


async def test_pieces_are_heard_in_order_as_they_come() -> None:
    listener = Listener()
    call = answering(listener)

    await emit(call, "one, ", "two, ", "", "three")

    assert listener.heard == ["one, ", "two, ", "three"]
    await end(call)
    assert listener.heard == ["one, ", "two, ", "three"]


async def test_a_call_that_answers_no_question_says_nothing() -> None:
    with refusing("unavailable", "only while it is asked as an agent"):
        await Answering().emit(calling(), "one")


async def test_where_nobody_listens_pieces_count_for_nothing() -> None:
    call = answering(None, bytes_max=4)

    await emit(call, "much more than four bytes")
    await end(call)

    assert call.course is not None
    assert not call.course.was_heard


async def test_pieces_together_are_no_longer_than_a_result() -> None:
    listener = Listener()
    call = answering(listener, bytes_max=6)

    await emit(call, "ééé")
    with refusing("exhausted", "6 bytes together"):
        await Answering().emit(call, "e")

    assert listener.heard == ["ééé"]


async def test_that_somebody_heard_of_it_is_noted() -> None:
    call = answering(Listener())

    await emit(call, "one")

    assert call.course is not None
    assert call.course.was_heard
    assert not call.course.had_effects


async def test_a_listener_that_fails_hears_no_more_and_fails_no_call() -> None:
    heard: list[str] = []

    async def gone(piece: str) -> None:
        heard.append(piece)
        raise ConnectionError

    call = answering(gone)

    await emit(call, "one", "two")
    await end(call)

    assert heard == ["one"]


@pytest.mark.parametrize("size", [1, 2, 5, 14])
async def test_a_credential_is_kept_out_also_where_it_lies_across_pieces(size: int) -> None:
    listener = Listener()
    call = answering(listener, leaks=Leaks([SECRET]))
    text = f"The token is {SECRET.reveal()}, and that is all of it."

    await emit(call, *(text[at : at + size] for at in range(0, len(text), size)))
    await end(call)

    assert "".join(listener.heard) == f"The token is {SHOWN}, and that is all of it."


async def test_what_only_begins_like_a_credential_is_said_in_the_end() -> None:
    listener = Listener()
    call = answering(listener, leaks=Leaks([SECRET]))

    await emit(call, "It begins: c4nary-tok")
    assert "".join(listener.heard) == "It begins: "
    await end(call)

    assert "".join(listener.heard) == "It begins: c4nary-tok"


async def test_a_credential_that_came_meanwhile_is_kept_out_too() -> None:
    listener = Listener()
    call = answering(listener, leaks=Leaks(["another-one"]))

    await emit(call, "See: an")
    call.leaks = Leaks([SECRET, "another-one"])
    await emit(call, "d c4nary", "-token-1 there")
    await end(call)

    assert "".join(listener.heard) == f"See: and {SHOWN} there"


async def test_what_a_call_was_given_it_may_say_unless_the_host_keeps_it() -> None:
    said, kept = Listener(), Listener()
    known: dict[str, Any] = {"leaks": Leaks([SECRET]), "given_out": [SECRET]}

    for call in (answering(said, **known), answering(kept, **known, is_kept=True)):
        await emit(call, SECRET.reveal()[:5], SECRET.reveal()[5:])
        await end(call)

    assert "".join(said.heard) == SECRET.reveal()
    assert "".join(kept.heard) == SHOWN


async def test_characters_stay_whole_where_a_secret_begins_within_one() -> None:
    # The second byte of é is the first of the secret.
    listener = Listener()
    call = answering(listener, leaks=Leaks([b"\xa9\x20secret-bytes"]))

    await emit(call, "Caf", "é", " to go")
    await end(call)

    assert "".join(listener.heard) == "Café to go"


async def test_a_large_piece_is_looked_through_as_well() -> None:
    listener = Listener()
    call = answering(listener, 1_000_000, leaks=Leaks([SECRET]))

    await emit(call, "x " * 100_000 + SECRET.reveal()[:4], SECRET.reveal()[4:] + " y" * 100_000)
    await end(call)

    assert "".join(listener.heard) == "x " * 100_000 + SHOWN + " y" * 100_000
