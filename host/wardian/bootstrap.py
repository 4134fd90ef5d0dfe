"""The composition root: settings in, a running host out."""

from __future__ import annotations

import fcntl
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from wardian.capabilities import Services, build
from wardian.errors import HostUnusable, InvalidArguments
from wardian.events import Event, Events
from wardian.events.relay import Relay
from wardian.plugins import PackageStore, Registry
from wardian.plugins.ceiling import LevelCeiling
from wardian.plugins.trust import Trust
from wardian.policy.permissions import Permission, parse_permission
from wardian.runtime.calls import CallPolicy, Calls, CallServices
from wardian.runtime.credentials import Credentials
from wardian.runtime.dependencies import Switches
from wardian.runtime.entrance import Entrance, EntranceParts
from wardian.runtime.exchange import Exchange
from wardian.runtime.executor import Executor, ExecutorSettings
from wardian.runtime.gates import Gates
from wardian.runtime.health import Health, HealthParts
from wardian.runtime.host import HostParts, PluginHost
from wardian.runtime.host_calls import HostFunctions
from wardian.runtime.installs import Installer
from wardian.runtime.intake import Intake, IntakePolicy
from wardian.runtime.journal import Journal
from wardian.runtime.lifecycle import Lifecycle
from wardian.runtime.monitoring import Monitoring
from wardian.runtime.neighbours import Neighbours
from wardian.runtime.oversight import Oversight
from wardian.runtime.package_files import PackageFiles
from wardian.runtime.ports import Executor as AnyExecutor
from wardian.runtime.publishers import Publishers
from wardian.runtime.recall import Recall
from wardian.runtime.recording import Recorder, RecordingPolicy
from wardian.runtime.recordings import Recordings
from wardian.runtime.refresh import Refresh
from wardian.runtime.replay import ReplayParts, Replays
from wardian.runtime.revocations import Revocations
from wardian.runtime.rounds import Rounds, RoundsParts
from wardian.runtime.statistics import Statistics
from wardian.runtime.steps import Steps
from wardian.runtime.supervision import CrashPolicy, Supervisor
from wardian.runtime.traffic import Traffic, TrafficPolicy
from wardian.runtime.transition import TransitionParts, Transitions
from wardian.runtime.trust_policy import TrustPolicies
from wardian.runtime.upgrades import Upgrader, UpgraderParts
from wardian.runtime.vault_upkeep import VaultUpkeep
from wardian.settings import Settings
from wardian.storage import Database
from wardian.storage.kv import Quota
from wardian.telemetry import Telemetry
from wardian.tenants import KeyRing, Tenants, bootstrap
from wardian.vault import Vault
from wardian.vault.keyring import Keyring
from wardian.vault.process import shield
from wardian.vault.rekeying import Rekeying
from wardian.vault.rotation import Rotation
from wardian.vault.sources import RootKeyChoice, RootKeySources, sources_of
from wardian.worlds import contract

DATABASE_NAME = "wardian.db"
LOCK_NAME = "host.lock"
PACKAGES = "packages"
COMPILED = "compiled"

_UNPACKED_RATIO = 4

BEGINNINGS = ("plugin.enabled", "plugin.upgraded", "plugin.rolled-back", "plugin.uninstalled")
"""With these, what was held against a plugin is so no more."""


@asynccontextmanager
async def open_host(settings: Settings) -> AsyncIterator[PluginHost]:
    """Open a host; everything it holds is closed in reverse at the end.

    Raises:
        HostUnusable: the data directory, the database or the settings cannot be used.
    """
    policy = _policy(settings)
    shield()
    roots = root_keys(settings)  # before any process is started that would inherit them
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(_claimed(settings.data_dir))
        location = settings.database_url or folder / DATABASE_NAME
        database = await stack.enter_async_context(Database.open(location))
        token = await bootstrap(
            database,
            tenant=settings.default_tenant,
            chosen_key=_chosen_key(settings),
            exposed=not settings.is_local,
        )
        executor = await stack.enter_async_context(
            Executor(_executor_settings(settings, folder), contract().offer())
        )
        parts, statistics = compose(settings, policy, database, executor, folder, roots)
        await stack.enter_async_context(relay_of(parts).kept())
        await parts.vault.open()
        stack.callback(parts.calls.log.flush)
        await parts.files.sweep()
        for tenant in await parts.tenants.list():
            await parts.upgrader.recover(tenant.name)
            await parts.recall.sweep(tenant.name)
            await parts.lifecycle.resume(parts.registry, tenant.name)
        await parts.upkeep.resume()
        await stack.enter_async_context(statistics.kept())
        await stack.enter_async_context(parts.monitoring.kept())
        await stack.enter_async_context(parts.recorder.kept())
        await stack.enter_async_context(parts.rounds.kept())
        await stack.enter_async_context(parts.upkeep.kept())
        refresh = Refresh(parts.tenants, parts.publishers, parts.revocations)
        await stack.enter_async_context(
            refresh.kept(settings.revocations_dir, settings.revocations_seconds)
        )
        yield PluginHost(parts, bootstrap_token=token)


def compose(
    settings: Settings,
    policy: CallPolicy,
    database: Database,
    executor: AnyExecutor,
    folder: Path,
    roots: RootKeySources,
) -> tuple[HostParts, Statistics]:
    """Put a host's parts together over a database and an executor that are open."""
    events = Events(database)
    registry = Registry(database)
    journal = Journal(database, events)
    files = PackageFiles(database, _store(settings.packages_dir or folder / PACKAGES), executor)
    trust = Trust(database)
    _keep_fresh(events, registry, trust)
    steps = Steps()
    vault, upkeep = _vault(database, events, journal, steps, roots)
    telemetry = _telemetry(executor)
    statistics = Statistics(database)
    monitoring = Monitoring(database)
    exchange = Exchange(registry, depth_max=settings.chain_depth_max)
    services = Services(
        database=database,
        events=events,
        kv_quota=Quota(bytes=settings.kv_bytes_max, keys=settings.kv_keys_max),
        plugins=exchange,
    )
    functions = HostFunctions(contract(), build(services), telemetry)
    recorder = Recorder(database, telemetry, _recording_policy(settings))
    recordings = Recordings(database, registry, journal, recorder)
    calls = Calls(
        CallServices(
            executor=executor,
            functions=functions,
            files=files,
            telemetry=telemetry,
            statistics=statistics,
            monitoring=monitoring,
            recorder=recorder,
            trust=trust,
        ),
        policy,
    )
    lifecycle = Lifecycle(journal, calls)
    recall = Recall(registry, trust, calls, lifecycle)
    intake = Intake(
        trust,
        executor,
        IntakePolicy(
            package_bytes_max=settings.upload_bytes_max * _UNPACKED_RATIO,
            ceiling=_ceiling(settings),
        ),
        steps,
    )
    gates = Gates()
    tenants = Tenants(database)
    health = Health(
        HealthParts(
            database=database, registry=registry, lifecycle=lifecycle, calls=calls, gates=gates
        ),
        interval_seconds=settings.health_interval_seconds,
    )
    transitions = Transitions(
        TransitionParts(
            journal=journal,
            lifecycle=lifecycle,
            registry=registry,
            calls=calls,
            files=files,
            gates=gates,
            steps=steps,
            probe=health.complaint,
        ),
        versions_kept=settings.versions_kept,
    )
    replays = Replays(
        ReplayParts(
            database=database,
            registry=registry,
            recordings=recordings,
            executor=executor,
            files=files,
            trust=trust,
            policy=policy,
        )
    )
    upgrader = Upgrader(
        UpgraderParts(
            database=database,
            registry=registry,
            lifecycle=lifecycle,
            intake=intake,
            trust=trust,
            files=files,
            transitions=transitions,
            calls=calls,
            replays=replays,
            steps=steps,
        )
    )
    installer = Installer(database, journal, lifecycle, intake, files, steps)
    rounds, supervisor, traffic = _watchers(
        settings, lifecycle, events, RoundsParts(health=health, registry=registry, tenants=tenants)
    )
    entrance = _connected(
        exchange,
        EntranceParts(
            registry=registry,
            trust=trust,
            gates=gates,
            recall=recall,
            supervisor=supervisor,
            traffic=traffic,
            calls=calls,
        ),
    )
    return HostParts(
        database=database,
        events=events,
        registry=registry,
        journal=journal,
        lifecycle=lifecycle,
        switches=Switches(journal, lifecycle),
        installer=installer,
        upgrader=upgrader,
        gates=gates,
        recall=recall,
        publishers=Publishers(database, journal, recall),
        revocations=Revocations(database, journal, recall),
        policies=TrustPolicies(database, journal, recall),
        files=files,
        trust=trust,
        vault=vault,
        credentials=Credentials(vault, registry),
        upkeep=upkeep,
        steps=steps,
        calls=calls,
        entrance=entrance,
        supervisor=supervisor,
        traffic=traffic,
        health=health,
        rounds=rounds,
        statistics=statistics,
        monitoring=monitoring,
        oversight=Oversight(registry, journal, calls, monitoring),
        executor=executor,
        telemetry=telemetry,
        keys=KeyRing(database, default_tenant=settings.default_tenant),
        tenants=tenants,
        recorder=recorder,
        recordings=recordings,
        replays=replays,
    ), statistics


def _connected(exchange: Exchange, parts: EntranceParts) -> Entrance:
    """Make the way in for callers, and have the calls between plugins go through it as well."""
    entrance = Entrance(parts)
    exchange.connect(entrance)
    return entrance


def _watchers(
    settings: Settings, lifecycle: Lifecycle, events: Events, due: RoundsParts
) -> tuple[Rounds, Supervisor, Traffic]:
    crashes = CrashPolicy(
        crashes_max=settings.crashes_max, window_seconds=settings.crash_window_seconds
    )
    faults = TrafficPolicy(fault_rate_max=settings.fault_rate_max)
    rounds = Rounds(due, scheduled=settings.health_checks)
    supervisor = Supervisor(crashes, lifecycle.quarantine)
    traffic = Traffic(faults, lifecycle.settle)
    events.subscribe("plugin.*", partial(_hear, rounds, supervisor, traffic))
    return rounds, supervisor, traffic


def _hear(rounds: Rounds, supervisor: Supervisor, traffic: Traffic, event: Event) -> None:
    name = event.value().get("plugin")
    if name is None:
        return
    rounds.plugin_changed(event.tenant, name)
    if event.topic in BEGINNINGS:
        supervisor.forget(event.tenant, name)
        traffic.forget(event.tenant, name)


def _keep_fresh(events: Events, registry: Registry, trust: Trust) -> None:
    """Have what is remembered of the database forgotten when it changes."""
    events.subscribe("plugin.*", partial(_forget, registry))
    events.subscribe("trust.changed", lambda event: trust.forget(event.tenant))


def relay_of(parts: HostParts) -> Relay:
    """Return what has a host hear of the other hosts on its database."""

    def forget() -> None:
        for rememberer in (parts.registry, parts.trust, parts.vault, parts.keys):
            rememberer.forget_all()

    neighbours = Neighbours(parts.registry, parts.calls, parts.recall)
    return Relay(
        parts.database,
        parts.events,
        heard=parts.keys.forget_all,
        lost=forget,
        follow=neighbours.follow,
    )


def _telemetry(executor: AnyExecutor) -> Telemetry:
    telemetry = Telemetry()
    telemetry.watch_workers(executor.workers)
    return telemetry


def _vault(
    database: Database, events: Events, journal: Journal, steps: Steps, roots: RootKeySources
) -> tuple[Vault, VaultUpkeep]:
    keyring = Keyring(database, roots)
    vault = Vault(database, keyring, journal)
    # The secrets that are looked for in traffic are to be those that there are.
    for topics in ("credential.*", "plugin.uninstalled"):
        events.subscribe(topics, lambda event: vault.forget(event.tenant))
    return vault, VaultUpkeep(
        database,
        vault,
        Rotation(database, keyring, journal, steps.reached),
        Rekeying(database, keyring, journal, steps.reached),
    )


def root_keys(settings: Settings) -> RootKeySources:
    """Take the root keys that the settings name out of this process's environment.

    Raises:
        HostUnusable: a setting has none of the forms that there are.
    """
    choice = RootKeyChoice(
        current=settings.root_key,
        previous=settings.root_key_previous,
        transit_url=settings.transit_url,
        transit_token=settings.transit_token,
        transit_namespace=settings.transit_namespace,
        transit_ca_file=settings.transit_ca_file,
    )
    return sources_of(choice, settings.data_dir.absolute())


def _forget(registry: Registry, event: Event) -> None:
    registry.forget(event.tenant, event.value().get("plugin"))


@contextmanager
def _claimed(folder: Path) -> Iterator[Path]:
    """Hold the data directory for this process: two hosts would sweep each other's files."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = (folder / LOCK_NAME).open("w")
    except OSError as exc:
        raise HostUnusable(
            f"The data directory {folder} cannot be written to: {exc.strerror}. Choose another "
            "with --data-dir or WARDIAN_DATA_DIR."
        ) from exc
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            raise HostUnusable(
                f"Another host is using the data directory {folder}; stop it, or choose another "
                "directory with --data-dir or WARDIAN_DATA_DIR."
            ) from exc
        yield folder.resolve()


def _store(folder: Path) -> PackageStore:
    try:
        return PackageStore(folder)
    except OSError as exc:
        raise HostUnusable(
            f"The folder of packages {folder} cannot be written to: {exc.strerror}."
        ) from exc


def _chosen_key(settings: Settings) -> str | None:
    key = settings.bootstrap_key
    return None if key is None else key.get_secret_value()


def _policy(settings: Settings) -> CallPolicy:
    ceilings: dict[str, Any] = {
        "wall_seconds": settings.call_wall_seconds_max,
        "memory_bytes": settings.call_memory_bytes_max,
    }
    return CallPolicy(
        excluded=tuple(_excluded(text) for text in settings.excluded_permissions),
        ceilings={name: value for name, value in ceilings.items() if value is not None},
        ceiling=_ceiling(settings),
    )


def _recording_policy(settings: Settings) -> RecordingPolicy:
    return RecordingPolicy(
        calls_max=settings.recorded_calls_max,
        bytes_max=settings.recording_bytes_max,
        plugin_bytes_max=settings.recordings_bytes_max,
    )


def _ceiling(settings: Settings) -> LevelCeiling:
    return LevelCeiling(level_max=settings.level_max, default_tenant=settings.default_tenant)


def _excluded(text: str) -> Permission:
    try:
        return parse_permission(text)
    except InvalidArguments as exc:
        raise HostUnusable(
            f"The setting WARDIAN_EXCLUDED_PERMISSIONS cannot be used: {exc.message}"
        ) from exc


def _executor_settings(settings: Settings, folder: Path) -> ExecutorSettings:
    return ExecutorSettings(
        cache_dir=folder / COMPILED,
        workers_max=settings.workers_max,
        queue_max=settings.queue_max,
        queue_seconds=settings.queue_seconds,
        calls_per_worker=settings.calls_per_worker,
        compile_seconds=settings.compile_seconds,
        compile_memory_bytes=settings.compile_memory_bytes,
        component_bytes_max=settings.upload_bytes_max,
        allow_weak_isolation=settings.allow_weak_isolation,
    )
