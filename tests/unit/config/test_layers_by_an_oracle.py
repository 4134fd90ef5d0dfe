"""Any layers of any values, against the plainest way to lay them over one another."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from wardian.config.layers import Given, configured
from wardian.config.layers import given as given_by
from wardian.config.paths import same
from wardian.policy.layers import ConfigLayer, Documents, Environment, Origin
from wardian.runtime.config_explaining import Traced, explained_by
from wardian.runtime.config_reading import FilePlace

NAMES = ("a", "b", "a.b")
SLOTS = (*(f"environment:{each}" for each in Environment), "user", "runtime")
LEAVES = st.sampled_from([None, True, 1, 1.0, "x", [], [{"a": 1}]])
VALUES = st.recursive(
    LEAVES, lambda inner: st.dictionaries(st.sampled_from(NAMES), inner, max_size=3), max_leaves=6
)
OBJECTS = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=3)
DOCUMENTS = st.dictionaries(st.sampled_from(SLOTS), OBJECTS, max_size=4)


def laid(lower: Any, upper: Any) -> Any:
    if not (isinstance(lower, dict) and isinstance(upper, dict)):
        return upper
    both = {name: laid(lower[name], upper[name]) for name in lower.keys() & upper.keys()}
    return lower | upper | both


def in_order(
    documents: Documents, environment: Environment, names: set[str]
) -> list[tuple[str, str, Any]]:
    """Every document that counts, with its layer and scope, the lowest first."""
    found: list[tuple[str, str, Any]] = []
    for layer in ("environment", "user", "runtime"):
        slot = f"{layer}:{environment}" if layer == "environment" else layer
        for place, document in enumerate(documents):
            seen = document.get(slot, {})
            if place < 2:
                seen = {name: value for name, value in seen.items() if name in names}
            found.append((layer, "tenant" if place < 2 else "plugin", seen))
    return found


def has(document: Any, path: list[str]) -> bool:
    for step in path:
        if not isinstance(document, dict) or step not in document:
            return False
        document = document[step]
    return True


@settings(max_examples=300, deadline=None)
@given(
    OBJECTS,
    st.tuples(DOCUMENTS, DOCUMENTS, DOCUMENTS, DOCUMENTS),
    st.sampled_from(Environment),
    st.sets(st.sampled_from(NAMES)),
)
def test_what_layers_come_to_and_who_gave_it(
    defaults: dict[str, Any],
    documents: tuple[dict[str, Any], dict[str, Any], dict[str, Any], dict[str, Any]],
    environment: Environment,
    names: set[str],
) -> None:
    schema = {"properties": {name: {} for name in names}}
    order = [("defaults", "plugin", defaults), *in_order(documents, environment, names)]
    wanted: Any = {}
    for _, _, each in order:
        wanted = laid(wanted, each)

    found = configured(documents, environment, schema, defaults)

    assert same(found, wanted)
    lowest = Given(ConfigLayer.DEFAULTS, Origin.MANIFEST, False, defaults)
    sources = [lowest, *given_by(documents, environment, schema)]
    traced = Traced({}, environment, FilePlace(None))
    rebuilt: Any = {}
    for value in explained_by(sources, traced, schema):
        nested: Any = value.value
        for step in reversed(value.path):
            nested = {step: nested}
        rebuilt = laid(rebuilt, nested)
        givers = [(layer, scope) for layer, scope, each in order if has(each, value.path)]
        assert (value.layer, value.scope) == givers[-1]
    assert same(rebuilt, wanted)
