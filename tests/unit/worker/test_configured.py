"""The worker's own answers about the configuration, held to what the broker answers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callings import calling
from wardian.capabilities import Refused
from wardian.capabilities.config import Config
from wardian.config import MAX_CONFIG_BYTES
from wardian.policy.json_text import dump_json
from wardian.worker.configured import REMEMBERED_CHARS_MAX, Configuration

pytestmark = pytest.mark.anyio

NAMES = st.sampled_from(["a", "b", "a.b", "b.a", "", ".", "__proto__", "é", "\0"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(max_size=3)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


async def _asked(values: dict[str, Any], key: str) -> Any:
    try:
        return {"tag": "ok", "val": await Config().get(calling(configuration=values), key)}
    except Refused as refused:
        return {"tag": "err", "val": {"tag": refused.case, "val": refused.text}}


@given(values=st.dictionaries(NAMES, VALUES, max_size=4), keys=st.lists(st.text() | NAMES))
async def test_a_worker_answers_as_the_broker_would(
    values: dict[str, Any], keys: list[str]
) -> None:
    configuration = Configuration(dump_json(values))

    for key in [*keys, *values, *(f"{name}.{name}" for name in values)]:
        expected = await _asked(values, key)
        assert configuration.answer("get", (key,)) == expected
        assert configuration.answer("get", (key,)) == expected
    whole = await Config().get_all(calling(configuration=values))
    assert configuration.answer("get-all", ()) == {"tag": "ok", "val": whole}


def test_the_largest_configuration_is_answered_too() -> None:
    values = {f"key-{number}": "x" * 50 for number in range(1_000)}
    text = dump_json(values)
    assert 60 * 1024 < len(text) <= MAX_CONFIG_BYTES

    configuration = Configuration(text)

    assert configuration.answer("get-all", ()) == {"tag": "ok", "val": text}
    assert {configuration.answer("get", (key,))["val"] for key in values} == {json.dumps("x" * 50)}


def test_keys_that_are_not_there_take_no_memory_that_grows() -> None:
    configuration = Configuration(dump_json({"a": "x" * 1_000}))

    for number in range(2_000):
        answer = configuration.answer("get", (f"key-{number}",))
        assert answer["val"]["tag"] == "not-found"
    long = configuration.answer("get", ("." * 10_000_000,))

    assert len(long["val"]["val"]) < 300
    remembered = sum(len(key) for key in configuration._ready)
    assert remembered < REMEMBERED_CHARS_MAX
