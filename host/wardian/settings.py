"""The operator's settings: environment variables with the prefix ``WARDIAN_``."""

from __future__ import annotations

import ipaddress
import os
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from wardian.errors import HostUnusable
from wardian.policy.layers import Environment
from wardian.policy.levels import Level
from wardian.policy.limits import MAX_WALL_SECONDS, MIB
from wardian.policy.quotas import AMOUNT_MAX


class EventBusKind(StrEnum):
    """What takes events to plugins."""

    DATABASE = "database"
    NATS = "nats"


class ProxyHeader(StrEnum):
    """Where trusted proxies say from where a request came."""

    X_FORWARDED_FOR = "x-forwarded-for"
    FORWARDED = "forwarded"


_Count = Annotated[int, Field(ge=1)]
_Seconds = Annotated[float, Field(gt=0)]
_Quota = Annotated[int, Field(ge=0, le=AMOUNT_MAX)] | None
_Price = Annotated[Decimal, Field(ge=0, max_digits=18, decimal_places=12)]


class Settings(BaseSettings):
    """What an operator may set."""

    model_config = SettingsConfigDict(
        env_prefix="WARDIAN_", frozen=True, extra="forbid", use_attribute_docstrings=True
    )

    data_dir: Path = Path(".wardian")
    """Database, components and compiled code; one host at a time."""

    host: str = "127.0.0.1"
    """The address to listen on."""

    port: Annotated[int, Field(ge=0, le=65_535)] = 8420
    """The port to listen on; 0 takes a free one."""

    bootstrap_key: SecretStr | None = None
    """The first admin key, `wdn_` and at least 24 characters; used on an empty data directory
    only. Without it one is made and printed once. A shorter one is accepted, with a warning, while
    the host listens on a loopback address."""

    database_url: str | None = None
    """The database: `postgresql://USER@HOST/NAME`, which several hosts may share; SQLite in the
    data directory unless set."""

    packages_dir: Path | None = None
    """Where packages are kept; in the data directory unless set. Hosts that share a database share
    this folder, too, over a network file system, say."""

    workers_max: _Count = (os.cpu_count() or 1) + 2
    """Worker processes at most; the default is two more than there are cores."""

    queue_max: Annotated[int, Field(ge=0)] = 64
    """Calls of one tenant that may wait for a worker."""

    queue_seconds: _Seconds = 5.0
    """How long a call may wait for a worker."""

    calls_per_worker: _Count = 10_000
    """Calls after which a worker is replaced."""

    crashes_max: _Count = 5
    """Calls of a plugin in a row that cost their workers, after which it is quarantined."""

    crash_window_seconds: _Seconds = 600.0
    """Within this time of the first of them."""

    health_checks: bool = True
    """Check plugins that export a `health` on schedule; `wardian health` checks one at any time."""

    health_interval_seconds: Annotated[float, Field(ge=1, le=86_400)] = 60.0
    """Between two checks of a plugin whose manifest does not say."""

    fault_rate_max: Annotated[float, Field(gt=0, le=1)] = 0.5
    """The share of a plugin's last 50 calls that may be stopped, trap or be lost before it is
    degraded; 1 turns this off."""

    compile_seconds: _Count = 120
    """CPU time of one compilation, in seconds."""

    compile_memory_bytes: _Count = 4096 * MIB
    """Memory of one compilation."""

    upload_bytes_max: _Count = 64 * MIB
    """Size of a package; its unpacked files may take four times that."""

    body_bytes_max: _Count = 16 * MIB
    """Size of any other request."""

    bodies_bytes_max: _Count = 512 * MIB
    """What the host holds at a time of the bodies of requests; half of it of one tenant, a quarter
    with one key, and always one of the largest that there may be."""

    kv_bytes_max: _Count = 64 * MIB
    """What one plugin may keep in one tenant's key-value storage."""

    kv_keys_max: _Count = 100_000
    """Keys that one plugin may keep in one tenant."""

    rows_max: _Count = 100_000
    """Rows, of the host and of host apps, that one plugin may keep data beside in one tenant."""

    versions_kept: Annotated[int, Field(ge=1, le=100)] = 5
    """Earlier versions of a plugin that are kept to roll back to."""

    recorded_calls_max: Annotated[int, Field(ge=0)] = 100
    """Calls of one plugin that may be kept for replay; whether any are is set for each plugin.
    0 forbids it."""

    recording_bytes_max: _Count = MIB
    """Size of one recorded call; a larger one is not kept."""

    recordings_bytes_max: _Count = 64 * MIB
    """What the recorded calls of one plugin may take together; the oldest go first."""

    call_wall_seconds_max: Annotated[float, Field(gt=0, le=MAX_WALL_SECONDS)] | None = None
    """Ceiling over every level's own wall clock."""

    call_memory_bytes_max: _Count | None = None
    """Ceiling over every level's own memory."""

    chain_depth_max: Annotated[int, Field(ge=1, le=64)] = 8
    """Plugins that a chain of calls may have, each calling the next; 1 forbids such calls. Each has
    a worker for as long as the next has not answered, beside those that `WARDIAN_WORKERS_MAX`
    counts."""

    event_hops_max: Annotated[int, Field(ge=1, le=1_000)] = 8
    """Events that may lead to one, each published by a plugin while it handled the one before. The
    next is refused, and the circle ends."""

    event_rate_max: Annotated[float, Field(gt=0)] = 100.0
    """Events that one plugin may publish a second, on this host and in the long run; what that is
    in ten seconds it may publish at once."""

    app_event_rate_max: Annotated[float, Field(gt=0)] = 400.0
    """Events that a tenant's host apps may publish a second through the API, on this host and in
    the long run, and a quarter of it those with the same key. The next are refused with status 429
    and the header `Retry-After`."""

    event_queue_max: _Count = 10_000
    """Events that may wait for one plugin; those that come while as many wait are dropped."""

    event_attempts_max: Annotated[int, Field(ge=1, le=100)] = 8
    """Times that an event is given to a plugin that fails, before it is a dead letter."""

    event_retry_seconds: Annotated[float, Field(gt=0, le=3_600)] = 1.0
    """How long it waits after the first time; it doubles with each further one, up to an hour."""

    event_lease_seconds: Annotated[float, Field(ge=1, le=3_600)] = 30.0
    """How long another host, or the next start, waits for what a host that was killed had begun.
    The clocks of hosts that share a database must not be apart by more than a part of it."""

    event_days_kept: _Count = 7
    """How long events can be listed and streamed after they were delivered."""

    events_kept: _Count = 100_000
    """How many of each tenant's, at most; and none that is still to be delivered is removed."""

    dead_letter_days_kept: _Count = 30
    """How long dead letters are kept."""

    dead_letters_kept: _Count = 1_000
    """How many of each plugin's, at most; the oldest go first."""

    event_bus: EventBusKind = EventBusKind.DATABASE
    """What takes events to plugins: `database`, which needs nothing else, or `nats`, for several
    hosts."""

    nats_url: SecretStr | None = None
    """The servers of `nats`, with commas between: `nats://HOST:4222`, or `tls://HOST:4222`, which
    may have `USER:PASSWORD@` before the host. Unless set it is `nats://127.0.0.1:4222`."""

    nats_credentials_file: Path | None = None
    """A user's JWT and seed for them (`.creds`), in place of a password."""

    nats_ca_file: Path | None = None
    """The certificates that their own are checked with, in place of the system's."""

    nats_stream: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")] = "wardian"
    """The name of the stream, and of what its subjects begin with; hosts that share a database
    share it."""

    nats_replicas: Annotated[int, Field(ge=1, le=5)] = 1
    """On how many servers of a cluster the stream is kept, when it is made."""

    event_streams_max: _Count = 64
    """Streams of events that a tenant's host apps may have open, and a quarter of it those with
    the same key."""

    mcp: bool = True
    """Serve MCP at `/mcp`: the functions that a key may call, as tools for models."""

    mcp_names: tuple[str, ...] = ()
    """Names that this host is known by (a JSON list), beside `localhost` and that in
    `WARDIAN_PUBLIC_URL`. A request to `/mcp` under another name is refused: it is a page that had
    its own name lead here."""

    mcp_descriptions: bool = True
    """Whether models are told what plugins' authors say of them; if not, only what each function
    takes and returns."""

    webhook_endpoints_max: Annotated[int, Field(ge=0, le=1_000)] = 20
    """Endpoints of host apps that one tenant may have events posted to; 0 forbids them."""

    webhook_queue_max: _Count = 10_000
    """Events that may wait for one endpoint; those that come while as many wait are dropped."""

    webhook_at_once_max: _Count = 128
    """Events that this host posts at a time, to all endpoints; to one endpoint it posts two."""

    webhook_timeout_seconds: Annotated[float, Field(gt=0, le=300)] = 15.0
    """How long a receiver may take to answer."""

    webhook_attempts_max: Annotated[int, Field(ge=1, le=100)] = 14
    """Times that an event is posted to an endpoint that fails, before it is a dead letter."""

    webhook_retry_seconds: Annotated[float, Field(gt=0, le=3_600)] = 5.0
    """How long it waits after the first time; it doubles with each further one, up to six hours.
    The defaults try for about nine hours."""

    webhook_failing_days: Annotated[float, Field(gt=0, le=365)] = 3.0
    """An endpoint to which nothing could be delivered for so long is disabled."""

    webhook_attempts_kept: Annotated[int, Field(ge=1, le=10_000)] = 200
    """Attempts of each endpoint that can be looked at."""

    webhook_allow_http: bool = False
    """Whether an endpoint may have an address without TLS (`http://`)."""

    jobs: bool = True
    """Run jobs (calls with `Prefer: respond-async`) on this host; without it they wait for
    others."""

    job_at_once: _Count | None = None
    """Jobs that this host runs at a time, of all tenants; unless set it is three quarters of
    `WARDIAN_WORKERS_MAX`."""

    job_tenant_at_once: _Count | None = None
    """Jobs of one tenant that it runs at a time, so that they leave workers to those who wait;
    unless set it is half of `WARDIAN_WORKERS_MAX`."""

    job_waiting_max: _Count = 1_000
    """Jobs of one tenant that may wait, half of them of one key; the next are refused with status
    429 and `Retry-After`."""

    job_waiting_bytes_max: _Count = 64 * MIB
    """What may be stored of what they were asked, together; half of it of one key."""

    job_drain_seconds: Annotated[float, Field(ge=0, le=3_600)] = 10.0
    """How long a host that stops lets its jobs go on. Those that have not ended by then are run
    again if they may be, and lost if not."""

    job_result_bytes_max: _Count = 8 * MIB
    """Size of what a job comes to; one with more fails."""

    jobs_kept: _Count = 10_000
    """Jobs of one tenant that have ended and are kept; the oldest go first."""

    job_results_bytes_max: _Count = 256 * MIB
    """What the outcomes of one tenant's jobs may take together; the oldest are forgotten first,
    and their jobs stay."""

    job_days_kept: _Count = 7
    """How long a job is kept after it has ended."""

    agent_answers_seconds: Annotated[float, Field(ge=0, le=604_800)] = 3_600.0
    """For how long an agent's answer is given again to equal questions, if the agent says that it
    may be; at most until anything about the agent changes. With 0 none is. They are kept among the
    answers that `WARDIAN_CACHE_BYTES_MAX` bounds."""

    agent_failures_max: _Count = 5
    """An agent that did not answer so many questions in a row is asked no more for a while; half as
    many if its plugin is degraded."""

    agent_failure_rate_max: Annotated[float, Field(gt=0, le=1)] = 0.5
    """The share of an agent's last questions that may fail before it is asked no more for a
    while."""

    agent_open_seconds: Annotated[float, Field(gt=0, le=86_400)] = 5.0
    """For how long it is not asked then, before one question tries it again; twice as long after
    each that fails."""

    agent_open_seconds_max: Annotated[float, Field(gt=0, le=86_400)] = 300.0
    """But never longer."""

    agent_probes: bool = True
    """Whether agents whose manifest has a probe are asked on schedule, at the tenant's cost."""

    agent_feedback_kept: _Count = 100_000
    """Judgements of agents' answers that are kept of one tenant; the oldest go first."""

    asks_kept: _Count = 100_000
    """Questions to agents of one tenant that are known of afterwards, without what was asked and
    answered; the oldest go first."""

    ask_days_kept: _Count = 30
    """How long a question is known of."""

    batch_calls_max: _Count = 100
    """Calls that one request to `/api/v2/batch` may have."""

    batch_at_once: _Count | None = None
    """Calls of one tenant's batches that this host runs at a time, of all its batches together, so
    that they leave workers to its other calls; unless set it is half of `WARDIAN_WORKERS_MAX`."""

    batch_bytes_max: _Count = 16 * MIB
    """Size of a batch's answer. What comes when it is full is left out, and says so."""

    schedules: bool = True
    """Run plugins' schedules on this host; `wardian schedules run` runs one at any time."""

    schedules_max: Annotated[int, Field(ge=0, le=32)] = 16
    """Schedules that one plugin may have."""

    schedule_apart_seconds: Annotated[float, Field(ge=1, le=86_400)] = 60.0
    """The least time between two ticks of a schedule. A plugin that asks for less is refused; of
    one that was installed before, the ticks in between are left out."""

    schedule_made_up_max: Annotated[int, Field(ge=1, le=100)] = 24
    """Ticks that are made up for, of a schedule that has a run for each tick that it missed."""

    schedule_jitter_seconds: Annotated[float, Field(ge=0, le=3_600)] = 30.0
    """Within this time of its tick a run begins, each schedule at a moment of its own and at most a
    quarter of the time to the next tick later; 0 begins all of them at once."""

    schedule_late_seconds: Annotated[float, Field(ge=1, le=86_400)] = 60.0
    """A run that cannot begin within this time after that is missed."""

    schedule_runs_kept: Annotated[int, Field(ge=1, le=10_000)] = 100
    """Runs of each schedule that can be looked at."""

    hook_bytes_max: _Count = MIB
    """Size of a webhook's request."""

    hook_receive_seconds: _Seconds = 10.0
    """How long a webhook's request may take to arrive."""

    hook_rate_max: Annotated[float, Field(gt=0)] = 20.0
    """Requests a second that one webhook takes, on this host and in the long run; what that is in
    ten seconds it takes at once. A tenant's webhooks together take four times that, and four times
    as many requests are looked at, whether their signatures hold or not."""

    hook_days_kept: _Count = 7
    """How long a delivery of a webhook is remembered, so that it is not handled again."""

    hook_deliveries_kept: _Count = 100_000
    """How many of each plugin's, at most; the oldest are forgotten first."""

    idempotency_hours: Annotated[float, Field(gt=0, le=720)] = 24.0
    """How long the answer to a request with an `Idempotency-Key` is kept, so that the same request
    is not carried out again."""

    idempotency_keys_max: _Count = 100_000
    """Such requests of one tenant that are remembered, and half of it those with the same API key.
    The next are refused with status 429."""

    idempotency_bytes_max: _Count = 256 * MIB
    """What the answers to them may take together, and half of it those with the same API key."""

    idempotency_answer_bytes_max: Annotated[int, Field(ge=1, le=64 * MIB)] = MIB
    """Size of one answer that is kept; of a larger one it is remembered that there was one."""

    cache_bytes_max: Annotated[int, Field(ge=0)] = 64 * MIB
    """What the kept answers of plugins' functions may take on this host, those of all tenants
    together; 0 keeps none, whatever manifests say."""

    cache_entries_max: _Count = 100_000
    """How many answers that may be. Where all tenants together have too many, those of the one
    that has the most go."""

    cache_tenant_bytes_max: _Count = 16 * MIB
    """What those of one tenant may take; those that were not used for the longest go first."""

    cache_tenant_entries_max: _Count = 20_000
    """How many answers one tenant may have."""

    cache_entry_bytes_max: _Count = MIB
    """Size of one answer; a larger one is not kept."""

    environment: Environment = Environment.PRODUCTION
    """What this host is for: `development`, `staging` or `production`. Plugins see the
    configuration of this environment."""

    config_dir: Path | None = None
    """A folder with files of configuration: `ENVIRONMENT.toml` is the default tenant's,
    `tenants/TENANT/ENVIRONMENT.toml` another's. A file is read when it changes; one that cannot be
    taken leaves its last good state."""

    config_history_max: Annotated[int, Field(ge=1, le=10_000)] = 100
    """Changes of one plugin's configuration, and of what is tenant-wide, that are kept to go back
    to."""

    quota_calls: _Quota = None
    """Calls of a tenant in a day, in UTC; without a bound unless set. The next is refused with
    `quota-exceeded`. What plugins call of each other within a call counts with that one, and the
    host's own calls do not count."""

    quota_fuel: _Quota = None
    """Fuel that a tenant's calls may spend in a day. A call gets no more than is left of it."""

    quota_egress_bytes: _Quota = None
    """Bytes of plugins' HTTP requests and responses, on the wire, in a day."""

    quota_storage_bytes: _Quota = None
    """What a tenant may keep: entries of plugins, configurations, components of packages."""

    cost_call: _Price = Decimal(0)
    """What a call costs that comes from outside."""

    cost_billion_fuel: _Price = Decimal(0)
    """What a billion units of fuel cost."""

    cost_gib_egress: _Price = Decimal(0)
    """What a GiB of plugins' HTTP requests and responses costs."""

    cost_gib_second: _Price = Decimal(0)
    """What a GiB of memory costs for a second: a call's peak, for as long as it runs."""

    cost_currency: Annotated[str, Field(min_length=1, max_length=16)] = "units"
    """What prices and costs are in; a label."""

    analytics_functions_max: Annotated[int, Field(ge=1, le=10_000)] = 200
    """Functions of a tenant, in all their versions, that analytics tell apart in a day; the calls
    of further ones are added up together."""

    analytics_minutes_kept_hours: Annotated[int, Field(ge=1, le=168)] = 6
    """For how long what was used is known to the minute."""

    analytics_hours_kept_days: Annotated[int, Field(ge=1, le=400)] = 35
    """For how long what was used is known to the hour."""

    analytics_days_kept_days: Annotated[int, Field(ge=31, le=4_000)] = 400
    """For how long what was used is known to the day."""

    agent_half_life_hours: Annotated[float, Field(ge=0.01, le=87_600)] = 168.0
    """How long it takes until what was seen of an agent counts half: scores, outcomes, units. The
    same on all hosts of a database."""

    agent_latency_half_life_seconds: Annotated[float, Field(ge=1, le=604_800)] = 1_800.0
    """How long it takes until how long an agent's answers took counts half."""

    access_log: bool = True
    """Write a line to the log for each request: its route and status, how long it took, and whose
    key it had. It has no address that was asked for and no headers."""

    otel_traces: bool | None = None
    """Send traces to an OpenTelemetry collector, which takes `wardian[otel]`. Unless set it is done
    where `OTEL_EXPORTER_OTLP_ENDPOINT`, or another of the standard variables, says where to."""

    otel_spans_max: Annotated[int, Field(ge=0, le=10_000)] = 128
    """Spans within one traced call, those of the calls that it makes included; the rest is
    counted."""

    otel_propagate: bool = True
    """Whether HTTP requests of plugins whose calls are traced carry the header `traceparent`."""

    default_tenant: str = "default"
    """The tenant made on an empty data directory; its admins manage the others."""

    describe_functions_publicly: bool | None = None
    """Whether the API document shows the default tenant's functions without a key; unless set, only
    when the host listens on a loopback address."""

    level_max: Level = Level.STANDARD
    """The most trusting level that a plugin gets; its manifest may ask for a stricter one only.
    `trusted` runs a stranger's code in the host's own process, and is for plugins of the default
    tenant alone, whatever is set here."""

    allow_weak_isolation: bool = False
    """Run plugins of the level `isolated` also where the kernel lacks a part of the confinement
    (`wardian doctor` names it). Without it such calls are refused with `host-unusable`."""

    revocations_dir: Path | None = None
    """A folder with publishers' lists of revocations, `TENANT/PUBLISHER.json`, kept up to date by
    whatever means; a newer list there is taken, one that cannot be leaves the last good one."""

    revocations_seconds: _Seconds = 300.0
    """How often that folder is looked at."""

    egress_allowed_networks: tuple[str, ...] = ()
    """Networks that are not of the internet and that plugins' requests may go to all the same, as
    far as their permissions reach (a JSON list): `10.1.0.0/16`, `10.1.2.3/32:8443`,
    `[fd00:1::/32]:443`. Loopback, link-local and a cloud's metadata are open only if named."""

    egress_ca_file: Path | None = None
    """Certificates, in PEM, of authorities that plugins' requests trust beside the public ones."""

    excluded_permissions: tuple[str, ...] = ()
    """Permissions that no plugin gets, whatever was granted (a JSON list)."""

    public_url: str | None = None
    """The address at which browsers find this host, such as `https://wardian.example.org`: OAuth
    providers send people back to it. Unless set it is `http://` with the loopback address and the
    port that the host listens on, where it does."""

    root_key: str | None = None
    """The key that wraps the vault's data keys: `file:PATH`, `env:NAME` or `transit:MOUNT/KEY`. A
    file has the key in base64 or hex and is its owner's alone; a variable is taken out of the
    environment. Unless set it is `root.key` in the data directory, made while the vault is empty.
    Keep a copy apart from the database's."""

    root_key_previous: str | None = None
    """Where the root key before is, in the same forms, until `wardian vault rekey` is done."""

    transit_url: str | None = None
    """The server with the transit engine (HashiCorp Vault, OpenBao) that a root key is in."""

    transit_token: str = "env:VAULT_TOKEN"  # noqa: S105 -- says where it is
    """Where its token is, `file:PATH` or `env:NAME`; a file is read each time, a variable is taken
    out of the environment."""

    transit_namespace: str | None = None
    """Its namespace, where it has them."""

    transit_ca_file: Path | None = None
    """The certificates that its own is checked with, in place of the system's."""

    key_days_max: Annotated[int, Field(ge=1, le=36_500)] | None = None
    """The most days that an API key may hold; one that is made without saying so expires after as
    many. Unless set, keys hold until they are revoked. Keys that there are stay as they are."""

    key_expiring_days: Annotated[int, Field(ge=0, le=365)] = 7
    """So many days before a key expires the event `key.expiring` is told, and its requests are
    answered with the header `Wardian-Key-Expires`."""

    key_guesses_max: Annotated[int, Field(ge=1, le=1_000)] = 30
    """Wrong API keys that one address may send, of IPv6 one /64, and that may begin with the same
    characters, before the next have to wait: a second, then twice as long each time, up to 15
    minutes; after as long without one it is forgotten. Keys that were used here lately go on."""

    rate_key: str = "120000/minute"
    """Requests that an API key may make that has no rate of its own; a call each, also of a batch:
    `600/minute`, `50/second`, `100000/day`."""

    rate_tenant: str = "240000/minute"
    """The same, of all keys of a tenant that has no rate of its own together."""

    rate_hosts: _Count = 1
    """Hosts that requests are spread over. Each counts its own, so each lets this part of every
    rate pass."""

    trusted_proxies: tuple[str, ...] = ()
    """Networks of proxies that say from where a request came (a JSON list): `10.1.2.3/32`,
    `fd00:1::/64`. Nobody else is believed."""

    trusted_proxy_header: ProxyHeader = ProxyHeader.X_FORWARDED_FOR
    """Where they say it: `x-forwarded-for` or `forwarded`. The other one, which anybody can send
    through them, is not read."""

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach the host."""
        return _is_loopback(self.host)

    @property
    def loopback_url(self) -> str | None:
        """The address at which this machine's browsers find the host; None if that is not known."""
        if not self.is_local or self.port == 0:
            return None
        address = self.host.strip("[]")
        return f"http://{f'[{address}]' if ':' in address else address}:{self.port}"


def _is_loopback(address: str) -> bool:
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return False


def load_settings(**chosen: Any) -> Settings:
    """Read the environment, with ``chosen`` values over it.

    Raises:
        HostUnusable: a value cannot be used; names the setting.
    """
    try:
        return Settings(**chosen)
    except ValidationError as exc:
        fault = exc.errors(include_url=False, include_input=False)[0]
        name = ".".join(str(step) for step in fault["loc"])
        raise HostUnusable(
            f"The setting WARDIAN_{name.upper()} cannot be used: {fault['msg']}."
        ) from exc
    except SettingsError as exc:
        # Only its text says which one: a list or a table that is no JSON.
        name = str(exc).partition('"')[2].partition('"')[0]
        raise HostUnusable(
            f"The setting WARDIAN_{name.upper()} cannot be used: it takes JSON, such as "
            '["a", "b"], and this is none.'
        ) from exc
