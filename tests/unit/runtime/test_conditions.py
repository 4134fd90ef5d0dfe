"""What follows from how a plugin feels."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from wardian.plugins.states import Cause, Move, PluginState
from wardian.plugins.text import escaped
from wardian.runtime.conditions import Condition, Rules, Status
from wardian.storage.rows import HealthRow

NOW = datetime(2030, 1, 1, tzinfo=UTC)
RULES = Rules(
    interval_seconds=60,
    timeout_seconds=5,
    failure_threshold=3,
    success_threshold=1,
    quarantine_after=0,
)
WELL = Condition(Status.HEALTHY)
ILL = Condition(Status.UNHEALTHY, "tired")


def row_after(*conditions: Condition, rules: Rules = RULES) -> HealthRow:
    row = HealthRow()
    for condition in conditions:
        row = rules.noted(row, condition, NOW)
    return row


def move(
    row: HealthRow, state: PluginState, by: Cause | None = None, rules: Rules = RULES
) -> Move | None:
    return rules.move(state, by, row)


@pytest.mark.parametrize(
    ("conditions", "failures", "successes"),
    [
        ([ILL, ILL], 2, 0),
        ([ILL, ILL, WELL], 0, 1),
        ([WELL, WELL, WELL], 0, 1),
        ([ILL, Condition(Status.UNKNOWN, "busy")], 1, 0),
        ([ILL, Condition(Status.DEGRADED, "slow")], 0, 0),
        ([WELL, Condition(Status.DEGRADED, "slow")], 0, 0),
    ],
)
def test_failures_and_good_answers_count_in_a_row(
    conditions: list[Condition], failures: int, successes: int
) -> None:
    row = row_after(*conditions)

    assert (row.health_failures, row.health_successes) == (failures, successes)
    assert (row.health_status, row.health_detail) == (conditions[-1].status, conditions[-1].text)


@pytest.mark.parametrize("cause", [Cause.HEALTH, Cause.CALLS])
def test_only_what_was_degraded_by_its_health_recovers_by_it(cause: Cause) -> None:
    found = move(row_after(WELL), PluginState.DEGRADED, cause)

    assert (found is not None) == (cause is Cause.HEALTH)


def test_a_plugin_that_was_degraded_by_its_calls_is_quarantined_by_its_health_all_the_same() -> (
    None
):
    rules = replace(RULES, quarantine_after=1)
    row = row_after(*[ILL] * 4, rules=rules)

    found = move(row, PluginState.DEGRADED, Cause.CALLS, rules)

    assert found is not None
    assert found.to is PluginState.QUARANTINED


def test_what_could_not_be_asked_changes_no_state() -> None:
    row = row_after(ILL, ILL, ILL, Condition(Status.UNKNOWN, "busy"))

    assert move(row, PluginState.ACTIVE) is None


def test_a_move_that_was_lost_is_made_at_the_next_check() -> None:
    found = move(row_after(*[ILL] * 7), PluginState.ACTIVE)

    assert found is not None
    assert found.to is PluginState.DEGRADED


def test_a_degraded_plugin_s_further_complaints_are_no_further_changes() -> None:
    slow = row_after(Condition(Status.DEGRADED, "slow"))

    assert move(slow, PluginState.ACTIVE) == Move(
        PluginState.DEGRADED, "its health check answered degraded: slow", Cause.HEALTH
    )
    assert move(slow, PluginState.DEGRADED, Cause.HEALTH) is None


@pytest.mark.parametrize(
    ("failures", "seconds"), [(0, 60), (2, 60), (3, 120), (4, 240), (7, 600), (10_000, 600)]
)
def test_the_interval_doubles_up_to_a_ceiling(failures: int, seconds: float) -> None:
    assert RULES.delay_seconds(HealthRow(health_failures=failures)) == seconds


def test_an_interval_longer_than_the_ceiling_stays() -> None:
    rules = replace(RULES, interval_seconds=3600)

    assert rules.delay_seconds(HealthRow(health_failures=9)) == 3600


@pytest.mark.parametrize("text", ["", "plain", "größer", "日本"])
def test_text_that_prints_stays_as_it_is(text: str) -> None:
    assert escaped(text, 20) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[31mb", r"a\x1b[31mb"),
        ("two\nlines", r"two\nlines"),
        ("txt\u202eexe", r"txt\u202eexe"),
        ("\u2066\u200f\x00", r"\u2066\u200f\x00"),
        ("\ud800", r"\ud800"),
    ],
)
def test_text_that_does_not_print_is_escaped(text: str, shown: str) -> None:
    assert escaped(text, 40) == shown


@pytest.mark.parametrize("text", ["x" * 10_000_000, "\x00" * 10_000_000, "x" * 21])
def test_text_is_bounded(text: str) -> None:
    assert len(escaped(text, 20)) == 20
    assert escaped(text, 20).endswith("…")
