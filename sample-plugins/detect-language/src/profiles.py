"""How likely a text is in each language, by which letter follows upon the letters before it.

A language's profile is how often each letter came after each run of up to four letters in its
text, the ends of words counting as letters. What a profile says of a letter is mixed from what it
says after the longest run and after shorter ones, the longer having the more weight the oftener
they were seen: Witten and Bell, "The zero-frequency problem", 1991; of texts in a language that is
how well PPM would compress them (Teahan and Harper, "Using compression-based language models for
text categorization", 2001).

A word counts for what its letters say on average, so that a long one says no more than a short one:
what is chance in a profile of few words is so in every letter of a word. And the likelihoods are
taken to a power (`EVIDENCE`) that was chosen on texts that no profile was made of, so that of
answers that are given with 80 % four in five hold.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from math import exp, log

from scripts import TEXTS

LONGEST_RUN = 4
LETTERS = 200
"""Among how many letters one is, of which nothing is known."""

EVIDENCE = 2.7
"""How many letters a word is worth."""

_WORD = re.compile(r"[^\W\d_]+(?:['’\u200c-][^\W\d_]+)*")


def likelihoods(text: str, languages: Sequence[str]) -> dict[str, float]:
    """Return how likely a text is in each of some languages, the most likely first; in all 1."""
    counted = Counter(_WORD.findall(text.lower()))
    scores = {each: _score(_PROFILES[each], counted) for each in languages}
    best = max(scores.values())
    weights = {each: exp((score - best) * EVIDENCE) for each, score in scores.items()}
    whole = sum(weights.values())
    ordered = sorted(weights.items(), key=lambda item: (-item[1], item[0]))
    return {each: weight / whole for each, weight in ordered}


Profile = dict[str, tuple[dict[str, int], int]]
"""What came after each run of letters how often, and how often the run came."""


def _score(profile: Profile, counted: Counter[str]) -> float:
    """Return the logarithm of how likely words are, by their mean letter."""
    return sum(
        count * _mean(log(_likelihood(profile, run, letter)) for run, letter in _steps(word))
        for word, count in counted.items()
    )


def _mean(values: Iterator[float]) -> float:
    """Return the mean of some values; there is at least one."""
    whole, count = 0.0, 0
    for value in values:
        whole, count = whole + value, count + 1
    return whole / count


def _steps(word: str) -> Iterator[tuple[str, str]]:
    """Go through the letters of a word and its end, each with the letters before it."""
    padded = f" {word} "
    for at in range(1, len(padded)):
        yield padded[max(0, at - LONGEST_RUN) : at], padded[at]


def _likelihood(profile: Profile, run: str, letter: str) -> float:
    likelihood = 1 / LETTERS
    for start in range(len(run), -1, -1):
        known = profile.get(run[start:])
        if known is None:
            break
        following, seen = known
        kinds = len(following)
        likelihood = (following.get(letter, 0) + kinds * likelihood) / (seen + kinds)
    return likelihood


def _profile(text: str) -> Profile:
    counted: dict[str, Counter[str]] = {}
    for word in _WORD.findall(text.lower()):
        for run, letter in _steps(word):
            for start in range(len(run) + 1):
                counted.setdefault(run[start:], Counter())[letter] += 1
    return {run: (dict(following), following.total()) for run, following in counted.items()}


# Made while the component is built: what is imported then is part of it.
_PROFILES = {language: _profile(text) for language, text in TEXTS.items()}
