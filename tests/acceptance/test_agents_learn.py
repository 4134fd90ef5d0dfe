"""What the host learns of two summarizers, whose answers are measured on texts of everybody."""

from __future__ import annotations

import re
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

ROOT = Path(__file__).parents[2]
TEXTS = ROOT / "tests" / "agents_texts"
LEAD, RANK = "summarize-lead", "summarize-rank"
WORDS = 60
MEASURES = ("rouge1", "rouge2", "rougeL")
TOLD = "rouge1"
"""What the host is told of a summary."""

COPIED_MAX = 12
"""So many words in a row a summary has of its text at most."""

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
async def measured(host: Host) -> dict[str, dict[str, list[float]]]:
    """How good each one's summaries are; told to the host, answer by answer."""
    scorer = rouge_scorer.RougeScorer(MEASURES, use_stemmer=True)
    found: dict[str, dict[str, list[float]]] = {
        name: {measure: [] for measure in MEASURES} for name in (LEAD, RANK)
    }
    for text in texts():
        for name in found:
            answer = await summarized(host, text["text"], agents=[name])
            scored = scorer.score(text["summary"], answer.output["summary"])
            for measure in MEASURES:
                found[name][measure].append(scored[measure].fmeasure)
            await host.agents.feedback.give(
                "default", answer.id, score=scored[TOLD].fmeasure, label="", by="reader"
            )
    return found


@pytest.fixture(scope="module")
def scores(measured: dict[str, dict[str, list[float]]]) -> dict[str, list[float]]:
    """What the host was told of each."""
    return {name: found[TOLD] for name, found in measured.items()}


def texts() -> list[dict[str, Any]]:
    files = sorted(TEXTS.glob("*.toml"))
    return [text for file in files for text in tomllib.loads(file.read_text("utf-8"))["texts"]]


def words(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower())


async def summarized(host: Host, text: str, **criteria: Any) -> Any:
    return await host.agents.ask("summarize", {"text": text, "words": WORDS}, criteria=criteria)


async def quality(host: Host, name: str) -> float:
    measured = (await host.agents.registry.get("default", name)).measured
    return next(each.quality for each in measured if each.capability == "summarize")


def test_texts_are_in_the_public_domain_and_longer_than_their_summaries() -> None:
    assert len(texts()) >= 10
    assert len(list(TEXTS.glob("*.toml"))) >= 3
    for text in texts():
        # Whoever wrote it died more than a hundred years ago; see the README beside the texts.
        assert text["year"] < 1900
        assert text["author"]
        assert text["source"]
        assert WORDS / 2 < len(text["summary"].split()) < len(text["text"].split()) / 2


def test_summaries_are_not_sentences_of_the_texts() -> None:
    # Or the measure would be of copying.
    for text in texts():
        there, summary = f" {' '.join(words(text['text']))} ", words(text["summary"])
        runs = (
            summary[start : start + COPIED_MAX + 1] for start in range(len(summary) - COPIED_MAX)
        )
        assert not [run for run in runs if f" {' '.join(run)} " in there]


def test_readme_names_each_text() -> None:
    readme = (TEXTS / "README.md").read_text("utf-8")
    for text in texts():
        assert f"| {text['title']} | {text['author']}, {text['year']} |" in readme


async def test_what_the_docs_say_was_measured_is_measured(
    measured: dict[str, dict[str, list[float]]],
) -> None:
    readme = (ROOT / "sample-plugins" / RANK / "README.md").read_text("utf-8")
    for name, found in measured.items():
        means = " | ".join(f"{mean(found[measure]):.2f}" for measure in MEASURES)
        assert f"| `{name}` | {means} |" in readme
    lengths = [len(text["text"].split()) for text in texts()]
    assert f"[{len(texts())} speeches, essays and reports]" in readme
    assert f"of {min(lengths)} to {max(lengths)} words" in readme


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
