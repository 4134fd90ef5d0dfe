"""Who guesses keys has to wait."""

from __future__ import annotations

import pytest

from wardian.errors import RateLimited
from wardian.tenants import guesses as module
from wardian.tenants.guesses import WAIT_SECONDS_MAX, Guesses


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def guess(guesses: Guesses, address: str, prefix: str = "", *, is_wrong: bool = True) -> float:
    """Send one key; return how long it has to wait, which is 0 if it was looked at."""
    try:
        with guesses.one(address, prefix) as outcome:
            outcome.is_wrong = is_wrong
    except RateLimited as error:
        return error.retry_after_seconds
    return 0.0


def test_an_address_waits_longer_each_time_and_up_to_a_quarter_of_an_hour() -> None:
    clock = Clock()
    guesses = Guesses(3, clock=clock)

    assert [guess(guesses, "a") for _ in range(4)] == [0, 0, 0, 1]
    waits = []
    for _ in range(12):
        clock.now += guess(guesses, "a")
        assert guess(guesses, "a") == 0
        waits.append(guess(guesses, "a"))
    assert waits == [2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]


def test_other_addresses_do_not_wait() -> None:
    guesses = Guesses(3, clock=Clock())

    for _ in range(1_000):
        guess(guesses, "a")

    assert guess(guesses, "b") == 0


def test_guesses_of_one_key_from_many_addresses_wait_too() -> None:
    guesses = Guesses(3, clock=Clock())

    found = [guess(guesses, f"10.0.0.{number}", "wdn_abcd") for number in range(9)]

    assert found == [0, 0, 0, 1, 1, 1, 1, 1, 1]
    assert guess(guesses, "10.0.0.200", "wdn_efgh") == 0


def test_right_keys_are_not_counted_and_are_no_way_to_start_over() -> None:
    guesses = Guesses(3, clock=Clock())

    for _ in range(100):
        assert guess(guesses, "a", "wdn_abcd", is_wrong=False) == 0
    for is_wrong in (True, False, True, False, True):
        assert guess(guesses, "a", is_wrong=is_wrong) == 0
    assert guess(guesses, "a", is_wrong=False) == 1


def test_a_thousand_at_once_are_no_way_past() -> None:
    guesses = Guesses(3, clock=Clock())
    looked_at = []
    for _ in range(1_000):
        try:
            one = guesses.one("a", "")
            one.__enter__().is_wrong = True
            looked_at.append(one)
        except RateLimited:
            pass

    assert len(looked_at) == 3
    for one in looked_at:
        one.__exit__(None, None, None)
    assert guess(guesses, "a") > 0


def test_a_fault_while_a_key_is_looked_at_counts_for_nothing() -> None:
    guesses = Guesses(1, clock=Clock())

    for _ in range(5):
        with pytest.raises(OSError, match="full"), guesses.one("a", ""):
            raise OSError("full")

    assert guess(guesses, "a", is_wrong=False) == 0


def test_who_is_quiet_for_long_enough_is_forgotten() -> None:
    clock = Clock()
    guesses = Guesses(3, clock=clock)
    for _ in range(4):
        guess(guesses, "a")

    clock.now += WAIT_SECONDS_MAX + 2

    assert [guess(guesses, "a") for _ in range(4)] == [0, 0, 0, 1]


def test_what_is_kept_of_sources_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SOURCES_MAX", 100)
    guesses = Guesses(1, clock=Clock())

    for number in range(10_000):
        guess(guesses, f"a{number}", f"wdn_{number}")

    guess(guesses, "guesser")
    for number in range(1_000):
        guess(guesses, f"honest{number}", f"wdn_h{number}", is_wrong=False)
    assert len(guesses._sources) <= 100
    assert guess(guesses, "guesser") > 0
    assert len(guesses.to_tell()) <= module.TOLD_MAX


def test_it_is_told_of_an_address_once_in_a_while_and_never_of_a_key() -> None:
    clock = Clock()
    guesses = Guesses(3, clock=clock)

    for _ in range(10):
        clock.now += guess(guesses, "a", "wdn_abcd")
    (told,) = guesses.to_tell()
    assert told.address == "a"
    assert told.wrong >= 3

    for _ in range(3):
        clock.now += guess(guesses, "a")
    assert guesses.to_tell() == []
    clock.now += WAIT_SECONDS_MAX
    for _ in range(4):
        clock.now += guess(guesses, "a")
    assert [each.address for each in guesses.to_tell()] == ["a"]
