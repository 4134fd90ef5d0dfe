"""The schema a manifest gives for its plugin's configuration (JSON Schema, draft 2020-12).

Schemas come from strangers. They are bounded in size by the manifest, in expansion here (a few
references can stand for a tree of millions of nodes), patterns run on an engine that takes linear
time, and references lead nowhere outside the schema.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from math import prod
from typing import Any, NoReturn

from jsonschema_rs import Draft202012Validator, RegexOptions, ValidationError, ValidationErrorKind

from wardian.errors import InvalidArguments, InvalidManifest
from wardian.storage.documents import path_of

MAX_EXPANDED_NODES = 5_000
MAX_PATTERNS = 32
MAX_PATTERN_CHARS = 256
MAX_PATTERNS_CHARS = 4_096
"""Of all of a schema's patterns together."""
MAX_REPETITIONS = 1_000
"""How often a pattern may repeat one of its parts, groups within groups multiplied."""

_PATTERN_BYTES = 1024 * 1024
_REFERENCES_DEEP = 32
_REFUSED = ("$dynamicRef", "$recursiveRef", "$id", "$anchor", "$dynamicAnchor", "$vocabulary")


_COUNTED = re.compile(r"\{\s*(\d*)\s*(?:,\s*(\d*)\s*)?\}")
# A count after one of these is of one character; after anything else, take it to be of a group.
_OF_ONE = re.compile(r"[A-Za-z0-9_\]./-]")


class ConfigSchema:
    """A checked schema, ready to judge configurations."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        """Compile ``schema``.

        Raises:
            InvalidManifest: it is not a JSON Schema, or one that this host takes; with the path.
        """
        _Expansion(schema).check()
        _check_patterns(list(_patterns(schema)))
        try:
            self._validator = Draft202012Validator(
                dict(schema),
                pattern_options=RegexOptions(
                    size_limit=_PATTERN_BYTES, dfa_size_limit=_PATTERN_BYTES
                ),
                offline=True,
            )
        except (ValidationError, ValueError) as exc:
            steps = getattr(exc, "instance_path", [])
            message = str(getattr(exc, "message", exc)).partition("\n")[0]
            raise InvalidManifest(
                f"The config_schema is not a JSON Schema: {message[:500]}.",
                path=path_of(["config_schema", *steps]),
            ) from exc

    def check(self, values: Mapping[str, Any]) -> None:
        """Check a whole configuration.

        Raises:
            InvalidArguments: it does not fit; with the path of the first fault.
        """
        fault = next(iter(self._validator.iter_errors(dict(values))), None)
        if fault is not None:
            path = path_of(fault.instance_path)
            message = fault.message[:500]
            where = f"{path}: " if path else ""
            raise InvalidArguments(
                f"The configuration does not fit the plugin's schema: {where}{message}.",
                path=path or None,
            )

    def check_defaults(self, values: Mapping[str, Any]) -> None:
        """Check a manifest's defaults, which may leave to the operator what is required.

        Raises:
            InvalidManifest: they do not fit; with the path of the first fault.
        """
        for fault in self._validator.iter_errors(dict(values)):
            if not isinstance(fault.kind, ValidationErrorKind.Required):
                path = path_of(["default_config", *fault.instance_path])
                raise InvalidManifest(
                    f"The defaults do not fit the config_schema: {path}: {fault.message[:500]}.",
                    path=path,
                )


class _Expansion:
    """Counts the nodes of a schema with every reference written out."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._schema = schema
        self._sizes: dict[str, int] = {}
        self._open: set[str] = set()

    def check(self) -> None:
        if self._size(self._schema) > MAX_EXPANDED_NODES:
            _refuse(f"written out it has more than {MAX_EXPANDED_NODES} nodes")

    def _size(self, node: Any) -> int:
        if isinstance(node, list):
            return 1 + sum(self._size(inner) for inner in node)
        if not isinstance(node, Mapping):
            return 1
        refused = [name for name in _REFUSED if isinstance(node.get(name), str)]
        if refused:
            _refuse(f"{refused[0]} is not supported")
        total = 1 + sum(self._size(inner) for inner in node.values())
        reference = node.get("$ref")
        return total + (self._referred(reference) if isinstance(reference, str) else 0)

    def _referred(self, reference: str) -> int:
        if reference in self._open:
            _refuse(f"{reference!r} refers to itself")
        if len(self._open) >= _REFERENCES_DEEP:
            _refuse(f"its references are nested deeper than {_REFERENCES_DEEP}")
        if reference not in self._sizes:
            self._open.add(reference)
            self._sizes[reference] = self._size(self._resolve(reference))
            self._open.discard(reference)
        return self._sizes[reference]

    def _resolve(self, reference: str) -> Any:
        if not reference.startswith("#"):
            _refuse(f"{reference[:200]!r} leads outside of it")
        node: Any = self._schema
        for step in reference[1:].split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            if not isinstance(node, Mapping) or name not in node:
                _refuse(f"{reference[:200]!r} leads nowhere")
            node = node[name]
        return node


def _patterns(node: Any) -> Iterator[str]:
    """Find what may be a pattern, wherever: a default value that looks like one counts too."""
    if isinstance(node, list):
        for inner in node:
            yield from _patterns(inner)
    elif isinstance(node, Mapping):
        pattern, named = node.get("pattern"), node.get("patternProperties")
        if isinstance(pattern, str):
            yield pattern
        if isinstance(named, Mapping):
            yield from named
        for inner in node.values():
            yield from _patterns(inner)


def _check_patterns(patterns: list[str]) -> None:
    """Bound what compiling costs: every pattern may take its megabyte, and more for its counts."""
    if len(patterns) > MAX_PATTERNS:
        _refuse(f"it has more than {MAX_PATTERNS} patterns")
    if sum(map(len, patterns)) > MAX_PATTERNS_CHARS:
        _refuse(f"its patterns are longer than {MAX_PATTERNS_CHARS} characters together")
    for pattern in patterns:
        if len(pattern) > MAX_PATTERN_CHARS:
            _refuse(f"a pattern is longer than {MAX_PATTERN_CHARS} characters")
        if _repetitions(pattern) > MAX_REPETITIONS:
            _refuse(f"the pattern {pattern!r} repeats more than {MAX_REPETITIONS} times")


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


def _refuse(reason: str) -> NoReturn:
    raise InvalidManifest(f"The config_schema cannot be used: {reason}.", path="config_schema")
