"""summarize-rank: an agent that summarizes a text by its most central sentences."""

from dataclasses import dataclass

from ranking import central
from sentences import sentences
from wardian_sdk import Answer, Err, PluginAgent, answers

LONGEST_TEXT = 100_000
MOST_SENTENCES = 500
"""Each is compared with each: so many take about as long as a call may."""

MOST_WORDS = 1000


@dataclass(frozen=True)
class Text:
    """What is asked.

    Attributes:
        words: how many the summary has at most, unless its only sentence has more.
    """

    text: str
    words: int = 60


@dataclass(frozen=True)
class Summary:
    """The sentences, in the order of the text."""

    summary: str
    sentences: list[str]


class Agent(PluginAgent):
    """What ``wit/world.wit`` exports as the interface ``agent``."""

    @answers("summarize")
    def summarize(self, asked: Text) -> Answer:
        """Return the sentences that say most of the text; it reads all of it, and charges so."""
        if not 1 <= asked.words <= MOST_WORDS:
            raise Err(f"the input's words is {asked.words}, not from 1 to {MOST_WORDS}")
        if len(asked.text) > LONGEST_TEXT:
            raise Err(f"the text has {len(asked.text)} characters; at most {LONGEST_TEXT} are read")
        found = sentences(asked.text)
        if not found:
            raise Err("there is no text to summarize")
        if len(found) > MOST_SENTENCES:
            raise Err(f"the text has {len(found)} sentences; at most {MOST_SENTENCES} are compared")
        chosen = [found[index] for index in central(found, asked.words)]
        summary = Summary(" ".join(chosen), chosen)
        return Answer(summary, units=len(asked.text), cacheable=True)
