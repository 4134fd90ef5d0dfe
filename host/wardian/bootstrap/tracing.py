"""Whether traces are sent, and how: OpenTelemetry's SDK, where it is installed and asked for."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib import import_module
from typing import Any

from wardian import __version__
from wardian.errors import HostUnusable
from wardian.settings import Settings
from wardian.telemetry.tracing import Tracing

EXTRA = "wardian[otel]"

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_EXPORTER = "OTEL_TRACES_EXPORTER"

_log = logging.getLogger("wardian.tracing")


@asynccontextmanager
async def traced(
    settings: Settings, tracing: Tracing, environment: Mapping[str, str] = os.environ
) -> AsyncIterator[None]:
    """Have ``tracing`` send its spans while this is open, if the operator wants them.

    Where to, and what is sampled, is said by OpenTelemetry's own variables (``OTEL_…``).

    Raises:
        HostUnusable: `WARDIAN_OTEL_TRACES` asks for traces, and they cannot be sent.
    """
    tracing.spans_max = settings.otel_spans_max
    tracing.propagates = settings.otel_propagate
    provider = _provider(settings, environment) if _is_wanted(settings, environment) else None
    if provider is None:
        yield
        return
    tracing.use(provider)
    try:
        yield
    finally:
        tracing.use(None)
        # It sends what is left, and waits for the collector as long as it may.
        await asyncio.to_thread(provider.shutdown)


def _is_wanted(settings: Settings, environment: Mapping[str, str]) -> bool:
    disabled = environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    if disabled or environment.get(_EXPORTER, "").strip().lower() == "none":
        return False
    if settings.otel_traces is not None:
        return settings.otel_traces
    return any(environment.get(name) for name in (*_ENDPOINTS, _EXPORTER))


def _provider(settings: Settings, environment: Mapping[str, str]) -> Any:
    """Make what makes spans and sends them; None where that cannot be, and need not."""
    try:
        return _made(environment)
    except (ImportError, ValueError) as error:
        missing = isinstance(error, ImportError)
        why = f"it takes {EXTRA}: pip install '{EXTRA}'" if missing else str(error)
        if settings.otel_traces:
            raise HostUnusable(
                f"Traces cannot be sent, as WARDIAN_OTEL_TRACES has it: {why}."
            ) from (error)
        _log.warning("Traces are not sent: %s.", why)
        return None


def _made(environment: Mapping[str, str]) -> Any:
    exporter = environment.get(_EXPORTER, "otlp").strip().lower()
    if exporter != "otlp":
        raise ValueError(f"{_EXPORTER} is {exporter!r}, and there is 'otlp' and 'none'")
    protocol = next(filter(None, map(environment.get, _PROTOCOLS)), "http/protobuf")
    if protocol != "http/protobuf":
        raise ValueError(f"{_PROTOCOLS[1]} is {protocol!r}, and there is 'http/protobuf' alone")
    # Loaded when it is asked for: it is an extra, and takes longer than the rest of a start.
    sdk = import_module("opentelemetry.sdk.trace")
    export = import_module("opentelemetry.sdk.trace.export")
    resources = import_module("opentelemetry.sdk.resources")
    otlp = import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
    about = {"service.version": __version__}
    named = environment.get("OTEL_SERVICE_NAME") or "service.name=" in environment.get(
        "OTEL_RESOURCE_ATTRIBUTES", ""
    )
    if not named:
        about["service.name"] = "wardian"
    provider = sdk.TracerProvider(resource=resources.Resource.create(about), shutdown_on_exit=False)
    provider.add_span_processor(export.BatchSpanProcessor(otlp.OTLPSpanExporter()))
    return provider
