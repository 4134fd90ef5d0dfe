"""What a stranger's JSON Schema may cost: nodes, depth and patterns, with references written out.

A few references can stand for a tree of millions of nodes or a deep one, and a short pattern for
megabytes of automaton. Whatever is refused is refused with its path, before anything compiles it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, NoReturn

from wardian.errors import InvalidManifest
from wardian.storage.documents import path_of

MAX_EXPANDED_NODES = 5_000
MAX_EXPANDED_DEPTH = 128
MAX_PATTERNS = 32
MAX_PATTERN_CHARS = 256
MAX_PATTERNS_CHARS = 4_096
"""Of all of a schema's patterns together."""
MAX_REPETITIONS = 1_000
"""How often a pattern may repeat one of its parts, groups within groups multiplied."""
BYTES_PER_NODE = 1024
MAX_PATH_CHARS = 500
DIALECT = "https://json-schema.org/draft/2020-12/schema"

_REFERENCES_DEEP = 32
_REFUSED = ("$dynamicRef", "$recursiveRef", "$id", "$anchor", "$dynamicAnchor", "$vocabulary")

_COUNTED = re.compile(r"\{\s*(\d*)\s*(?:,\s*(\d*)\s*)?\}")
# A count after one of these is of one character; after anything else, take it to be of a group.
_OF_ONE = re.compile(r"[A-Za-z0-9_\]./-]")

_Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Extent:
    """How much a schema is, with every reference written out."""

    nodes: int
    height: int


def measured(schema: Mapping[str, Any]) -> Extent:
    """Return how much a schema is.

    Raises:
        InvalidManifest: too much, too deep, it refers to itself or to something outside of it, or
            it has a keyword that this host does not follow; with the path.
    """
    extent = _Expansion(schema).extent(schema, (), 0)
    if extent.nodes > MAX_EXPANDED_NODES:
        _refuse(f"written out it has more than {MAX_EXPANDED_NODES} nodes")
    return extent


class _Expansion:
    """Measures a schema, each of its references once."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._schema = schema
        self._known: dict[str, Extent] = {}
        self._open: list[str] = []

    def extent(self, node: Any, path: _Path, depth: int) -> Extent:
        """Measure ``node``, which is ``depth`` levels down, and what it refers to."""
        if depth > MAX_EXPANDED_DEPTH:
            _refuse(f"written out it is nested deeper than {MAX_EXPANDED_DEPTH} levels", path)
        found = [self.extent(inner, (*path, step), depth + 1) for step, inner in _inside(node)]
        if isinstance(node, Mapping):
            _check_keywords(node, path)
            reference = node.get("$ref")
            if isinstance(reference, str):
                found.append(self._referred(reference, (*path, "$ref"), depth + 1))
        # A long text, which errors about it repeat, counts as so many more.
        own = 1 + (len(node) // BYTES_PER_NODE if isinstance(node, str) else 0)
        return Extent(
            nodes=own + sum(each.nodes for each in found),
            height=max((1 + each.height for each in found), default=0),
        )

    def _referred(self, reference: str, path: _Path, depth: int) -> Extent:
        if reference in self._open:
            _refuse(f"{reference[:200]!r} refers to itself", path)
        if len(self._open) >= _REFERENCES_DEEP:
            _refuse(f"its references are nested deeper than {_REFERENCES_DEEP}", path)
        if reference not in self._known:
            self._open.append(reference)
            self._known[reference] = self.extent(self._target(reference, path), path, depth)
            self._open.pop()
        known = self._known[reference]
        if depth + known.height > MAX_EXPANDED_DEPTH:
            _refuse(f"written out it is nested deeper than {MAX_EXPANDED_DEPTH} levels", path)
        return known

    def _target(self, reference: str, path: _Path) -> Any:
        # A percent sign stands for another character to whoever follows the reference.
        if (reference != "#" and not reference.startswith("#/")) or "%" in reference:
            _refuse(f"{reference[:200]!r} leads outside of it", path)
        node: Any = self._schema
        for step in reference[1:].split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            if not isinstance(node, Mapping) or name not in node:
                _refuse(f"{reference[:200]!r} leads nowhere", path)
            node = node[name]
        return node


def _check_keywords(node: Mapping[str, Any], path: _Path) -> None:
    for name in _REFUSED:
        if isinstance(node.get(name), str):
            _refuse(f"{name} is not supported", (*path, name))
    dialect = node.get("$schema")
    if isinstance(dialect, str) and dialect.rstrip("#") != DIALECT:
        _refuse(f"$schema is {dialect[:200]!r}; it can be {DIALECT!r} only", (*path, "$schema"))


def path_within(field: str, steps: Sequence[str | int]) -> str:
    """Write the path of something in a field; its names are as long as their author likes."""
    return path_of([field, *steps])[:MAX_PATH_CHARS]


def check_patterns(schema: Mapping[str, Any]) -> None:
    """Bound what compiling costs: every pattern may take its megabyte, and more for its counts.

    Raises:
        InvalidManifest: too many or too long patterns, or one that repeats too often.
    """
    patterns = list(_patterns(schema, ()))
    if len(patterns) > MAX_PATTERNS:
        _refuse(f"it has more than {MAX_PATTERNS} patterns")
    for path, pattern in patterns:
        if len(pattern) > MAX_PATTERN_CHARS:
            _refuse(f"a pattern is longer than {MAX_PATTERN_CHARS} characters", path)
        if _repetitions(pattern) > MAX_REPETITIONS:
            _refuse(f"the pattern {pattern!r} repeats more than {MAX_REPETITIONS} times", path)
    if sum(len(pattern) for _, pattern in patterns) > MAX_PATTERNS_CHARS:
        _refuse(f"its patterns are longer than {MAX_PATTERNS_CHARS} characters together")


def _patterns(node: Any, path: _Path) -> Iterator[tuple[_Path, str]]:
    """Find what may be a pattern, wherever: a default value that looks like one counts too."""
    if isinstance(node, Mapping):
        pattern, named = node.get("pattern"), node.get("patternProperties")
        if isinstance(pattern, str):
            yield (*path, "pattern"), pattern
        if isinstance(named, Mapping):
            yield from (((*path, "patternProperties", name), name) for name in named)
    for step, inner in _inside(node):
        yield from _patterns(inner, (*path, step))


def _repetitions(pattern: str) -> int:
    """Return how often a part may be repeated: never too few, at times too many.

    Groups are not matched up; each one that is repeated is taken to be within all the others.
    """
    ones, groups = [1], [1]
    for found in _COUNTED.finditer(pattern):
        count = max([1, *(int(text) for text in found.groups("") if text)])
        before = pattern[found.start() - 1 : found.start()]
        (ones if _OF_ONE.fullmatch(before) else groups).append(count)
    return max(ones) * prod(groups)


def _inside(node: Any) -> list[tuple[str | int, Any]]:
    if isinstance(node, Mapping):
        return list(node.items())
    return list(enumerate(node)) if isinstance(node, list) else []


def _refuse(reason: str, path: _Path = ()) -> NoReturn:
    raise InvalidManifest(
        f"The config_schema cannot be used: {reason}.", path=path_within("config_schema", path)
    )
