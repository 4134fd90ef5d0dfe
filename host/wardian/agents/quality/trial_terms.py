"""Which trials there can be: of what share, how sure, and of which versions."""

from __future__ import annotations

import math

from wardian.agents.registry.declared import is_agent
from wardian.errors import InvalidArguments
from wardian.plugins import Installed
from wardian.plugins.offers import offered

CONFIDENCE_MIN, CONFIDENCE_MAX = 0.5, 0.9999


def check_terms(share: float, confidence: float) -> None:
    """Check the share of questions that go to the other version, and how sure one wants to be.

    Raises:
        InvalidArguments: one of them cannot be; with its path.
    """
    if not (math.isfinite(share) and 0.0 < share < 1.0):
        raise InvalidArguments(
            "The share of questions that go to the other version is above 0 and below 1.",
            path="share",
        )
    if not (math.isfinite(confidence) and CONFIDENCE_MIN <= confidence <= CONFIDENCE_MAX):
        raise InvalidArguments(
            f"The confidence is from {CONFIDENCE_MIN:g} to {CONFIDENCE_MAX:g}.", path="confidence"
        )


def _offers(plugin: Installed) -> set[str]:
    return {name for name, _ in offered(plugin.manifest.capabilities)}


def check_answers(present: Installed, other: Installed) -> None:
    """Check that another version can answer in the place of the one that runs.

    Raises:
        InvalidArguments: it is the same one, or answers nothing of what that does.
    """
    if present.package_digest == other.package_digest:
        raise InvalidArguments(
            f"{other.version} is what {present.name} runs already.", path="version"
        )
    if not is_agent(other) or not _offers(present) & _offers(other):
        raise InvalidArguments(
            f"{present.name} {other.version} answers nothing of what {present.version} does.",
            path="version",
        )
