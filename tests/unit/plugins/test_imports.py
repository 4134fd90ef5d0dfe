"""What a component imports beside what its manifest asks for."""

from __future__ import annotations

import pytest

from guests import component, guest
from wardian.plugins import Manifest
from wardian.plugins.imports import ACTIONS, undeclared, unused
from wardian.policy.permissions import DESCRIPTIONS
from wardian.sandbox import Sandbox
from wardian.sandbox.binary import declared_imports
from wardian.worlds import contract


def asking(*permissions: str) -> Manifest:
    requests = [{"permission": each, "reason": "For a test."} for each in permissions]
    return Manifest.model_validate({"name": "a", "version": "1.0.0", "permissions": requests})


def host(*interfaces: str) -> list[str]:
    return [f"wardian:plugin/{each}@1.0.0" for each in interfaces]


def test_every_interface_of_the_contract_and_every_permission_is_known() -> None:
    assert ACTIONS.keys() == contract().imports.keys()
    actions = {":".join(name.split(":")[:2]) for name in DESCRIPTIONS}
    # Who hears of events is asked by the host, and imports nothing.
    assert {each for needed in ACTIONS.values() for each in needed} == actions - {
        "events:subscribe"
    }


@pytest.mark.parametrize(
    ("imports", "permissions", "told"),
    [
        (host("kv"), [], ["kv:read or kv:write"]),
        (host("kv"), ["kv:write"], []),
        (host("kv", "events"), ["kv:read"], ["events:publish"]),
        (host("events"), ["events:subscribe:a"], ["events:publish"]),
        (host("http"), ["credentials:use:github"], ["http:request"]),
        (host("http"), ["http:request:GET:https://example.org/"], []),
        (host("credentials"), ["credentials:use:github"], []),
        (host("plugins", "agents"), [], ["plugins:call", "agents:ask"]),
        (host("context", "logging", "config", "metrics", "types"), [], []),
        (["wasi:cli/stderr@0.2.0", "kv", "wardian:plugin/future@1.0.0"], [], []),
    ],
)
def test_an_import_that_nothing_asks_for_is_told(
    imports: list[str], permissions: list[str], told: list[str]
) -> None:
    found = undeclared(asking(*permissions), imports)

    assert [fault.path for fault in found] == ["permissions"] * len(told)
    assert all(each in fault.message for each, fault in zip(told, found, strict=True))


@pytest.mark.parametrize(
    ("imports", "permissions", "paths"),
    [
        ([], ["kv:read"], [0]),
        (host("kv"), ["kv:read", "events:publish:a", "kv:write"], [1]),
        (host("http"), ["credentials:use:github"], []),
        ([], ["events:subscribe:a"], []),
    ],
)
def test_a_permission_that_nothing_imported_takes_is_told(
    imports: list[str], permissions: list[str], paths: list[int]
) -> None:
    found = unused(asking(*permissions), imports)

    assert [fault.path for fault in found] == [f"permissions[{each}].permission" for each in paths]


TYPES = """(component
  (import "a:b/types@1.0.0" (instance (export "t" (type (sub resource)))))
  (import "bound" (type (sub resource)))
  (import "equal" (type (eq 0)))
  (import "run" (func (param "x" u32)))
  (import "module" (core module))
  (import "inner" (component))
  (import "last" (instance)))"""


@pytest.mark.parametrize(
    "wasm",
    [*(guest(name) for name in ("stores", "memory", "calculator")), component("(component)")],
)
def test_imports_are_read_as_the_engine_reads_them(wasm: bytes) -> None:
    with Sandbox() as sandbox:
        assert declared_imports(wasm) == sandbox.load(wasm).description.imports


def test_imports_of_every_sort_are_read() -> None:
    assert declared_imports(component(TYPES)) == [
        "a:b/types@1.0.0",
        "bound",
        "equal",
        "run",
        "module",
        "inner",
        "last",
    ]


def test_of_what_is_no_component_nothing_is_read_beyond_what_is_there() -> None:
    wasm = component(TYPES)

    assert declared_imports(b"") == []
    assert declared_imports(component("(module)")) == []
    for end in range(len(wasm)):
        assert len(declared_imports(wasm[:end])) <= 7
