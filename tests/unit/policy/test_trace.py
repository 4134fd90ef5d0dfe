"""W3C Trace Context, by the examples of its text and of its test suite."""

from __future__ import annotations

import pytest

from wardian.policy.trace import is_same_trace, traceparent, tracestate

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SOUND = f"00-{TRACE}-{PARENT}-01"


@pytest.mark.parametrize("flags", ["00", "01", "02", "03", "ff"])
def test_a_sound_parent_is_passed_on_as_it_is(flags: str) -> None:
    text = f"00-{TRACE}-{PARENT}-{flags}"
    assert traceparent([text]) == text
    assert traceparent([f" {text}\t"]) == text


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"01-{TRACE}-{PARENT}-01", SOUND),
        (f"cc-{TRACE}-{PARENT}-01-what-the-future-will-be-like", SOUND),
        (f"cc-{TRACE}-{PARENT}-02", f"00-{TRACE}-{PARENT}-00"),
        (f"fe-{TRACE}-{PARENT}-ff-", SOUND),
    ],
)
def test_a_later_version_is_read_as_far_as_this_one_goes(text: str, told: str) -> None:
    assert traceparent([text]) == told


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        SOUND.upper(),
        f"ff-{TRACE}-{PARENT}-01",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"{SOUND}-",
        f"{SOUND}-more",
        f"cc-{TRACE}-{PARENT}-01.more",
        f"00-{TRACE[1:]}-{PARENT}-01",
        f"00-{TRACE}0-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-1",
        f"00-{TRACE}-{PARENT}",
        f"0-{TRACE}-{PARENT}-01",
        f"00-{TRACE[:-1]}.-{PARENT}-01",
        f"00_{TRACE}_{PARENT}_01",
        f"{SOUND}\n",
        f"cc-{TRACE}-{PARENT}-01-a\r\nevil: 1",
        f"cc-{TRACE}-{PARENT}-01-{'x' * 300}",
    ],
)
def test_a_malformed_parent_is_as_good_as_none(text: str) -> None:
    assert traceparent([text]) is None


def test_two_parents_are_none() -> None:
    assert traceparent([SOUND, SOUND]) is None
    assert traceparent([]) is None


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (["a=1"], "a=1"),
        (["a=1,b=2", "c=3"], "a=1,b=2,c=3"),
        (["a=1 , \t b=2"], "a=1,b=2"),
        (["a=1,,b=2,"], "a=1,b=2"),
        (["fw529a3039@dt=FfoolQv_;x:y z", "0a*b-/_=~"], "fw529a3039@dt=FfoolQv_;x:y z,0a*b-/_=~"),
        ([",".join(f"k{number}=1" for number in range(32))],
         ",".join(f"k{number}=1" for number in range(32))),
    ],
)  # fmt: skip
def test_a_sound_state_is_passed_on_in_one_line(values: list[str], told: str) -> None:
    assert tracestate(values) == told


@pytest.mark.parametrize(
    "values",
    [
        [],
        [""],
        [" , "],
        ["a"],
        ["a="],
        ["=1"],
        ["A=1"],
        ["a =1"],
        ["a=1=2"],
        ["a=1,b"],
        ["a=1,a=2"],
        ["a=1\n"],
        ["a=\x7f"],
        ["a=ä"],
        [f"{'k' * 257}=1"],
        [f"a={'v' * 257}"],
        [",".join(f"k{number}=1" for number in range(33))],
    ],
)
def test_a_malformed_state_is_dropped_whole(values: list[str]) -> None:
    assert tracestate(values) is None


def test_a_state_that_is_too_long_loses_long_members_first_and_then_the_last() -> None:
    long = f"long={'x' * 200}"
    short = [f"k{number}={'x' * 90}" for number in range(6)]
    assert tracestate([",".join([short[0], long, *short[1:5]])]) == ",".join(short[:5])
    assert tracestate([",".join(short)]) == ",".join(short[:5])
    assert len(tracestate([",".join(short)]) or "") <= 512


def test_traces_are_told_apart_by_their_ids() -> None:
    assert is_same_trace(SOUND, f"00-{TRACE}-{'1' * 16}-00")
    assert not is_same_trace(SOUND, f"00-{'1' * 32}-{PARENT}-01")
