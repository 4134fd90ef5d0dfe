"""Paths with parameters: ``/orders/{id}/items``.

A parameter is a whole segment and takes any text but a slash. Where several paths fit, that counts
which has text where the others have a parameter, from the left.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

_PARAMETER = re.compile(r"\{([a-z][a-z0-9]*(?:-[a-z0-9]+)*)\}")
_TEXT = re.compile(r"[A-Za-z0-9._~-]+")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PathTemplate:
    """A path, in segments; None for a parameter, whose names are in ``names``."""

    segments: tuple[str | None, ...]
    names: tuple[str, ...]

    def match(self, segments: tuple[str, ...]) -> Mapping[str, str] | None:
        """Return the parameters by name, if the path fits."""
        if len(segments) != len(self.segments):
            return None
        values = []
        for ours, theirs in zip(self.segments, segments, strict=True):
            if ours is None and theirs:
                values.append(theirs)
            elif ours != theirs:
                return None
        return dict(zip(self.names, values, strict=True))


def parse_path(text: str) -> PathTemplate:
    """Parse a path of a manifest.

    Raises:
        ValueError: it is none; says why.
    """
    segments: list[str | None] = []
    names: list[str] = []
    for segment in segments_of(text):
        parameter = _PARAMETER.fullmatch(segment)
        if parameter is not None:
            segments.append(None)
            names.append(parameter[1])
        elif segment in (".", "..") or not _TEXT.fullmatch(segment):
            raise ValueError(
                f"has the segment {segment!r}; one is text, or a parameter such as '{{order-id}}'"
            )
        else:
            segments.append(segment)
    if len(set(names)) != len(names):
        raise ValueError("has a parameter twice")
    return PathTemplate(tuple(segments), tuple(names))


def segments_of(path: str) -> tuple[str, ...]:
    """Return the segments of a path; none of ``/``."""
    inner = path.removeprefix("/")
    return tuple(inner.split("/")) if inner else ()


def best_match(
    path: str, choices: Iterable[tuple[PathTemplate, T]]
) -> tuple[T, Mapping[str, str]] | None:
    """Return what fits a path best, and the parameters."""
    segments = segments_of(path)
    found = [
        (tuple(each is None for each in template.segments), choice, values)
        for template, choice in choices
        if (values := template.match(segments)) is not None
    ]
    if not found:
        return None
    _, choice, values = min(found, key=lambda each: each[0])
    return choice, values
