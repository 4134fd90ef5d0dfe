"""Which limit stopped a call, in words and as data."""

from __future__ import annotations

from dataclasses import fields

import pytest

from wardian import errors
from wardian.cli.limits import limits_met, sentences
from wardian.errors import CallError, GuestError
from wardian.policy.levels import LEVELS, Level
from wardian.policy.limits import MIB, Limits
from wardian.policy.meanings import EXHAUSTED, MEANINGS, amount
from wardian.policy.usage import Usage

RESTRICTED = LEVELS[Level.RESTRICTED].limits


def test_every_limit_has_a_meaning_and_what_answers_it_exists() -> None:
    types = {vars(kind).get("type") for kind in vars(errors).values() if isinstance(kind, type)}

    assert list(MEANINGS) == [field.name for field in fields(Limits)]
    assert {meaning.answer for meaning in MEANINGS.values()} <= types | {EXHAUSTED}
    spent = {meaning.spent for meaning in MEANINGS.values() if meaning.spent}
    assert spent <= {field.name for field in fields(Usage)}


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (errors.DeadlineExceeded(), "wall_seconds"),
        (errors.OutOfFuel(), "fuel"),
        (errors.MemoryExceeded(), "memory_bytes"),
        (errors.MemoryExceeded(limit="table_elements"), "table_elements"),
        (errors.ResultTooLarge(), "result_bytes"),
    ],
)
def test_an_error_that_ended_a_call_names_its_limit(error: CallError, name: str) -> None:
    (met,) = limits_met(error, Usage(), RESTRICTED, Level.RESTRICTED)

    assert met.name == name
    assert met.value == met.level_value == getattr(RESTRICTED, name)


def test_what_is_used_up_is_named_beside_the_plugin_s_own_error() -> None:
    usage = Usage(host_calls=1_000, log_lines=999, events=50)

    met = limits_met(GuestError(), usage, RESTRICTED, Level.RESTRICTED)

    assert [(each.name, each.used) for each in met] == [("host_calls", 1_000), ("events", 50)]


def test_a_limit_of_none_that_nothing_was_tried_against_is_not_met() -> None:
    limits = LEVELS[Level.ISOLATED].limits
    assert limits.http_requests == 0
    assert limits_met(GuestError(), Usage(), limits, Level.ISOLATED) == []


def test_people_read_what_was_met_and_which_level_gives_more() -> None:
    error, usage = errors.DeadlineExceeded(), Usage(wall_seconds=5.0123)

    met = limits_met(error, usage, RESTRICTED, Level.RESTRICTED)

    assert sentences(error, met) == [
        "limit: wall_seconds, 5 s (time from start to end, host functions included); used 5.012 s",
        "       The level `restricted` sets it; `standard` gives 10 s, `trusted` gives 60 s "
        "(--level, or sandbox_level in plugin.toml).",
    ]


def test_a_lowered_limit_says_so_and_the_most_trusting_level_has_no_more() -> None:
    error = errors.MemoryExceeded()
    lowered = RESTRICTED.lowered(memory_bytes=32 * MIB)
    trusted = LEVELS[Level.TRUSTED].limits

    by_option = sentences(error, limits_met(error, Usage(), lowered, Level.RESTRICTED))
    at_most = sentences(error, limits_met(error, Usage(), trusted, Level.TRUSTED))

    assert "--limit lowered it. The level `restricted` gives 128 MiB." in by_option[1]
    assert "no level gives more" in at_most[1]


def test_what_met_no_limit_says_so() -> None:
    trap = errors.Trap()
    trap.add_note("It could not say why.")

    assert sentences(trap, []) == [
        "limit: none was met; the plugin's own code ended the call",
        "       It could not say why.",
    ]
    assert "the stack" in sentences(errors.StackOverflow(), [])[0]
    assert sentences(GuestError(), []) == []


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("wall_seconds", 0.5, "0.5 s"),
        ("memory_bytes", 128 * MIB, "128 MiB"),
        ("result_bytes", 1_000, "1,000 bytes"),
        ("fuel", None, "unmetered"),
        ("host_calls", 1_000, "1,000"),
    ],
)
def test_amounts_are_said_in_their_units(name: str, value: float | None, said: str) -> None:
    assert amount(name, value) == said
