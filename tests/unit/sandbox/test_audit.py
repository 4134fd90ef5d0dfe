"""Admission: exactly the host's interfaces, with exactly the host's types."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from guests import component
from wardian.errors import ImportRefused, InvalidComponent
from wardian.sandbox import Sandbox
from wardian.sandbox.audit import audit
from wardian.sandbox.linker import Imports
from wardian.worlds import contract


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as made:
        yield made


def importing(interface: str, exports: str) -> bytes:
    return component(f'(component (import "{interface}" (instance {exports})))')


ERROR = """(type $e (variant (case "denied" string) (case "not-found" string)
  (case "invalid" string) (case "exhausted" string) (case "unavailable" string)))
  (export "error" (type $error (eq $e)))"""


def check(sandbox: Sandbox, wasm: bytes, *, wasi: bool = True) -> None:
    audit(sandbox.load(wasm).surface, contract().offer(wasi=wasi))


def test_the_hosts_own_function_with_its_own_types_is_admitted(sandbox: Sandbox) -> None:
    function = """(export "get" (func (param "key" string)
      (result (result (option string) (error $error)))))"""

    check(sandbox, importing("wardian:plugin/kv@1.0.0", ERROR + function))


@pytest.mark.parametrize(
    "function",
    [
        '(export "get" (func (param "key" string) (result (result string (error $error)))))',
        '(export "get" (func (param "name" string)'
        " (result (result (option string) (error $error)))))",
        '(export "get" (func (param "key" (list u8))'
        " (result (result (option string) (error $error)))))",
        '(export "get" (func (param "key" string)))',
        '(export "get" (func (param "key" string) (result (option string))))',
        '(export "steal" (func (param "key" string)))',
    ],
)
def test_another_signature_is_refused_naming_the_function(sandbox: Sandbox, function: str) -> None:
    name = "steal" if "steal" in function else "get"

    with pytest.raises(ImportRefused, match=f"kv@1.0.0#{name}"):
        check(sandbox, importing("wardian:plugin/kv@1.0.0", ERROR + function))


@pytest.mark.parametrize(
    "interface",
    [
        "acme:host/log@1.0.0",
        "wardian:plugin/shell@1.0.0",
        "wardian:plugin/kv@2.0.0",
        "wardian:plugin/kv@1.1.0",
        "wardian:plugin/kv",
        "wasi:http/outgoing-handler@0.2.0",
    ],
)
def test_an_interface_that_is_not_offered_is_refused_by_name(
    sandbox: Sandbox, interface: str
) -> None:
    wasm = importing(interface, '(export "f" (func))')

    with pytest.raises(ImportRefused) as caught:
        check(sandbox, wasm)

    assert caught.value.imported is not None
    assert caught.value.imported.startswith(interface)


def test_a_function_imported_at_the_root_is_refused(sandbox: Sandbox) -> None:
    with pytest.raises(ImportRefused, match="log"):
        check(sandbox, component('(component (import "log" (func (param "m" string))))'))


def test_an_export_of_the_hosts_interfaces_has_the_hosts_types(sandbox: Sandbox) -> None:
    text = """(component
      (core module $m (func (export "f")))
      (core instance $i (instantiate $m))
      (func $f (canon lift (core func $i "f")))
      (instance $life (export "init" (func $f)))
      (export "wardian:plugin/lifecycle@1.0.0" (instance $life)))"""

    with pytest.raises(InvalidComponent, match=r"lifecycle@1\.0\.0#init"):
        check(sandbox, component(text))


@pytest.mark.parametrize(
    "text",
    [
        '(import "wardian:plugin/kv@1.0.0" (core module))',
        '(import "wardian:plugin/kv@1.0.0" (instance (export "r" (type (sub resource)))))',
        '(import "wardian:plugin/kv@1.0.0" (instance (export "i" (instance (export "f" (func))))))',
        '(import "wardian:plugin/types@1.0.0" (instance (export "error" (type (sub resource)))))',
        '(import "wardian:plugin/kv@1.0.0-rc1" (instance (export "f" (func))))',
        '(import "wardian:plugin/kv@1.0.0" (func))',
    ],
)
def test_what_is_no_interface_of_functions_is_refused_where_one_is_offered(
    sandbox: Sandbox, text: str
) -> None:
    with pytest.raises(ImportRefused, match="wardian:plugin/"):
        check(sandbox, component(f"(component {text})"))


@pytest.mark.parametrize(
    "text",
    [
        '(import "wasi:cli/bogus@0.2.0" (instance (export "f" (func))))',
        '(import "wasi:cli/environment@0.2.0" (func))',
        '(import "wasi:cli/environment@0.2.0" (instance (export "evil" (func))))',
        '(import "wasi:cli/environment@0.2.0"'
        ' (instance (export "get-environment" (func (result u32)))))',
    ],
)
def test_wasi_that_does_not_exist_is_refused_when_linking_is_checked(
    sandbox: Sandbox, text: str
) -> None:
    odd = sandbox.load(component(f"(component {text})"))

    with pytest.raises(ImportRefused, match="wasi:cli"):
        sandbox.check_links(odd, Imports())


def test_checking_links_runs_nothing_of_the_guest(sandbox: Sandbox) -> None:
    called = []
    text = """(component
      (import "test:host/api@1.0.0" (instance $host (export "ask" (func))))
      (core func $ask (canon lower (func $host "ask")))
      (core module $m (import "h" "ask" (func $ask)) (start $ask))
      (core instance (instantiate $m (with "h" (instance (export "ask" (func $ask)))))))"""
    starting = sandbox.load(component(text))

    imports = Imports({"test:host/api@1.0.0": {"ask": lambda: called.append(1)}})
    sandbox.check_links(starting, imports)

    assert called == []
