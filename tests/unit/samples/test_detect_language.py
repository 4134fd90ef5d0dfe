"""`detect-language`: how often it is right, and whether it knows how often."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from math import log
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

SENTENCES: dict[str, list[str]] = json.loads(
    (Path(__file__).parents[2] / "agents_texts/languages.json").read_text(encoding="utf-8")
)["sentences"]

CHOSEN_WITH = 3
"""So many sentences of each language the plugin's constants were chosen with."""

FEWEST_RIGHT = 0.96
FEWEST_RIGHT_UNSEEN = 0.97
CALIBRATED = 0.08
"""How far what it says of its confidence may be from how often it is right, on average."""

BINS = 5


@pytest.fixture
def detected(sample: Callable[[str], ModuleType]) -> Callable[[str], Any]:
    """Have the plugin tell the language of a text."""
    plugin = sample("detect-language")

    def detect(text: str) -> Any:
        return plugin.Agent().detect(plugin.Text(text))

    return detect


def right(detected: Callable[[str], Any], sentences: Iterator[tuple[str, str]]) -> float:
    found = [detected(text).output.language == language for language, text in sentences]
    return sum(found) / len(found)


def unseen() -> Iterator[tuple[str, str]]:
    return ((code, text) for code, texts in SENTENCES.items() for text in texts[CHOSEN_WITH:])


def snippets() -> Iterator[tuple[str, str]]:
    """Beginnings of unseen sentences, from a single word to the whole."""
    for code, text in unseen():
        words = text.split()
        for count in (1, 2, 3, 5, len(words)):
            yield code, " ".join(words[:count])


def test_every_language_that_it_knows_is_tried(sample: Callable[[str], ModuleType]) -> None:
    plugin = sample("detect-language")

    assert sorted(SENTENCES) == sorted(plugin.NAMES)
    assert len(SENTENCES) >= 20


def test_languages_of_sentences_are_told(detected: Callable[[str], Any]) -> None:
    whole = ((code, text) for code, texts in SENTENCES.items() for text in texts)

    assert right(detected, whole) >= FEWEST_RIGHT
    assert right(detected, unseen()) >= FEWEST_RIGHT_UNSEEN


def test_confidence_is_how_often_it_is_right(detected: Callable[[str], Any]) -> None:
    bins: list[list[tuple[float, bool]]] = [[] for _ in range(BINS)]
    for language, text in snippets():
        answer = detected(text)
        # Of letters that only one language is written in there is nothing to be unsure of.
        if len(answer.output.candidates) > 1:
            correct = answer.output.language == language
            at = min(int(answer.confidence * BINS), BINS - 1)
            bins[at].append((answer.confidence, correct))

    count = sum(len(each) for each in bins)
    apart = sum(abs(sum(said - correct for said, correct in each)) for each in bins) / count
    assert apart <= CALIBRATED
    assert count > 400


def test_probabilities_of_all_languages_are_one_together(
    sample: Callable[[str], ModuleType],
) -> None:
    plugin = sample("detect-language")

    likely = plugin.likelihoods("La plante a besoin d'eau", ("en", "fr", "es"))

    assert sum(likely.values()) == pytest.approx(1)
    assert list(likely) == ["fr", "es", "en"]
    assert -log(likely["fr"]) < -log(likely["es"])


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("THE GARDENER LOOKS AT EVERY PLANT", "en"),
        ("東京タワーへ行きました", "ja"),
        ("北京的植物园很大", "zh"),
        ("Ein Text mit dem Wort «Москва» darin", "de"),
        ("Ｗｏｒｄｓ and 1,234 numbers: the rest is in English", "en"),
    ],
)
def test_most_letters_decide(detected: Callable[[str], Any], text: str, language: str) -> None:
    assert detected(text).output.language == language


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no letters"),
        ("12:30 – 14:00 !?", "no letters"),
        ("ቋንቋ", "letters of no language"),
        ("a" * 1_000_001, "at most 1000000"),
    ],
)
def test_what_has_no_language_is_refused(
    sample: Callable[[str], ModuleType], text: str, told: str
) -> None:
    plugin = sample("detect-language")

    with pytest.raises(plugin.Err, match=told):
        plugin.Agent().detect(plugin.Text(text))


def test_a_long_text_costs_no_more_than_its_beginning(detected: Callable[[str], Any]) -> None:
    answer = detected("The gardener looks at every plant. " * 20_000)

    assert (answer.output.language, answer.units) == ("en", 1000)
