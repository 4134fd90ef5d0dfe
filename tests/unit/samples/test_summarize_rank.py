"""`summarize-rank`: which sentences it takes, and which it does not take for sentences."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

STORY = (
    "Ferns need shade and water to grow well. My aunt came on Tuesday. "
    "Without shade the leaves of ferns turn brown, and without water ferns do not grow. "
    "She had a red hat. Ferns need shade and they need water to grow well. Then it rained."
)


@pytest.fixture
def summarize(sample: Callable[[str], ModuleType]) -> Callable[..., Any]:
    plugin = sample("summarize-rank")

    def summarized(text: str, words: int = 60) -> Any:
        return plugin.Agent().summarize(plugin.Text(text, words))

    return summarized


def test_the_sentences_that_the_others_resemble_are_taken_in_their_order(
    summarize: Callable[..., Any],
) -> None:
    answer = summarize(STORY, 25)

    assert [each.split()[0] for each in answer.output.sentences] == ["Ferns", "Without"]
    assert answer.output.summary == " ".join(answer.output.sentences)
    assert (answer.units, answer.cacheable) == (len(STORY), True)


def test_what_was_said_already_is_not_said_again(summarize: Callable[..., Any]) -> None:
    chosen = summarize(STORY, 34).output.sentences

    assert sum("need shade" in each for each in chosen) == 1


@pytest.mark.parametrize("words", [1, 8, 20, 40, 1000])
def test_a_summary_is_no_longer_than_wanted_but_for_one_sentence(
    summarize: Callable[..., Any], words: int
) -> None:
    output = summarize(STORY, words).output

    assert len(output.summary.split()) <= words or len(output.sentences) == 1


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("Mr. Smith met Dr. J. R. Jones at 3.15 p.m. today. They spoke.", 2),
        ('"Is it true?" she asked. "Yes!" he said.', 2),
        ("A heading\n\nAnd what is below it. The end", 3),
        ("雨が降る。風が吹く！", 2),
        ("Version 2.0.1 is out at example.org.", 1),
        ("...", 1),
    ],
)
def test_where_sentences_end(sample: Callable[[str], ModuleType], text: str, count: int) -> None:
    found = sample("summarize-rank").sentences(text)

    assert len(found) == count, found


@pytest.mark.parametrize("text", ["one. " * 400, "ab ", "a b. c d. e f.", "!" * 1000, "x" * 90_000])
def test_odd_texts_have_summaries_too(summarize: Callable[..., Any], text: str) -> None:
    assert summarize(text).output.summary


@pytest.mark.parametrize(
    ("text", "words", "told"),
    [
        ("", 60, "no text"),
        ("  \n ", 60, "no text"),
        ("A text.", 0, "from 1 to 1000"),
        ("A text.", 1001, "from 1 to 1000"),
        ("a" * 100_001, 60, "at most 100000"),
        ("So it is. " * 501, 60, "at most 500"),
    ],
)
def test_what_it_does_not_summarize_is_told(
    sample: Callable[[str], ModuleType], text: str, words: int, told: str
) -> None:
    plugin = sample("summarize-rank")

    with pytest.raises(plugin.Err, match=told):
        plugin.Agent().summarize(plugin.Text(text, words))
