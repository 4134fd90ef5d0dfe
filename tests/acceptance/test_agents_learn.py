"""What the host learns of two summarizers, whose answers are measured on texts of everybody."""

from __future__ import annotations

import tomllib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from statistics import mean
from typing import Any

import pytest
from rouge_score import rouge_scorer

from wardian import Host, Settings, open_host
from wardian.bootstrap import COMPILED

pytestmark = [pytest.mark.toolchain, pytest.mark.anyio]

TEXTS = Path(__file__).parents[1] / "agents_texts"
LEAD, RANK = "summarize-lead", "summarize-rank"
WORDS = 60
MEASURE = "rouge1"

BETTER_BY = 0.05
"""How much better the dearer one has to be, on average, to be worth its name."""


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def host(
    built_samples: dict[str, Path],
    with_code: Callable[..., None],
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Host]:
    for name in (LEAD, RANK):
        if name not in built_samples:
            pytest.skip(f"the toolchain of {name} is not installed")
    data = tmp_path_factory.mktemp("host") / "state"
    with_code(data / COMPILED, LEAD, RANK)
    async with open_host(Settings(data_dir=data)) as running:
        for name in (LEAD, RANK):
            await running.install(built_samples[name])
        yield running


@pytest.fixture(scope="module")
async def scores(host: Host) -> dict[str, list[float]]:
    """How good each one's summaries are; told to the host, answer by answer."""
    scorer = rouge_scorer.RougeScorer([MEASURE], use_stemmer=True)
    found: dict[str, list[float]] = {LEAD: [], RANK: []}
    for text in texts():
        for name, scored in found.items():
            answer = await summarized(host, text["text"], agents=[name])
            measured = scorer.score(text["summary"], answer.output["summary"])[MEASURE]
            scored.append(measured.fmeasure)
            await host.agents.feedback.give(
                "default", answer.id, score=measured.fmeasure, label="", by="reader"
            )
    return found


def texts() -> list[dict[str, Any]]:
    files = sorted(TEXTS.glob("*.toml"))
    return [text for file in files for text in tomllib.loads(file.read_text("utf-8"))["texts"]]


async def summarized(host: Host, text: str, **criteria: Any) -> Any:
    return await host.agents.ask("summarize", {"text": text, "words": WORDS}, criteria=criteria)


async def quality(host: Host, name: str) -> float:
    measured = (await host.agents.registry.get("default", name)).measured
    return next(each.quality for each in measured if each.capability == "summarize")


def test_texts_are_in_the_public_domain_and_longer_than_their_summaries() -> None:
    assert len(texts()) >= 10
    for text in texts():
        assert text["year"] < 1929
        assert text["author"]
        assert text["source"]
        # By other words than the text's own sentences, too, or the measure would be of copying.
        assert WORDS / 2 < len(text["summary"].split()) < len(text["text"].split()) / 2


async def test_the_dearer_summarizer_is_the_better_one(scores: dict[str, list[float]]) -> None:
    assert mean(scores[RANK]) > mean(scores[LEAD]) + BETTER_BY


async def test_what_was_measured_is_what_the_host_knows_of_them(
    host: Host, scores: dict[str, list[float]]
) -> None:
    known = {name: await quality(host, name) for name in scores}

    assert known[RANK] > known[LEAD]
    # Quality begins at a half and goes towards the mean of what was told.
    for name, scored in scores.items():
        assert abs(known[name] - mean(scored)) < abs(0.5 - mean(scored)) + 0.1


async def test_the_host_has_learnt_to_ask_the_better_one(
    host: Host, scores: dict[str, list[float]]
) -> None:
    text = texts()[0]["text"] + " And so it is."

    best = await summarized(host, text, strategy="best-quality")
    cheapest = await summarized(host, text, strategy="cheapest", fresh=True)

    assert (best.agent, best.strategy) == (RANK, "best-quality")
    assert (cheapest.agent, cheapest.strategy) == (LEAD, "cheapest")
    explained = await host.agents.explain("summarize", None, criteria={"strategy": "best-quality"})
    assert explained.chosen == RANK
    assert scores
