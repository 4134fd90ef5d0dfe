"""What the host does around functions."""

from __future__ import annotations

from typing import Any

import msgspec


class AskedEnhancement(msgspec.Struct, frozen=True, kw_only=True):
    """What a manifest has the host do around a function: sentences, the outermost first."""

    function: str
    does: list[str]


class EnhancementChange(msgspec.Struct, frozen=True, kw_only=True):
    """What another version of a plugin has the host do otherwise around a function."""

    function: str
    before: list[str]
    after: list[str]


class EnhancementLayer(msgspec.Struct, frozen=True, kw_only=True):
    """One layer around a function.

    Attributes:
        kind: ``monitor``, ``rate_limit``, ``cache``, ``retry`` or ``timeout``.
        does: a sentence.
        setting: what the manifest says.
    """

    kind: str
    does: str
    setting: dict[str, Any]


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """How the calls of a function went since its host began to watch it.

    Attributes:
        outcomes: how many ended how: ``ok``, or an error's type.
        cached: how many had an answer that was kept.
        attempts: that were made for all of them.
        p50_seconds, p95_seconds, p99_seconds: of the last calls; None before the first one.
    """

    calls: int
    outcomes: dict[str, int]
    cached: int
    attempts: int
    slow: int
    p50_seconds: float | None
    p95_seconds: float | None
    p99_seconds: float | None


class EnhancedFunction(msgspec.Struct, frozen=True, kw_only=True):
    """What is around one function.

    Attributes:
        layers: the outermost first.
        figures: of a function that is watched: how its calls went on this host.
    """

    function: str
    layers: list[EnhancementLayer]
    figures: Figures | None


class KeptAnswers(msgspec.Struct, frozen=True, kw_only=True):
    """The plugin's answers that its host keeps."""

    answers: int
    bytes: int
    hits: int
    misses: int


class Enhancements(msgspec.Struct, frozen=True, kw_only=True):
    """What the host does around a plugin's functions.

    Attributes:
        order: of all kinds, the outermost first.
        cache_is_on: whether this host keeps answers at all.
    """

    plugin: str
    version: str
    order: list[str]
    functions: list[EnhancedFunction]
    cache: KeptAnswers
    cache_is_on: bool


class EmptiedCache(msgspec.Struct, frozen=True, kw_only=True):
    """How many answers were removed."""

    removed: int
