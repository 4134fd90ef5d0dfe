"""Rows about crossing the boundary, in process."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

from benchmarks import components, peers
from benchmarks.bench import Bench, Measurement
from benchmarks.figures import Figure, Row, at_most
from benchmarks.floor import FLOOR, raw_text, raw_with_host
from benchmarks.measuring import MICRO, Call, compare, scaled
from benchmarks.peers import EXTISM, EXTISM_FRESH, PLAIN, Plain, as_record
from wardian.sandbox import Limits, LiveInstance, Sandbox

OURS = "Wardian"
TEXT = "hello"
HOST_CALLS = 1_000

WARM = Row("warm call", "µs", EXTISM, at_most(0.25))
WARM_OVER_FLOOR = Row("warm call over the raw C call", "µs", FLOOR, at_most(2))
FRESH = Row("fresh instance, tiny guest", "µs", EXTISM, at_most(1.3))
HOST_TEXT = Row("host function, 5-byte string", "µs", EXTISM, at_most(0.35))
HOST_NUMBER = Row("host function, number", "µs", EXTISM, at_most(0.35))


def warm(bench: Bench) -> Iterator[Figure]:
    """One instance that is called again and again."""
    wasm = components.echo()
    with Sandbox() as sandbox, sandbox.instance(sandbox.load(wasm)) as live:
        found = compare(
            {
                OURS: partial(live.call, "echo", {"value": TEXT}),
                EXTISM: peers.extism_warm(components.extism_echo(), "echo", TEXT),
                PLAIN: Plain(wasm).warm("echo", TEXT),
                FLOOR: raw_text(sandbox.engine.wasmtime, wasm, "echo", TEXT),
            },
            bench.effort,
        )
    yield _figure(WARM, found)
    yield _figure(WARM_OVER_FLOOR, {name: found[name] for name in (OURS, FLOOR)})


def fresh(bench: Bench) -> Iterator[Figure]:
    """An instance of its own for every call; Extism's kept one is the peer."""
    wasm = components.echo()
    with Sandbox() as sandbox:
        component = sandbox.load(wasm)
        calls: dict[str, Call] = {
            OURS: partial(sandbox.call, component, "echo", {"value": TEXT}),
            EXTISM: peers.extism_warm(components.extism_echo(), "echo", TEXT),
            EXTISM_FRESH: peers.extism_fresh(components.extism_echo(), "echo", TEXT),
            PLAIN: Plain(wasm).fresh("echo", TEXT),
        }
        yield _figure(FRESH, compare(calls, bench.effort))


def host_functions(bench: Bench) -> Iterator[Figure]:
    """One call in which the guest calls the host a thousand times; a thousandth of its time."""
    wasm, module = components.host_caller(), components.extism_host_caller()
    host: dict[str, Callable[[Any], Any]] = {"text": lambda it: it, "number": lambda it: it}
    plain = Plain(wasm, host={"text": lambda _, it: it, "number": lambda _, it: it})
    imports = {components.HOST_INTERFACE: host}
    limits = Limits(host_calls=HOST_CALLS)
    with Sandbox() as sandbox, sandbox.instance(sandbox.load(wasm), imports=imports) as live:
        for row, function in ((HOST_TEXT, "texts"), (HOST_NUMBER, "numbers")):
            calls: dict[str, Call] = {
                OURS: partial(live.call, function, {"count": HOST_CALLS}, limits=limits),
                EXTISM: peers.extism_with_host(module, function, HOST_CALLS),
                PLAIN: plain.warm(function, HOST_CALLS),
                FLOOR: raw_with_host(sandbox.engine.wasmtime, wasm, function, HOST_CALLS),
            }
            yield _figure(row, scaled(compare(calls, bench.effort), 1 / HOST_CALLS))


SIZES = {"5 B": 5, "64 KiB": 64 * 1024, "1 MiB": 1024 * 1024}

TEXTS = {Row(f"string of {name}", "µs", PLAIN): "x" * size for name, size in SIZES.items()}
BYTES = {
    Row(f"list<u8> of {name}", "µs", PLAIN, at_most(0.02) if name == "1 MiB" else None): bytes(size)
    for name, size in SIZES.items()
}
RECORD = Row("record of ten fields", "µs", PLAIN)
RECORDS = Row("list of 1,000 records", "µs", PLAIN)


def texts(bench: Bench) -> Iterator[Figure]:
    """A string, there and back."""
    with _echoes() as (live, plain):
        for row, value in TEXTS.items():
            yield _echoed(bench, row, live, plain, ("text", value), value)


def byte_lists(bench: Bench) -> Iterator[Figure]:
    """A ``list<u8>``, there and back."""
    with _echoes() as (live, plain):
        for row, value in BYTES.items():
            yield _echoed(bench, row, live, plain, ("bytes", value), value)


def records(bench: Bench) -> Iterator[Figure]:
    """Records, there and back; Extism's way is JSON, which its guest here need not read."""
    with _echoes() as (live, plain):
        for row, function, value in (
            (RECORD, "record", components.RECORD),
            (RECORDS, "records", components.RECORDS),
        ):
            yield _echoed(bench, row, live, plain, (function, value), None)


@contextmanager
def _echoes() -> Iterator[tuple[LiveInstance, Plain]]:
    wasm = components.echoes()
    with Sandbox() as sandbox, sandbox.instance(sandbox.load(wasm)) as live:
        yield live, Plain(wasm)


def _echoed(
    bench: Bench,
    row: Row,
    live: LiveInstance,
    plain: Plain,
    given: tuple[str, Any],
    bare: str | bytes | None,
) -> Figure:
    function, value = given
    calls: dict[str, Call] = {
        OURS: partial(live.call, function, {"value": value}),
        PLAIN: plain.warm(function, as_record(value)),
        EXTISM: _extism_json(value)
        if bare is None
        else peers.extism_warm(components.extism_echo(), "echo", bare),
    }
    assert live.call(function, {"value": value}).result == value
    return _figure(row, compare(calls, bench.effort))


def _extism_json(value: Any) -> Call:
    call = peers.extism_warm(components.extism_echo(), "echo")
    return lambda: call(json.dumps(value), parse=lambda found: json.loads(bytes(found)))


INSTANCES = {
    name: Row(f"fresh instance, {name} guest", "µs", PLAIN) for name in ("TypeScript", "Python")
}


def instances(language: str, bench: Bench) -> Iterator[Figure]:
    """The same for a guest that brings an interpreter along."""
    wasm = bench.plugin(language.lower())
    with Sandbox() as sandbox:
        component = bench.loaded(sandbox, wasm)
        calls: dict[str, Call] = {
            OURS: partial(sandbox.call, component, "echo", {"value": TEXT}),
            PLAIN: Plain(wasm, load=bench.plainly_loaded).fresh("echo", TEXT),
        }
        yield _figure(INSTANCES[language], compare(calls, bench.effort))


def _figure(row: Row, seconds: Mapping[str, float]) -> Figure:
    found = scaled(seconds, MICRO)
    return Figure(row, found.pop(OURS), found)


MEASUREMENTS = (
    Measurement((WARM, WARM_OVER_FLOOR), warm),
    Measurement((FRESH,), fresh),
    Measurement((HOST_TEXT, HOST_NUMBER), host_functions),
    Measurement(tuple(TEXTS), texts),
    Measurement(tuple(BYTES), byte_lists),
    Measurement((RECORD, RECORDS), records),
    *(Measurement((row,), partial(instances, name)) for name, row in INSTANCES.items()),
)
