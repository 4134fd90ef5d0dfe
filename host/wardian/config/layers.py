"""What the layers of a configuration come to for one plugin."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from wardian.config.values import overlaid
from wardian.policy.layers import (
    PLACES,
    ConfigLayer,
    Documents,
    Environment,
    Origin,
    Settings,
    slot,
)

SET_LAYERS = (ConfigLayer.ENVIRONMENT, ConfigLayer.USER, ConfigLayer.RUNTIME)
"""The layers over the manifest's defaults, lowest first."""

_IN_PLACE = ("allOf", "anyOf", "oneOf")
_ALONE = ("if", "then", "else")
_NAMED = "dependentSchemas"


@dataclass(frozen=True, slots=True)
class Given:
    """Values that came from one place.

    Attributes:
        tenant_wide: whether they are for every plugin of the tenant.
        place: the index in `PLACES`, None for the manifest.
    """

    layer: ConfigLayer
    origin: Origin
    tenant_wide: bool
    settings: Settings
    place: int | None = None


def given(
    documents: Documents, environment: Environment, schema: Mapping[str, Any] | None
) -> list[Given]:
    """Return all that was set for a plugin in this environment, lowest first.

    Of what is tenant-wide it has those values whose names its schema declares at the top level.
    """
    names = declared(schema)
    found: list[Given] = []
    for layer in SET_LAYERS:
        name = slot(layer, environment)
        for place, (tenant_wide, origin) in enumerate(PLACES):
            settings = documents[place].get(name, {})
            if tenant_wide:
                settings = {each: value for each, value in settings.items() if each in names}
            if settings:
                found.append(Given(layer, origin, tenant_wide, settings, place))
    return found


def configured(
    documents: Documents, environment: Environment, schema: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return what was set for a plugin, all layers over one another but the manifest's defaults."""
    values: dict[str, Any] = {}
    for each in given(documents, environment, schema):
        values = overlaid(values, each.settings)
    return values


def declared(schema: Mapping[str, Any] | None) -> frozenset[str]:
    """Return the names of the properties that a schema has at its top level.

    Also those that it has by reference or in some case only; a pattern of names declares none.
    """
    if schema is None:
        return frozenset()
    names: set[str] = set()
    pending: list[Any] = [schema]
    followed: set[str] = set()
    while pending:
        node = pending.pop()
        if not isinstance(node, Mapping):
            continue
        properties = node.get("properties")
        names.update(properties if isinstance(properties, Mapping) else ())
        reference = node.get("$ref")
        if isinstance(reference, str) and reference not in followed:
            followed.add(reference)
            pending.append(_referred(schema, reference))
        pending.extend(_in_place(node))
    return frozenset(names)


def _in_place(node: Mapping[str, Any]) -> Iterator[Any]:
    for name in _IN_PLACE:
        several = node.get(name)
        if isinstance(several, list):
            yield from several
    for name in _ALONE:
        yield node.get(name)
    named = node.get(_NAMED)
    if isinstance(named, Mapping):
        yield from named.values()


def _referred(schema: Mapping[str, Any], reference: str) -> Any:
    node: Any = schema
    for step in reference.removeprefix("#").split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        node = node.get(name) if isinstance(node, Mapping) else None
    return node
