"""Which labels a text gets."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

READ_CHARS = 20_000
"""Of a text, the beginning; what matters is said there."""


@dataclass(frozen=True)
class Rule:
    """A label, and the words that earn it."""

    label: str
    keywords: list[str]

    def fits(self, text: str) -> bool:
        """Tell whether ``text``, in lower case, has one of the keywords as whole words."""
        words = "|".join(re.escape(keyword.lower()) for keyword in self.keywords)
        return re.search(rf"(?<!\w)(?:{words})(?!\w)", text) is not None


def labels_for(rules: Sequence[Rule], title: str, body: str) -> list[str]:
    """Return the label of each rule that fits, in the rules' order."""
    text = f"{title}\n{body}"[:READ_CHARS].lower()
    return [rule.label for rule in rules if rule.fits(text)]
