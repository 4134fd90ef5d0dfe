"""Every metric of a host: its name, labels and meaning. The reference is made of this."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from wardian.policy.distribution import SECONDS

LAG_SECONDS = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 60.0, 300.0, 3_600.0, 21_600.0)
BYTES = tuple(float(2**power) for power in (16, 18, 20, 22, 24, 26, 28, 30))

OF_PLUGIN = ("tenant", "plugin")


class Kind(StrEnum):
    """What Prometheus calls its kinds of metrics."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Described:
    """One metric.

    Attributes:
        name: without the suffixes (``_total``, ``_bucket`` …) that its kind adds.
        bounds: of a histogram's buckets.
    """

    name: str
    kind: Kind
    text: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()

    @property
    def shown_name(self) -> str:
        """The name to ask Prometheus for."""
        return f"{self.name}_total" if self.kind is Kind.COUNTER else self.name


CALLS = Described(
    "wardian_calls",
    Kind.COUNTER,
    "Calls of plugin functions, by level and by how they ended ('ok' or an error's type).",
    (*OF_PLUGIN, "function", "level", "outcome"),
)
CALL_SECONDS = Described(
    "wardian_call_seconds",
    Kind.HISTOGRAM,
    "Wall-clock time of calls.",
    (*OF_PLUGIN, "function", "level"),
    SECONDS,
)
CALL_FUEL = Described(
    "wardian_call_fuel",
    Kind.COUNTER,
    "Fuel that calls consumed, where their level meters it.",
    (*OF_PLUGIN, "function", "level"),
)
CALL_MEMORY = Described(
    "wardian_call_memory_bytes",
    Kind.HISTOGRAM,
    "Peak of the memory that a call added to its worker's.",
    OF_PLUGIN,
    BYTES,
)
CALLS_QUEUED = Described("wardian_calls_queued", Kind.GAUGE, "Calls that wait for a worker.")
QUEUE_WAIT = Described(
    "wardian_queue_wait_seconds",
    Kind.HISTOGRAM,
    "How long calls waited for a worker, where they had to; also those that then gave up.",
    (),
    SECONDS,
)
HOST_CALLS = Described(
    "wardian_host_calls",
    Kind.COUNTER,
    "Host functions called by plugins, by interface and answer.",
    ("interface", "outcome"),
)
RECORDINGS = Described(
    "wardian_recordings",
    Kind.COUNTER,
    "Calls that were to be recorded: 'kept', or why not.",
    ("outcome",),
)
LEAKS = Described(
    "wardian_leaks_stopped",
    Kind.COUNTER,
    "Credentials kept out of what plugins write, by where they were.",
    ("sink",),
)
PLUGIN_COUNTED = Described(
    "wardian_plugin_counted",
    Kind.COUNTER,
    "What plugins count themselves, by the names and labels that they gave.",
    (*OF_PLUGIN, "name", "labels"),
)
PLUGIN_OBSERVED = Described(
    "wardian_plugin_observed",
    Kind.HISTOGRAM,
    "What plugins observe themselves, by the names and labels that they gave.",
    (*OF_PLUGIN, "name", "labels"),
    (0.001, 0.01, 0.1, 1.0, 10.0, 100.0, 1_000.0, 10_000.0),
)
EVENTS_DROPPED = Described(
    "wardian_events_dropped",
    Kind.COUNTER,
    "Events that a plugin could not publish, or did not receive, by the reason.",
    (*OF_PLUGIN, "reason"),
)
EVENT_DELIVERIES = Described(
    "wardian_event_deliveries",
    Kind.COUNTER,
    "Events given to plugins, by what became of them.",
    (*OF_PLUGIN, "outcome"),
)
DELIVERY_LAG = Described(
    "wardian_delivery_lag_seconds",
    Kind.HISTOGRAM,
    "From an event's publication until it was handled by a 'plugin', or taken by an 'endpoint'.",
    ("receiver",),
    LAG_SECONDS,
)
WEBHOOK_DELIVERIES = Described(
    "wardian_webhook_deliveries",
    Kind.COUNTER,
    "Events posted to endpoints of host apps, by what became of them.",
    ("tenant", "outcome"),
)
SCHEDULE_RUNS = Described(
    "wardian_schedule_runs",
    Kind.COUNTER,
    "Runs of plugins' schedules, by how they ended, and ticks that were 'missed'.",
    (*OF_PLUGIN, "outcome"),
)
KEY_REFUSALS = Described(
    "wardian_key_refusals",
    Kind.COUNTER,
    "API keys that were refused, by the reason; 'guessing' were not looked at.",
    ("reason",),
)
RATE_LIMITED = Described(
    "wardian_rate_limited",
    Kind.COUNTER,
    "Requests refused because there were too many, by whose bound it was.",
    ("tenant", "whose"),
)
HOOK_REQUESTS = Described(
    "wardian_webhook_requests",
    Kind.COUNTER,
    "Requests to webhooks, by what became of them.",
    (*OF_PLUGIN, "outcome"),
)
PLUGIN_STATE = Described(
    "wardian_plugin_state",
    Kind.GAUGE,
    "Installed plugins, by the state that they are in.",
    (*OF_PLUGIN, "state"),
)
PLUGIN_HEALTH = Described(
    "wardian_plugin_health",
    Kind.GAUGE,
    "Installed plugins, by what their last health check found.",
    (*OF_PLUGIN, "status"),
)
WORKERS = Described(
    "wardian_workers", Kind.GAUGE, "Worker processes, by what they do now.", ("state",)
)
WORKERS_SPAWNED = Described(
    "wardian_workers_spawned", Kind.COUNTER, "Worker processes started since the host was."
)
WORKERS_LOST = Described(
    "wardian_workers_lost", Kind.COUNTER, "Worker processes that died, or had to be killed."
)
EGRESS_REQUESTS = Described(
    "wardian_http_requests", Kind.GAUGE, "HTTP requests of plugins, now.", ("state",)
)
EGRESS_SOCKETS = Described(
    "wardian_http_sockets", Kind.GAUGE, "Connections for them, idle ones too."
)
EGRESS_HELD = Described(
    "wardian_http_held_bytes",
    Kind.GAUGE,
    "What is in memory of responses that are being read.",
)
SERVED = Described(
    "wardian_http_server_requests",
    Kind.COUNTER,
    "Requests to the API, by the route that answered ('unmatched' for none) and status.",
    ("method", "route", "status"),
)
SERVED_SECONDS = Described(
    "wardian_http_server_request_seconds",
    Kind.HISTOGRAM,
    "Until the end of the answer to a request; streams are left out.",
    ("method", "route"),
    SECONDS,
)
AGENT_ASKS = Described(
    "wardian_agent_asks",
    Kind.COUNTER,
    "Questions put to agents, by how they ended; those that the host asks by itself are 'probe'.",
    (*OF_PLUGIN, "ending"),
)
AGENT_SECONDS = Described(
    "wardian_agent_seconds",
    Kind.HISTOGRAM,
    "Until an agent's answer, of questions that were answered.",
    OF_PLUGIN,
    SECONDS,
)
AGENT_COST = Described(
    "wardian_agent_cost",
    Kind.COUNTER,
    "What agents cost, in the operator's currency.",
    OF_PLUGIN,
)
AGENT_FEEDBACK = Described(
    "wardian_agent_feedback", Kind.COUNTER, "Answers of agents that somebody judged.", OF_PLUGIN
)
AGENT_BREAKERS = Described(
    "wardian_agent_breakers",
    Kind.GAUGE,
    "Agents, by the state of their circuit breaker ('closed', 'open', 'half-open').",
    (*OF_PLUGIN, "state"),
)
AGENT_QUALITY = Described(
    "wardian_agent_quality",
    Kind.GAUGE,
    "How good an agent's answers are, 0 to 1, by what they were asked for.",
    (*OF_PLUGIN, "capability"),
)
SPANS_DROPPED = Described(
    "wardian_spans_dropped",
    Kind.COUNTER,
    "Parts of traced calls that got no span of their own, because the call had so many.",
)
LINES_DROPPED = Described(
    "wardian_log_lines_dropped",
    Kind.COUNTER,
    "Lines of plugins that followers of the log were too slow for.",
)
BUILD = Described(
    "wardian_build_info", Kind.GAUGE, "Always 1; the labels say what runs.", ("version",)
)

METRICS = tuple(each for each in list(globals().values()) if isinstance(each, Described))
"""All of them, in this order."""
