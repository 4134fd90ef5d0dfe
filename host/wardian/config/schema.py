"""The schema a manifest gives for its plugin's configuration (JSON Schema, draft 2020-12).

Schemas come from strangers. They are bounded in size by the manifest, in expansion here (a few
references can stand for a tree of millions of nodes), patterns run on an engine that takes linear
time, and references lead nowhere outside the schema.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from jsonschema_rs import Draft202012Validator, RegexOptions, ValidationError, ValidationErrorKind

from wardian.errors import InvalidArguments, InvalidManifest
from wardian.storage.documents import path_of

MAX_EXPANDED_NODES = 5_000

_PATTERN_BYTES = 1024 * 1024
_REFERENCES_DEEP = 32
_REFUSED = ("$dynamicRef", "$recursiveRef", "$id", "$anchor", "$dynamicAnchor", "$vocabulary")


class ConfigSchema:
    """A checked schema, ready to judge configurations."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        """Compile ``schema``.

        Raises:
            InvalidManifest: it is not a JSON Schema, or one that this host takes; with the path.
        """
        _Expansion(schema).check()
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


def _refuse(reason: str) -> NoReturn:
    raise InvalidManifest(f"The config_schema cannot be used: {reason}.", path="config_schema")
