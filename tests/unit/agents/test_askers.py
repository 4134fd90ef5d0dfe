"""What the failures of one asker say of an agent, and those of many."""

from __future__ import annotations

import pytest

from routes import candidate
from wardian.agents.asking import askers
from wardian.agents.asking.askers import WHOLE, Askers
from wardian.agents.candidates import Ending, Outcome
from wardian.agents.registry.decay import Evidence, HalfLives
from wardian.agents.registry.quality import estimated, seen

ONE, OTHER = candidate("one"), candidate("other")


class _Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def _quality(*endings: tuple[str, Ending, int]) -> float:
    """The quality of an agent after each asker's questions ended so, so many times."""
    counting, evidence = Askers(), Evidence()
    for asker, ending, times in endings:
        for _ in range(times):
            share = counting.share("default", asker, ONE, ending)
            more = seen(Outcome(ending=ending, latency_ms=1.0, share=share), 0.0)
            assert more is not None
            evidence.add(more, HalfLives())
    return estimated(evidence).quality


@pytest.mark.parametrize("ending", [Ending.REFUSED, Ending.FAILED, Ending.TIMED_OUT])
def test_one_asker_whose_questions_fail_without_end_does_not_ruin_an_agent(ending: Ending) -> None:
    answered = [(f"key-{number}", Ending.ANSWERED, 40) for number in range(10)]

    alone = _quality(*answered, ("eve", ending, 3_000))
    together = _quality(*answered, *((f"key-{number}", ending, 300) for number in range(10)))

    assert alone > 0.45
    assert together < alone - 0.1


def test_first_failures_of_each_asker_count_whole_and_further_ones_less() -> None:
    counting = Askers(now=_Clock())
    shares = [counting.share("default", "eve", ONE, Ending.FAILED) for _ in range(100)]

    assert shares[: int(WHOLE)] == [1.0] * int(WHOLE)
    assert shares[-1] == pytest.approx(WHOLE / 100)
    assert shares == sorted(shares, reverse=True)
    for tenant, asker, other, ending in (
        ("other", "eve", ONE, Ending.FAILED),
        ("default", "ada", ONE, Ending.FAILED),
        ("default", "eve", OTHER, Ending.FAILED),
        ("default", "eve", ONE, Ending.ANSWERED),
        ("default", "eve", ONE, Ending.CANCELLED),
    ):
        assert counting.share(tenant, asker, other, ending) == 1.0


def test_one_asker_whose_questions_all_time_out_makes_an_agent_slow_for_nobody() -> None:
    lives, counting, evidence = HalfLives(), Askers(), Evidence()
    for _ in range(1_000):
        share = counting.share("default", "eve", ONE, Ending.TIMED_OUT)
        slow = seen(Outcome(ending=Ending.TIMED_OUT, latency_ms=30_000.0, share=share), 0.0)
        quick = seen(Outcome(ending=Ending.ANSWERED, latency_ms=100.0), 0.0)
        assert slow is not None
        assert quick is not None
        evidence.add(slow, lives)
        evidence.add(quick, lives)

    assert estimated(evidence).latency_ms < 2_000.0


def test_failures_of_an_asker_are_forgotten() -> None:
    clock = _Clock()
    counting = Askers(half_life_seconds=10.0, now=clock)
    for _ in range(40):
        counting.share("default", "eve", ONE, Ending.FAILED)
    clock.now = 30.0

    assert counting.share("default", "eve", ONE, Ending.FAILED) == 1.0


def test_of_the_askers_that_have_failed_so_many_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(askers, "KEPT_MAX", 3)
    counting = Askers()
    for number in range(100):
        counting.share("default", f"key-{number}", ONE, Ending.FAILED)

    assert len(counting._failures) == 3
