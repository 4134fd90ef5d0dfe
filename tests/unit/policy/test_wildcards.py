"""What `*` means, compared with the slowest matcher there is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wardian.policy.wildcards import matches, meet

TEXTS = st.text("ab.", max_size=8)
PATTERNS = st.text("ab.*", max_size=6)


def slowly(pattern: str, text: str) -> bool:
    """Match by trying everything that a `*` could stand for."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(slowly(pattern[1:], text[cut:]) for cut in range(len(text) + 1))
    return text[:1] == pattern[0] and slowly(pattern[1:], text[1:])


@given(PATTERNS, TEXTS)
def test_a_star_is_any_run_of_characters(pattern: str, text: str) -> None:
    assert matches(pattern, text) is slowly(pattern, text)


@given(PATTERNS, PATTERNS, TEXTS)
def test_patterns_that_a_text_fits_both_meet(ours: str, theirs: str, text: str) -> None:
    if matches(ours, text) and matches(theirs, text):
        assert meet(ours, theirs)
        assert meet(theirs, ours)
