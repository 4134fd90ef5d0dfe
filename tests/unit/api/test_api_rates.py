"""Strangers ask for so much in a minute, each for themselves."""

from __future__ import annotations

import pytest

from wardian.api.rates import Rates
from wardian.errors import RateLimited


def exhausted(rates: Rates, address: str) -> bool:
    try:
        rates.take(address)
    except RateLimited:
        return True
    return False


def test_an_address_has_its_share_and_gets_it_back_with_time() -> None:
    moment = [0.0]
    rates = Rates(6, clock=lambda: moment[0])

    assert [exhausted(rates, "a") for _ in range(8)] == [False] * 6 + [True] * 2
    assert not exhausted(rates, "b")
    moment[0] = 9.0
    assert exhausted(rates, "a")
    moment[0] = 20.0
    assert [exhausted(rates, "a") for _ in range(3)] == [False, True, True]


def test_what_is_kept_of_addresses_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wardian.api.rates._ADDRESSES_MAX", 3)
    rates = Rates(1, clock=lambda: 0.0)

    for address in "abcd":
        rates.take(address)

    assert len(rates._buckets) == 3
    assert exhausted(rates, "d")
