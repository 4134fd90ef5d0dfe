"""Feedback: what is learnt of it, by whom it may be given, and how much is kept."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from hosts import WASM, FakeHost, fake_host
from packages import package
from wardian.agents.quality import feedback
from wardian.agents.quality.feedback import ASKERS_MAX, LABELS
from wardian.agents.registry import decay
from wardian.agents.views import AnswerView, FeedbackView, MeasuredView
from wardian.errors import Conflict
from wardian.plugins.agents import AGENT_ASK
from wardian.storage.agent_feedback import FeedbackRepository

pytestmark = pytest.mark.anyio

AGENT = 'category = "ai_agent"\ncapabilities = ["summarize@1.0.0"]'
OPERATORS = Path(__file__).parents[3] / "docs" / "operators.md"


async def _answer(arguments: Mapping[str, Any], answer: Any) -> Any:
    return {"output": "1", "units": 1, "confidence": None, "cacheable": False}


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[FakeHost]:
    async with fake_host(tmp_path, {AGENT_ASK: _answer}, agent_feedback_kept=5) as opened:
        await opened.host.install(package("lead", WASM, AGENT))
        yield opened


async def asked(made: FakeHost) -> AnswerView:
    return await made.host.agents.ask("summarize", 1)


async def measured(made: FakeHost) -> MeasuredView:
    (found,) = (await made.host.agents.registry.get("default", "lead")).measured
    return found


async def give(made: FakeHost, answer: AnswerView, **said: Any) -> FeedbackView:
    return await made.host.agents.feedback.give("default", answer.id, **said)


async def test_scores_are_what_quality_is_made_of(made: FakeHost) -> None:
    answer = await asked(made)
    before = (await measured(made)).quality
    await give(made, answer, label="excellent", by="ada")
    praised = (await measured(made)).quality
    for name in ("bob", "eve", "joe"):
        await give(made, answer, label="bad", by=name)

    assert before < praised
    assert (await measured(made)).quality < before


async def test_the_later_opinion_of_one_asker_leaves_nothing_of_the_former(made: FakeHost) -> None:
    answer = await asked(made)
    await give(made, answer, label="bad", by="ada")
    once = (await measured(made)).quality
    for _ in range(20):
        await give(made, answer, label="excellent", by="ada")
        await give(made, answer, label="bad", by="ada")

    assert (await measured(made)).quality == pytest.approx(once, abs=1e-4)


async def test_of_an_opinion_that_has_made_room_no_more_is_taken_back_than_is_left(
    made: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decay, "WEIGHT_MAX", 5.0)
    answer = await asked(made)
    await give(made, answer, label="excellent", by="ada")
    for number in range(8):
        await give(made, answer, score=0.5, by=f"asker {number}")
    await give(made, answer, comment="I say nothing of it any more.", by="ada")

    assert 0.5 <= (await measured(made)).quality < 0.52


async def test_a_comment_alone_is_kept_and_changes_nothing(made: FakeHost) -> None:
    answer = await asked(made)
    before = (await measured(made)).quality
    given = await give(made, answer, comment="Interesting.\0", by="ada")

    assert given.score is None
    assert (await measured(made)).quality == pytest.approx(before, abs=1e-4)
    (kept,) = (await made.host.agents.asked("default", answer.id)).feedback
    assert kept.comment.startswith("Interesting.")


async def test_a_score_beside_a_label_is_the_one_that_counts(made: FakeHost) -> None:
    given = await give(made, await asked(made), score=0.9, label="Bad ", by="ada")

    assert (given.score, given.label) == (0.9, "bad")


async def test_an_older_versions_answer_teaches_nothing_of_the_new_one(made: FakeHost) -> None:
    answer = await asked(made)
    await made.host.upgrade(package("lead", WASM + b"\0", AGENT, "2.0.0"))
    before = (await measured(made)).quality
    given = await give(made, answer, score=0.0, by="ada")

    assert given.score == 0.0
    assert (await measured(made)).quality == pytest.approx(before, abs=1e-4)


async def test_an_answer_of_an_agent_that_is_no_more_cannot_be_judged(made: FakeHost) -> None:
    answer = await asked(made)
    await made.host.uninstall("lead")

    with pytest.raises(Conflict, match="not installed"):
        await give(made, answer, score=1.0)


async def test_of_one_answer_so_many_have_an_opinion(made: FakeHost) -> None:
    answer = await asked(made)
    for number in range(ASKERS_MAX):
        await give(made, answer, score=1.0, by=f"key-{number}")

    with pytest.raises(Conflict, match="already"):
        await give(made, answer, score=0.0, by="one-more")
    # Who has one may still change it.
    await give(made, answer, score=0.5, by=f"key-{ASKERS_MAX - 1}")


async def test_one_asker_alone_does_not_decide_what_an_agent_is_worth(
    made: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feedback, "OPINIONS_MAX", 3)
    answers = [await asked(made) for _ in range(12)]
    for answer in answers[:3]:
        await give(made, answer, label="bad", by="eve")
    at_most = (await measured(made)).quality
    for answer in answers[3:]:
        await give(made, answer, label="bad", by="eve")
    flooded = (await measured(made)).quality
    for answer in answers[:6]:
        # What counts no more is not taken back again, whatever takes its place.
        await give(made, answer, comment="Bad.", by="eve")
    for answer in answers[9:]:
        await give(made, answer, comment="Bad.", by="eve")
        await give(made, answer, label="bad", by="eve")
    at_last = (await measured(made)).quality
    for answer in answers[:3]:
        await give(made, answer, label="excellent", by="eve")

    assert flooded == pytest.approx(at_most, abs=1e-4)
    assert at_last == pytest.approx(at_most, abs=1e-4)
    assert (await measured(made)).quality > 0.5, "and whoever thinks otherwise now is heard"


async def test_askers_beside_one_who_judges_without_end_are_heard(
    made: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feedback, "OPINIONS_MAX", 3)
    answers = [await asked(made) for _ in range(12)]
    for answer in answers:
        await give(made, answer, label="bad", by="eve")
        await give(made, answer, label="excellent", by=f"key-{answers.index(answer)}")

    assert (await measured(made)).quality > 0.7


async def test_the_oldest_go_first(made: FakeHost) -> None:
    answers = [await asked(made) for _ in range(8)]
    for answer in answers:
        await give(made, answer, score=1.0, by="ada")
    async with made.parts.database.transaction() as connection:
        repository = FeedbackRepository(connection, "default")
        await repository.forget_beyond(5)
        left = await repository.of_asks([answer.id for answer in answers])

    assert [each.ask for each in left] == [answer.id for answer in answers[-5:]]


def test_the_documents_have_each_label_with_its_score() -> None:
    text = OPERATORS.read_text()
    table = text[text.index("| label | score |") :].split("\n\n")[0]
    told = {
        label: float(score)
        for labels, score in re.findall(r"\| (`.*?`) \| ([\d.]+) \|", table)
        for label in re.findall(r"`(\w+)`", labels)
    }

    assert told == LABELS
