"""Which parts of a configuration its JSON Schema calls secret.

``writeOnly: true`` and ``format: password`` do (JSON Schema 2020-12, Validation, 9.4; OpenAPI 3.1).
Schemas come from strangers; what is expanded here is bounded by whoever admitted the schema, and by
the values that ``look`` lets pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

_DEPTH = 64
_IN_PLACE = ("allOf", "anyOf", "oneOf")
_ALONE = ("if", "then", "else")


class SecretSchema:
    """One schema of a configuration.

    ``hide`` takes the secrets out of a value, ``look`` is told of every schema that is looked at.
    """

    def __init__(
        self, schema: Mapping[str, Any], hide: Callable[[Any], Any], look: Callable[[int], None]
    ) -> None:
        self._schema = schema
        self._hide = hide
        self._look = look

    def applied(self, value: Any) -> Any:
        """Return ``value`` with what is secret in it hidden."""
        return self._applied(self._schema, value, 0)

    def _applied(self, schema: Any, value: Any, depth: int) -> Any:
        if not isinstance(schema, Mapping) or depth > _DEPTH:
            return value
        self._look(1)
        if schema.get("writeOnly") is True or schema.get("format") == "password":
            return self._hide(value)
        for same in self._of_the_same_value(schema):
            value = self._applied(same, value, depth + 1)
        if type(value) is dict:
            return {
                name: self._all_applied(_of_member(schema, name), inner, depth)
                for name, inner in value.items()
            }
        if type(value) is list:
            return [
                self._all_applied(_of_item(schema, index), inner, depth)
                for index, inner in enumerate(value)
            ]
        return value

    def _all_applied(self, schemas: list[Any], value: Any, depth: int) -> Any:
        for schema in schemas:
            value = self._applied(schema, value, depth + 1)
        return value

    def _of_the_same_value(self, schema: Mapping[str, Any]) -> Iterator[Any]:
        """Every schema that this one applies to the very value that it is about."""
        for name in _IN_PLACE:
            several = schema.get(name)
            if isinstance(several, list):
                yield from several
        for name in _ALONE:
            yield schema.get(name)
        dependent = schema.get("dependentSchemas")
        if isinstance(dependent, Mapping):
            yield from dependent.values()
        reference = schema.get("$ref")
        if isinstance(reference, str):
            yield self._referred(reference)

    def _referred(self, reference: str) -> Any:
        node: Any = self._schema
        for step in reference.removeprefix("#").split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            node = node.get(name) if isinstance(node, Mapping) else None
        return node


def _of_member(schema: Mapping[str, Any], name: str) -> list[Any]:
    """Every schema that may apply to a member; one by a pattern counts, if it matches or not."""
    found: list[Any] = []
    properties = schema.get("properties")
    if isinstance(properties, Mapping):
        found.append(properties.get(name))
    patterns = schema.get("patternProperties")
    if isinstance(patterns, Mapping):
        found += patterns.values()
    return [*found, schema.get("additionalProperties"), schema.get("unevaluatedProperties")]


def _of_item(schema: Mapping[str, Any], index: int) -> list[Any]:
    """Every schema that may apply to an item."""
    first = schema.get("prefixItems")
    ordered = first if isinstance(first, list) else []
    own = ordered[index] if index < len(ordered) else schema.get("items")
    return [own, schema.get("contains"), schema.get("unevaluatedItems")]
