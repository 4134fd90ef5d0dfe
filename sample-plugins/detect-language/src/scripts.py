"""In which letters a text is written, and which languages are."""

from collections import Counter
from dataclasses import dataclass

import everyday
import latin
import others


@dataclass(frozen=True)
class Script:
    """Letters, by their ranges in Unicode, and the languages that are known in them."""

    ranges: tuple[tuple[int, int], ...]
    languages: tuple[str, ...]

    def has(self, letter: str) -> bool:
        """Tell whether a letter is one of them."""
        return any(first <= ord(letter) <= last for first, last in self.ranges)


KANA = Script(((0x3040, 0x30FF), (0x31F0, 0x31FF)), ("ja",))
HAN = Script(((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF)), ("zh",))

SCRIPTS = (
    Script(((0x41, 0x24F), (0x1E00, 0x1EFF)), tuple(latin.TEXTS)),
    Script(((0x400, 0x52F),), ("ru", "uk", "bg", "sr")),
    Script(((0x600, 0x6FF), (0x750, 0x77F), (0xFB50, 0xFDFF), (0xFE70, 0xFEFF)), ("ar", "fa")),
    Script(((0x370, 0x3FF), (0x1F00, 0x1FFF)), ("el",)),
    Script(((0x590, 0x5FF),), ("he",)),
    Script(((0xE00, 0xE7F),), ("th",)),
    Script(((0xAC00, 0xD7AF), (0x1100, 0x11FF), (0x3130, 0x318F)), ("ko",)),
    Script(((0x900, 0x97F),), ("hi",)),
    Script(((0x980, 0x9FF),), ("bn",)),
    Script(((0xB80, 0xBFF),), ("ta",)),
    Script(((0x530, 0x58F),), ("hy",)),
    Script(((0x10A0, 0x10FF), (0x1C90, 0x1CBF)), ("ka",)),
    KANA,
    HAN,
)

TEXTS = {
    language: text + everyday.TEXTS.get(language, "")
    for language, text in {**latin.TEXTS, **others.TEXTS}.items()
}

JAPANESE_KANA = 0.05
"""Of its letters a Japanese text has more than that in kana, and a Chinese one none."""


def script_of(text: str) -> tuple[Script | None, int]:
    """Return the script that most letters are of, and how many; None if it is not known."""
    counts: Counter[Script | None] = Counter()
    for letter, count in Counter(filter(str.isalpha, text)).items():
        counts[next((script for script in SCRIPTS if script.has(letter)), None)] += count
    if counts[KANA] > JAPANESE_KANA * (counts[KANA] + counts[HAN]):
        # It writes both, and most of what it says in Chinese characters.
        counts[KANA] += counts.pop(HAN, 0)
    return counts.most_common(1)[0] if counts else (None, 0)
