"""One budget for a call and for the calls that it makes: no limit above its own or what is left."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wardian.policy.levels import LEVELS, Level
from wardian.policy.limits import MIB, Limits
from wardian.policy.sharing import MEMORY_MIN_BYTES, Account, limits_within
from wardian.policy.usage import Usage

RESTRICTED, TRUSTED = LEVELS[Level.RESTRICTED].limits, LEVELS[Level.TRUSTED].limits
STEP = 2 ** (1 / 16)

levels = st.sampled_from([policy.limits for policy in LEVELS.values()])


def within(
    own: Limits, caller: Limits, account: Account | None = None, wall: float = 3.0
) -> Limits:
    found = limits_within(own, caller, account or Account(), wall_seconds=wall, exact=False)
    assert found is not None
    return found


@given(
    levels,
    levels,
    st.floats(1e-3, 60),
    st.integers(0, 10**9),
    st.integers(0, 60 * MIB),
    st.booleans(),
)
def test_no_limit_is_above_its_own_or_what_the_caller_has_left(
    own: Limits, caller: Limits, wall: float, fuel: int, memory: int, exact: bool
) -> None:
    account = Account(fuel=fuel, memory_bytes=memory)
    found = limits_within(own, caller, account, wall_seconds=wall, exact=exact)

    assert found is not None
    assert found.wall_seconds <= min(own.wall_seconds, wall if exact else wall * STEP * 1.001)
    assert found.memory_bytes <= min(own.memory_bytes, caller.memory_bytes - memory)
    assert found.result_bytes == min(own.result_bytes, caller.result_bytes)
    assert found.argument_bytes == min(own.argument_bytes, caller.argument_bytes)
    if caller.fuel is not None:
        assert found.fuel is not None
        assert found.fuel <= caller.fuel - fuel
        assert own.fuel is None or found.fuel <= own.fuel


def test_a_caller_that_is_not_metered_leaves_the_other_its_own_fuel() -> None:
    assert within(RESTRICTED, TRUSTED).fuel == RESTRICTED.fuel
    assert within(TRUSTED, TRUSTED).fuel is None


def test_a_plugin_that_is_not_metered_is_metered_for_a_caller_that_is() -> None:
    assert RESTRICTED.fuel is not None
    fuel = within(TRUSTED, RESTRICTED).fuel

    assert fuel is not None
    assert RESTRICTED.fuel / STEP <= fuel <= RESTRICTED.fuel


def test_what_calls_before_have_spent_is_gone_whatever_the_worker_says() -> None:
    caller, account = Limits(fuel=1_000_000), Account()
    account.charge(Usage(fuel=600_000, memory_bytes=MIB))
    account.fuel = 5

    fuel = within(RESTRICTED, caller, account).fuel

    assert fuel is not None
    assert 400_000 / STEP <= fuel <= 400_000


def test_calls_that_differ_a_little_have_the_same_limits() -> None:
    early, late = Account(fuel=10_000, memory_bytes=MIB), Account(fuel=90_000, memory_bytes=2 * MIB)

    first = within(RESTRICTED, RESTRICTED, early, wall=4.999)
    assert first is within(RESTRICTED, RESTRICTED, late, wall=4.98)
    assert first.wall_seconds == RESTRICTED.wall_seconds


def test_where_nothing_can_run_there_are_no_limits() -> None:
    def nothing(account: Account, wall: float = 1.0) -> bool:
        return limits_within(RESTRICTED, caller, account, wall_seconds=wall, exact=False) is None

    caller = Limits(fuel=1_000, memory_bytes=MIB)

    assert nothing(Account(), wall=0.0)
    assert nothing(Account(), wall=-1.0)
    assert nothing(Account(fuel=1_000))
    assert nothing(Account(fuel_within=2_000))
    assert nothing(Account(memory_bytes=MIB - MEMORY_MIN_BYTES + 1))
    assert not nothing(Account(fuel=900, memory_bytes=MIB - MEMORY_MIN_BYTES))


def test_each_unit_of_fuel_is_taken_from_the_call_once() -> None:
    account = Account()
    account.charge(Usage(fuel=7))
    account.charge(Usage(fuel=5))

    assert [account.take(), account.take()] == [12, 0]
    account.charge(Usage(fuel=3))
    assert account.take() == 3


def test_usage_has_what_was_spent_within_even_where_the_worker_is_silent() -> None:
    account = Account(memory_bytes=10)
    account.charge(Usage(fuel=7, memory_bytes=100))
    account.charge(Usage(fuel=5, memory_bytes=50))
    usage, more = Usage(), Usage(fuel=20, memory_bytes=500)

    account.settle(usage)
    account.settle(more)

    assert (usage.fuel, usage.memory_bytes) == (12, 110)
    assert (more.fuel, more.memory_bytes) == (20, 500)
