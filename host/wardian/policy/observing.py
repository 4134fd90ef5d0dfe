"""Which topic a method of an observer means by its name."""

from __future__ import annotations

import re

_NAME = re.compile(r"on_([a-z0-9]+)_([a-z0-9]+)")


def is_observing(name: str) -> bool:
    """Tell whether a method of this name observes something by its name."""
    return name.startswith("on_")


def topic_of(name: str) -> str:
    """Return the topic that ``on_NOUN_VERB`` means: ``NOUN.VERB``.

    Raises:
        ValueError: it has not exactly these two words, and could mean several topics.
    """
    found = _NAME.fullmatch(name)
    if found is None:
        raise ValueError(
            f"{name} does not mean one topic: on_NOUN_VERB observes NOUN.VERB. Say which topic it "
            "is with @observes('…')."
        )
    return f"{found[1]}.{found[2]}"
