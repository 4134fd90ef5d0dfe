"""Traces: a tree from the request to the last plugin of a chain, or nothing at all."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased, Sampler
from opentelemetry.trace import SpanKind

from apis import clients
from hosts import WASM, FakeHost, fake_host
from packages import package
from relays import along, relay
from strangers import LOOPBACK, request, stranger
from wardian.bootstrap import open_host
from wardian.bootstrap.tracing import traced
from wardian.errors import HostUnusable, Trap
from wardian.runtime.executor.job import HostCalls
from wardian.settings import Settings
from wardian.telemetry.tracing import Tracing

pytestmark = pytest.mark.anyio

ASKING = """
capabilities = ["{name}"]

[[permissions]]
permission = "plugins:call:*"
reason = "Calls."

[[permissions]]
permission = "kv:read"
reason = "Counts."

[[permissions]]
permission = "events:publish:orders.*"
reason = "Tells."

[[permissions]]
permission = "events:subscribe:orders.*"
reason = "Hears."
"""

HANDLER = "wardian:plugin/event-handler@1.0.0#handle"
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-{flags}"
CANARY = "canary-value-of-an-argument"


async def ask(arguments: Mapping[str, Any], answer: HostCalls) -> Any:
    return [await answer(*each) for each in arguments["calls"]]


async def fail(arguments: Mapping[str, Any], answer: HostCalls) -> Any:
    raise Trap(f"wasm trap: {CANARY}")


async def handle(arguments: Mapping[str, Any], answer: HostCalls) -> Any:
    return None


class Collected:
    """The spans that a host made, as an exporter gets them."""

    def __init__(self, sampler: Sampler = ALWAYS_ON) -> None:
        self._exporter = InMemorySpanExporter()
        self.provider = TracerProvider(sampler=sampler, shutdown_on_exit=False)
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        return self._exporter.get_finished_spans()

    def tree(self) -> dict[str, str | None]:
        """The name of each span's parent, by its own name."""
        names = {span.context.span_id: span.name for span in self.spans if span.context}
        return {
            span.name: names.get(span.parent.span_id) if span.parent else None
            for span in self.spans
        }

    def one(self, name: str) -> ReadableSpan:
        (found,) = [span for span in self.spans if span.name == name]
        return found


@asynccontextmanager
async def tracing_host(
    folder: Path, collected: Collected, *names: str, **settings: Any
) -> AsyncIterator[FakeHost]:
    functions = {"ask": ask, "fail": fail, HANDLER: handle}
    async with fake_host(folder, functions, **settings) as made:
        made.host.telemetry.tracing.use(collected.provider)
        for name in names:
            await made.host.install(package(name, WASM, ASKING.format(name=name)), grants="all")
        collected._exporter.clear()
        yield made


def attributes_of(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


async def test_a_request_its_calls_and_their_host_calls_are_one_tree(tmp_path: Path) -> None:
    """From HTTP through real workers to the host call of a plugin that another calls."""
    collected = Collected()
    settings = Settings(data_dir=tmp_path / "data", workers_max=2, allow_weak_isolation=True)
    async with open_host(settings) as host:
        for name in "ab":
            await host.install(relay(name), grants="all")
        host.telemetry.tracing.use(collected.provider)
        async with clients(host, settings)(host.bootstrap_token) as client:
            answer = await client.post(
                "/api/v1/plugins/a/functions/relay",
                json={"arguments": along("b", "bump", key="n", by=1)},
                headers={"traceparent": PARENT.format(flags="01"), "tracestate": "shop=1"},
            )
        assert answer.status_code == 200, answer.text

    route = "POST /api/v1/plugins/{name}/functions/{function}"
    (inner,) = [s for s in collected.spans if s.name == "call b.bump"]
    by_id = {span.context.span_id: span for span in collected.spans if span.context}
    path = [inner]
    while path[-1].parent is not None and path[-1].parent.span_id in by_id:
        path.append(by_id[path[-1].parent.span_id])
    assert [span.name for span in reversed(path)] == [
        route,
        "call a.relay",
        "run in a worker",
        "plugins#call",
        "call b.bump",
    ]
    (kv,) = [span for span in collected.spans if span.name.startswith("kv#")]
    assert kv.parent is not None
    ran_in = by_id[kv.parent.span_id]
    assert ran_in.name == "run in a worker"
    assert ran_in.parent is not None
    assert by_id[ran_in.parent.span_id].name == "call b.bump"
    waits = [span for span in collected.spans if span.name == "wait for a worker"]
    assert len(waits) == 2

    root = collected.one(route)
    assert root.parent is not None
    assert f"{root.parent.trace_id:032x}" == PARENT[3:35]
    assert root.context is not None
    assert root.context.trace_state.get("shop") == "1"
    told = attributes_of(root)
    assert told["http.request.method"] == "POST"
    assert told["http.route"] == "/api/v1/plugins/{name}/functions/{function}"
    assert told["http.response.status_code"] == 200
    assert told["wardian.tenant"] == "default"
    called = attributes_of(inner)
    assert called["wardian.plugin"] == "b"
    assert called["wardian.level"] == "restricted"
    assert called["wardian.usage.fuel"] > 0
    assert attributes_of(kv)["wardian.outcome"] == "ok"


async def test_a_plugin_sees_the_traceparent_of_its_own_call(tmp_path: Path) -> None:
    collected = Collected()
    async with tracing_host(tmp_path, collected, "a") as made:
        outcome = await made.host.call("a", "ask", {"calls": [("context", "current", [])]})

    (answer,) = outcome.result
    span = collected.one("call a.ask").context
    assert span is not None
    assert answer["val"]["traceparent"] == (
        f"00-{span.trace_id:032x}-{span.span_id:016x}-{span.trace_flags:02x}"
    )


@pytest.mark.parametrize("sampler", [ALWAYS_OFF, ParentBased(ALWAYS_OFF)])
async def test_where_nothing_is_sampled_no_span_is_made_below_the_request(
    tmp_path: Path, sampler: Sampler, monkeypatch: pytest.MonkeyPatch
) -> None:
    collected = Collected(sampler)
    made_spans: list[str] = []
    start = Tracing.start

    def counted(self: Tracing, name: str, *rest: Any, **more: Any) -> Any:
        made_spans.append(name)
        return start(self, name, *rest, **more)

    monkeypatch.setattr(Tracing, "start", counted)
    parent = PARENT.format(flags="00")
    calls = [("kv", "get", ["n"]), ("context", "current", [])]
    async with tracing_host(tmp_path, collected, "a") as made:
        made_spans.clear()
        async with clients(made.host, Settings())(made.host.bootstrap_token) as client:
            answer = await client.post(
                "/api/v1/plugins/a/functions/ask",
                json={"arguments": {"calls": calls}},
                headers={"traceparent": parent},
            )

    assert made_spans == ["POST"]
    assert collected.spans == ()
    assert answer.json()["result"][1]["val"]["traceparent"] == parent


async def test_without_a_provider_nothing_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*rest: Any, **more: Any) -> Any:
        raise AssertionError("a span was made")

    monkeypatch.setattr(Tracing, "start", never)
    async with fake_host(tmp_path, {"ask": ask}) as made:
        await made.host.install(package("a", WASM, ASKING.format(name="a")), grants="all")
        outcome = await made.host.call("a", "ask", {"calls": [("kv", "get", ["n"])]})

    assert outcome.result[0]["tag"] == "ok"


async def test_spans_have_nothing_of_what_a_call_was_given_or_said(tmp_path: Path) -> None:
    collected = Collected()
    calls = [("kv", "get", [CANARY]), ("logging", "log", ["info", CANARY, []])]
    async with tracing_host(tmp_path, collected, "a") as made:
        await made.host.call("a", "ask", {"calls": calls, "other": CANARY})
        with pytest.raises(Trap):
            await made.host.call("a", "fail", {"secret": CANARY})
        async with clients(made.host, Settings())(made.host.bootstrap_token) as client:
            await client.get(f"/api/v1/plugins/{CANARY}?key={CANARY}")
            await client.get(f"/{CANARY}", headers={"Authorization": f"Bearer wdn_{CANARY}"})

    everything = "".join(span.to_json() for span in collected.spans)
    assert "call a.fail" in everything
    assert CANARY not in everything
    failed = collected.one("call a.fail")
    assert attributes_of(failed)["error.type"] == "trap"
    assert not failed.status.is_ok
    assert not failed.events


async def test_a_guest_that_asks_for_ever_gets_so_many_spans_and_the_rest_is_counted(
    tmp_path: Path,
) -> None:
    collected = Collected()
    asking = [("kv", "get", ["n"])] * 300
    nested = [("plugins", "call", ["b", "*", "ask", json.dumps({"calls": asking})])] * 3
    async with tracing_host(tmp_path, collected, "a", "b", chain_depth_max=8) as made:
        made.host.telemetry.tracing.spans_max = 50
        await made.host.call("a", "ask", {"calls": nested})
        rendered = made.host.telemetry.render().decode()

    assert len(collected.spans) == 51
    dropped = attributes_of(collected.one("call a.ask"))["wardian.spans.dropped"]
    assert dropped > 800
    assert f"wardian_spans_dropped_total {float(dropped)}" in rendered


async def test_an_event_that_is_handled_is_linked_to_the_call_that_published_it(
    tmp_path: Path,
) -> None:
    collected = Collected()
    async with tracing_host(tmp_path, collected, "a") as made, made.parts.delivering.kept():
        handled = ("events", "publish", ["orders.new", "1", None])
        await made.host.call("a", "ask", {"calls": [handled]})
        while not any(span.name == "event" for span in collected.spans):
            await made.host.deliveries.subscribers()

    event = collected.one("event")
    assert event.parent is None
    (link,) = event.links
    assert link.context == collected.one("events#publish").context
    assert attributes_of(event)["messaging.destination.name"] == "orders.new"
    assert collected.tree()[f"call a.{HANDLER}"] == "event"


async def test_a_request_of_a_plugin_carries_the_traceparent_of_its_host_call(
    tmp_path: Path,
) -> None:
    collected = Collected()
    async with stranger() as server:
        asks = f'permissions = [{{ permission = "{server.grant()}", reason = "Asks." }}]'
        folder, networks = tmp_path / "data", (LOOPBACK,)
        async with tracing_host(folder, collected, egress_allowed_networks=networks) as made:
            await made.host.install(package("asks", WASM, asks), grants="all")
            own = [("traceparent", "00-1-2-3")]
            first, second, third = (
                request(f"{server.url}/token-in-path?key=token-in-query"),
                request(server.url, headers=own),
                request(server.url),
            )
            calls = [("http", "send", [each]) for each in (first, second)]
            await made.host.call("asks", "ask", {"calls": calls})
            made.host.telemetry.tracing.propagates = False
            await made.host.call("asks", "ask", {"calls": [("http", "send", [third])]})

    spans = [span for span in collected.spans if span.name == "http#send"]
    context = spans[0].context
    assert context is not None
    sent = [heard.header("traceparent") for heard in server.heard]
    expected = f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
    assert sent == [expected, "00-1-2-3", None]
    assert all(heard.header("tracestate") is None for heard in server.heard)
    told = attributes_of(spans[0])
    assert spans[0].kind is SpanKind.CLIENT
    assert (told["http.request.method"], told["http.response.status_code"]) == ("GET", 200)
    assert (told["server.address"], told["server.port"]) == ("127.0.0.1", server.port)
    assert "token-in" not in spans[0].to_json()


async def test_traces_reach_a_collector_over_otlp(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The collector is a stand-in of this test's own, on loopback."""
    async with stranger() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        monkeypatch.setenv("OTEL_SERVICE_NAME", "garden")
        async with fake_host(tmp_path, {"ask": ask}) as made:
            await made.host.install(package("a", WASM, ASKING.format(name="a")), grants="all")
            async with traced(Settings(otel_spans_max=7), made.host.telemetry.tracing):
                await made.host.call("a", "ask", {"calls": [("kv", "get", ["n"])]})
            assert not made.host.telemetry.tracing.is_on
            assert made.host.telemetry.tracing.spans_max == 7

    received = [heard for heard in collector.heard if heard.target == "/v1/traces"]
    sent = [ExportTraceServiceRequest.FromString(heard.body) for heard in received]
    (resource,) = [each for one in sent for each in one.resource_spans]
    named = {each.key: each.value.string_value for each in resource.resource.attributes}
    assert named["service.name"] == "garden"
    spans = {span.name: span for scope in resource.scope_spans for span in scope.spans}
    assert set(spans) == {"call a.ask", "kv#get"}
    assert spans["kv#get"].parent_span_id == spans["call a.ask"].span_id


@pytest.mark.parametrize(
    ("variables", "chosen"),
    [
        ({}, None),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_SDK_DISABLED": "true"}, None),
        ({"OTEL_TRACES_EXPORTER": "none"}, True),
        ({"OTEL_TRACES_EXPORTER": "console"}, None),
    ],
)
async def test_nothing_is_traced_unless_it_is_asked_for_and_can_be_sent(
    variables: dict[str, str], chosen: bool | None
) -> None:
    tracing = Tracing()
    async with traced(Settings(otel_traces=chosen), tracing, variables):
        assert not tracing.is_on


@pytest.mark.parametrize(
    "variables",
    [{"OTEL_TRACES_EXPORTER": "console"}, {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}],
)
async def test_a_host_that_is_to_trace_and_cannot_does_not_start(
    variables: dict[str, str],
) -> None:
    with pytest.raises(HostUnusable, match="WARDIAN_OTEL_TRACES"):
        async with traced(Settings(otel_traces=True), Tracing(), variables):
            """Never reached."""


async def test_without_the_extra_a_host_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def missing(name: str) -> Any:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr("wardian.bootstrap.tracing.import_module", missing)
    with pytest.raises(HostUnusable, match=r"wardian\[otel\]"):
        async with traced(Settings(otel_traces=True), Tracing(), {}):
            """Never reached."""
    endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
    async with traced(Settings(), Tracing(), endpoint):
        assert "pip install 'wardian[otel]'" in caplog.text


async def test_who_sends_to_a_webhook_is_no_parent_but_a_link(tmp_path: Path) -> None:
    collected = Collected()
    async with (
        tracing_host(tmp_path, collected) as made,
        clients(made.host, Settings())(None) as client,
    ):
        headers = {"traceparent": PARENT.format(flags="01")}
        await client.post("/api/v1/hooks/nobody", content=b"x", headers=headers)

    (span,) = collected.spans
    assert span.parent is None
    (link,) = span.links
    assert f"{link.context.trace_id:032x}" == PARENT[3:35]
    assert span.context is not None
    assert span.context.trace_id != link.context.trace_id
