"""Nothing is done without its permission: every host function, refused by every layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from callings import calling
from vaults import vault_of
from wardian import capabilities
from wardian.capabilities import CallContext, Services
from wardian.egress import Egress
from wardian.egress.addresses import AddressRules
from wardian.egress.resolver import SystemResolver
from wardian.egress.tls import Authorities
from wardian.events import Events
from wardian.policy.grants import Layer
from wardian.policy.levels import Level
from wardian.policy.permissions import parse_permission
from wardian.runtime.host_calls import HostFunctions
from wardian.runtime.sinks import Sinks
from wardian.storage import Database
from wardian.storage.kv import Quota
from wardian.telemetry import Telemetry
from wardian.vault.watch import Watch
from wardian.worlds import contract

pytestmark = pytest.mark.anyio

REQUEST: dict[str, Any] = {
    "method": "GET",
    "url": "https://api.example.org/x",
    "headers": [],
    "body": None,
    "credential": "github",
    "timeout-ms": None,
}
FETCH = "http:request:GET:https://api.example.org/*"


@dataclass(frozen=True)
class Guarded:
    """A host function, arguments for it, and every permission that it takes."""

    interface: str
    function: str
    arguments: list[Any]
    needs: tuple[str, ...]


GUARDED = [
    Guarded("kv", "get", ["n"], ("kv:read",)),
    Guarded("kv", "set", ["n", "v", None], ("kv:write",)),
    Guarded("kv", "delete", ["n"], ("kv:write",)),
    Guarded("kv", "list-keys", ["", None, 10], ("kv:read",)),
    Guarded("kv", "compare-and-set", ["n", None, "v", None], ("kv:read", "kv:write")),
    Guarded("kv", "increment", ["n", 1], ("kv:read", "kv:write")),
    Guarded("events", "publish", ["orders.new", "1", None], ("events:publish:orders.*",)),
    Guarded("credentials", "exists", ["github"], ("credentials:use:github",)),
    Guarded(
        "credentials",
        "sign",
        ["github", {"tag": "jwt", "val": "{}"}],
        ("credentials:use:github",),
    ),
    Guarded("credentials", "reveal", ["github"], ("credentials:reveal:github",)),
    Guarded("http", "send", [REQUEST], (FETCH, "credentials:use:github")),
    Guarded("plugins", "call", ["markdown", "*", "render", "{}"], ("plugins:call:markdown",)),
    Guarded("agents", "ask", ["summarise", "{}", None], ("agents:ask:summarise",)),
    Guarded("kv-namespaces", "get", ["a", "n"], ("kv:read",)),
    Guarded("kv-namespaces", "set", ["a", "n", "v", None], ("kv:write",)),
    Guarded("kv-namespaces", "delete", ["a", "n"], ("kv:write",)),
    Guarded("kv-namespaces", "list-keys", ["a", "", None, 10], ("kv:read",)),
    Guarded(
        "kv-namespaces",
        "compare-and-set",
        ["a", "n", None, "v", None],
        ("kv:read", "kv:write"),
    ),
    Guarded("kv-namespaces", "increment", ["a", "n", 1], ("kv:read", "kv:write")),
    Guarded("kv-namespaces", "clear", ["a"], ("kv:write",)),
    Guarded("kv-namespaces", "list-namespaces", [], ("kv:read",)),
]

FREE = {
    ("context", "current"),
    ("context", "remaining"),
    ("logging", "log"),
    ("config", "get"),
    ("config", "get-all"),
    ("metrics", "count"),
    ("metrics", "observe"),
    ("answering", "emit"),
}
"""What every plugin may do: it concerns the plugin itself, and is bounded by its budget."""

LACKS = [(each, lacking) for each in GUARDED for lacking in each.needs]

BARRED = {
    Level.TRUSTED: set(),
    Level.STANDARD: {"credentials:reveal:github"},
    Level.RESTRICTED: {"credentials:reveal:github"},
    Level.ISOLATED: {"credentials:reveal:github", FETCH},
}
"""What each level never allows."""


@pytest.fixture
async def functions(database: Database, tmp_path: Path) -> HostFunctions:
    vault = vault_of(database, tmp_path)
    await vault.open()
    services = Services(
        database=database,
        events=Events(database),
        kv_quota=Quota(bytes=10_000, keys=100),
        egress=Egress(SystemResolver(), AddressRules(), Authorities()),
        vault=vault,
        watch=Watch(vault),
    )
    telemetry = Telemetry()
    sinks = Sinks(services.watch, telemetry)
    return HostFunctions(contract(), capabilities.build(services), telemetry, sinks)


async def asked(functions: HostFunctions, call: CallContext, what: Guarded) -> Mapping[str, Any]:
    answer = await functions.answer(call, what.interface, what.function, what.arguments)
    assert answer["tag"] in ("ok", "err")
    return answer


async def refused_by(functions: HostFunctions, call: CallContext, what: Guarded) -> tuple[str, ...]:
    """The case of the refusal, and the layer that it names."""
    answer = await asked(functions, call, what)
    assert answer["tag"] == "err", answer
    case, text = answer["val"]["tag"], answer["val"]["val"]
    return (case, *(layer for layer in Layer if f"refused by the {layer}" in text))


def test_every_function_of_the_contract_is_guarded_or_known_to_be_free() -> None:
    guarded = {(each.interface, each.function) for each in GUARDED}
    everything = {
        (interface, name) for interface, names in contract().imports.items() for name in names
    }

    assert guarded | FREE == everything
    assert not guarded & FREE


@pytest.mark.parametrize(("what", "lacking"), LACKS)
async def test_without_its_grant_it_is_denied_by_the_grant(
    functions: HostFunctions, what: Guarded, lacking: str
) -> None:
    call = calling(*what.needs, level=Level.TRUSTED)
    held = tuple(each for each in call.authority.granted if str(each) != lacking)
    call.authority = replace(call.authority, granted=held)

    assert await refused_by(functions, call, what) == ("denied", Layer.GRANT)


@pytest.mark.parametrize(("what", "lacking"), LACKS)
async def test_what_the_manifest_does_not_ask_is_denied_by_the_manifest_though_granted(
    functions: HostFunctions, what: Guarded, lacking: str
) -> None:
    call = calling(*what.needs, level=Level.TRUSTED)
    asked_for = tuple(each for each in call.authority.asked if str(each) != lacking)
    call.authority = replace(call.authority, asked=asked_for)

    assert await refused_by(functions, call, what) == ("denied", Layer.MANIFEST)


@pytest.mark.parametrize(("what", "lacking"), LACKS)
async def test_what_the_operator_excludes_is_denied_by_the_operator_though_granted(
    functions: HostFunctions, what: Guarded, lacking: str
) -> None:
    call = calling(*what.needs, level=Level.TRUSTED)
    call.authority = replace(call.authority, excluded=(parse_permission(lacking),))

    assert await refused_by(functions, call, what) == ("denied", Layer.OPERATOR)


@pytest.mark.parametrize("level", Level)
@pytest.mark.parametrize("what", GUARDED)
async def test_what_a_level_bars_is_denied_by_the_level_and_nothing_else_is(
    functions: HostFunctions, what: Guarded, level: Level
) -> None:
    call = calling(*what.needs, level=level)
    answer = await asked(functions, call, what)
    text = str(answer["val"])

    barred = bool(BARRED[level] & set(what.needs))
    assert (f"refused by the {Layer.LEVEL}" in text) is barred
    assert ("denied" in text) is barred


@pytest.mark.parametrize("interface_and_function", sorted(FREE))
async def test_what_is_free_is_denied_to_nobody(
    functions: HostFunctions, interface_and_function: tuple[str, str]
) -> None:
    arguments: dict[str, list[Any]] = {
        "log": ["info", "x", []],
        "get": ["step"],
        "count": ["n", 1, []],
        "observe": ["n", 0.5, []],
        "emit": ["a piece"],
    }
    interface, function = interface_and_function
    call = calling(configuration={"step": 1})

    answer = await functions.answer(call, interface, function, arguments.get(function, []))

    assert answer["tag"] == "ok" or answer["val"]["tag"] == "unavailable"


async def test_every_decision_is_told_to_the_observer_and_none_twice(
    functions: HostFunctions,
) -> None:
    told: list[tuple[str, Layer | None]] = []
    call = calling("kv:read", "events:publish:orders.*")
    call.observer = lambda wanted, layer, _: told.append((str(wanted), layer))

    for what in (GUARDED[0], GUARDED[5], GUARDED[6], GUARDED[9]):
        await asked(functions, call, what)

    assert told == [
        ("kv:read", None),
        ("kv:read", None),
        ("kv:write", Layer.MANIFEST),
        ("events:publish:orders.new", None),
        ("credentials:reveal:github", Layer.MANIFEST),
    ]
