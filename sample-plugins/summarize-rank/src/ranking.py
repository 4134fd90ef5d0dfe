"""Which sentences a text turns around: LexRank, with what was said already counting less.

Sentences are the nodes of a graph, joined as strongly as they have words in common (cosine of
TF-IDF, the idf of this very text), and a sentence is central if it is joined to central ones: Erkan
and Radev, "LexRank", Journal of Artificial Intelligence Research 22, 2004. Taking the most central
ones alone would say the same thing several times, so each is chosen for how central it is and how
little those chosen before resemble it: maximal marginal relevance, Carbonell and Goldstein 1998.
"""

import re
from collections import Counter, defaultdict
from math import log, sqrt

DAMPING = 0.85
ROUNDS = 30
REDUNDANCY = 0.5
"""How much of a sentence's rank is lost that another, chosen before, says all of."""

SAME = 0.7
"""Sentences that resemble one another as much say the same: there is never room for both."""

SHORTEST = 4
"""Sentences with fewer words that count say little on their own."""

_WORD = re.compile(r"\w[\w'’]*")
_STEM = 5
"""Words that begin with so many letters alike are taken for one: `nation` and `national`."""


def central(sentences: list[str], words: int) -> list[int]:
    """Return the indexes of the sentences that make the summary, in the order of the text."""
    vectors = _vectors([_stems(each) for each in sentences])
    joined = _joined(vectors)
    ranks = _ranks(joined)
    lengths = [len(each.split()) for each in sentences]
    for index, vector in enumerate(vectors):
        if len(vector) < SHORTEST:
            ranks[index] *= len(vector) / SHORTEST
    return sorted(_chosen(ranks, joined, lengths, words))


def _stems(sentence: str) -> list[str]:
    return [word[:_STEM] for word in _WORD.findall(sentence.lower())]


def _vectors(texts: list[list[str]]) -> list[dict[str, float]]:
    """Return the TF-IDF of each sentence, of length 1; a word that all have counts nothing."""
    appears = Counter(word for text in texts for word in set(text))
    vectors = []
    for text in texts:
        weighed = {
            word: (1 + log(count)) * log(len(texts) / appears[word])
            for word, count in Counter(text).items()
            if appears[word] < len(texts)
        }
        length = sqrt(sum(weight * weight for weight in weighed.values())) or 1.0
        vectors.append({word: weight / length for word, weight in weighed.items()})
    return vectors


def _joined(vectors: list[dict[str, float]]) -> list[dict[int, float]]:
    """Return to each sentence the others that have something in common with it, and how much."""
    having: dict[str, list[tuple[int, float]]] = defaultdict(list)
    joined: list[dict[int, float]] = [{} for _ in vectors]
    for index, vector in enumerate(vectors):
        likeness: dict[int, float] = defaultdict(float)
        for word, weight in vector.items():
            for other, others in having[word]:
                likeness[other] += weight * others
            having[word].append((index, weight))
        for other, value in likeness.items():
            joined[index][other] = joined[other][index] = value
    return joined


def _ranks(joined: list[dict[int, float]]) -> list[float]:
    """Return how central each is: where a walk along the joins is, in the long run."""
    count = len(joined)
    sums = [sum(edges.values()) for edges in joined]
    ranks = [1.0] * count
    for _ in range(ROUNDS):
        ranks = [
            1 - DAMPING + DAMPING * sum(
                ranks[other] * value / sums[other] for other, value in edges.items()
            )
            for edges in joined
        ]  # fmt: skip
    return ranks


def _chosen(
    ranks: list[float], joined: list[dict[int, float]], lengths: list[int], words: int
) -> list[int]:
    """Choose one after the other, the best for now, as long as one fits."""
    # The best one even if it is too long, where there is no shorter: better than nothing.
    short = [index for index, length in enumerate(lengths) if length <= words]
    open_ = set(short or [max(range(len(ranks)), key=lambda index: (ranks[index], -index))])
    chosen: list[int] = []
    said = [0.0] * len(ranks)
    left = words
    while open_:
        best = max(open_, key=lambda index: (ranks[index] * (1 - REDUNDANCY * said[index]), -index))
        chosen.append(best)
        left -= lengths[best]
        for index, likeness in joined[best].items():
            said[index] = max(said[index], likeness)
        open_.remove(best)
        open_ = {each for each in open_ if lengths[each] <= left and said[each] < SAME}
    return chosen
