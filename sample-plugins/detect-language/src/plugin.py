"""detect-language: an agent that tells in which of 39 languages a text is written."""

from dataclasses import dataclass

from names import NAMES
from profiles import likelihoods
from scripts import script_of
from wardian_sdk import Answer, Err, PluginAgent, answers

READ_CHARS = 1000
"""Of a text, the beginning; it is written in the same language all along."""

LONGEST_TEXT = 1_000_000
SHOWN = 3

ALONE = 0.99
"""How sure it is of a language because nothing else known is written in such letters."""


@dataclass(frozen=True)
class Text:
    """What is asked."""

    text: str


@dataclass(frozen=True)
class Language:
    """A language, by its code in ISO 639-1, and how likely it is the text's."""

    language: str
    name: str
    probability: float


@dataclass(frozen=True)
class Detected(Language):
    """The most likely language.

    Attributes:
        candidates: the most likely ones, this one first.
    """

    candidates: list[Language]


class Agent(PluginAgent):
    """What ``wit/world.wit`` exports as the interface ``agent``."""

    @answers("detect-language")
    def detect(self, asked: Text) -> Answer:
        """Return the language of a text."""
        if len(asked.text) > LONGEST_TEXT:
            raise Err(
                f"the text has {len(asked.text)} characters; at most {LONGEST_TEXT} are taken"
            )
        read = asked.text[:READ_CHARS]
        script, letters = script_of(read)
        if not letters:
            raise Err("there are no letters in the text to tell a language by")
        if script is None:
            raise Err("the text is in letters of no language that this agent knows")
        found = [
            Language(code, NAMES[code], round(likelihood, 4))
            for code, likelihood in _likelihoods(read, script.languages).items()
        ]
        best, shown = found[0], found[:SHOWN]
        answer = Detected(best.language, best.name, best.probability, shown)
        return Answer(answer, units=len(read), confidence=best.probability, cacheable=True)


def _likelihoods(text: str, languages: tuple[str, ...]) -> dict[str, float]:
    return dict.fromkeys(languages, ALONE) if len(languages) == 1 else likelihoods(text, languages)
