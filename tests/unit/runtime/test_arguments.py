"""Arguments that cannot be passed to a worker: where the fault is."""

from __future__ import annotations

import tracemalloc
from typing import Any

import msgspec
import pytest

from wardian.runtime.arguments import UNENCODABLE, fault_of

ITSELF: list[Any] = []
ITSELF += [ITSELF, ITSELF]


@pytest.mark.parametrize(
    ("arguments", "path", "reason"),
    [
        ({"n": 2**64}, "n", "64 bits"),
        ({"n": -(2**63) - 1}, "n", "64 bits"),
        ({"a": [1, {"b": [[0], [2**64]]}]}, "a[1].b[1][0]", "64 bits"),
        ({"a": {"x": 1, "y": (1, 10**5_000)}}, "a.y[1]", "64 bits"),
        ({"a": ["ok", "\ud800"]}, "a[1]", "passed on"),
        ({"a": object()}, "a", "passed on"),
        ({"a": {"b": 1j}}, "a.b", "passed on"),
        ({"a": ITSELF}, "a" + "[0]" * 500, "nested"),
    ],
)
def test_what_cannot_be_encoded_is_named_with_its_path(
    arguments: dict[str, Any], path: str, reason: str
) -> None:
    with pytest.raises(UNENCODABLE):
        msgspec.msgpack.encode(arguments)

    found = fault_of(arguments)

    assert found is not None
    assert found.path == path
    assert reason in found.message


@pytest.mark.parametrize(
    "arguments", [{}, {"n": 2**64 - 1, "m": -(2**63)}, {"a": [None, True, 1.5, b"x", float("inf")]}]
)
def test_what_can_be_encoded_has_no_fault(arguments: dict[str, Any]) -> None:
    msgspec.msgpack.encode(arguments)

    assert fault_of(arguments) is None


def test_a_long_name_above_many_values_is_not_copied_for_each() -> None:
    arguments = {"k" * 100_000: [*range(20_000), 2**64]}
    tracemalloc.start()
    try:
        found = fault_of(arguments)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert found is not None
    assert found.path is not None
    assert found.path.endswith("[20000]")
    assert len(found.message) < 300
    assert peak < 20_000_000
