"""The contract's data is what the WIT says."""

from __future__ import annotations

import json
import shutil
from importlib import resources

import pytest

from wardian.errors import InvalidArguments
from wardian.worlds import HOST_VERSION, contract, wit_directory
from wardian.worlds.derive import derive


def test_the_contracts_data_is_derived_from_the_wit() -> None:
    assert shutil.which("wasm-tools"), "wasm-tools belongs to the development tools"
    kept = json.loads(resources.files("wardian.worlds").joinpath("v1.json").read_text())

    assert derive(wit_directory()) == kept
    assert kept["version"] == HOST_VERSION


def test_every_host_function_answers_a_result_with_the_hosts_error() -> None:
    cases = ("denied", "not-found", "invalid", "exhausted", "unavailable")
    ends = f"variant {{{', '.join(f'{case}: string' for case in cases)}}}>"
    for functions in contract().offer().imports.values():
        for signature in functions.values():
            assert "-> result<" in signature
            assert signature.endswith(ends)
            assert "char" not in signature


def test_what_a_worker_claims_is_checked_against_the_types() -> None:
    increment = contract().imports["kv"]["increment"]

    assert increment.check(["visits", 1]) == ["visits", 1]
    for claim in ([], ["visits"], ["visits", "x"], [1, 1], ["visits", 2**63], ["a", 1, 2]):
        with pytest.raises(InvalidArguments):
            increment.check(claim)
