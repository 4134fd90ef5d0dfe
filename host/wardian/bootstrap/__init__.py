"""The composition root: settings in, a running host out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from wardian.agents.host import Host
from wardian.bootstrap.accounting import make_accounts
from wardian.bootstrap.agents import make_agents
from wardian.bootstrap.enhancements import make_enhancements
from wardian.bootstrap.events import delivering_policy, make_bus, make_events, publish_limits
from wardian.bootstrap.folder import (
    DATABASE_NAME,
    PACKAGES,
    claimed,
    database_file,
    package_store,
)
from wardian.bootstrap.hooks import hooks_policy
from wardian.bootstrap.idempotency import make_idempotency
from wardian.bootstrap.jobs import batch_policy, make_jobbing
from wardian.bootstrap.keys import KeyNeeds, key_life_max, make_key_upkeep, make_rates
from wardian.bootstrap.neighbours import halts_of, relay_of
from wardian.bootstrap.policies import (
    COMPILED,
    UNPACKED_RATIO,
    call_policy,
    chosen_key,
    executor_settings,
    level_ceiling,
    recording_policy,
)
from wardian.bootstrap.schedules import make_scheduling, schedule_bounds
from wardian.bootstrap.services import (
    make_configuration,
    make_egress,
    make_oauth,
    make_trust,
    make_vault,
    root_keys,
)
from wardian.bootstrap.tracing import traced
from wardian.bootstrap.watchers import make_telemetry, make_watchers
from wardian.bootstrap.webhooks import WebhooksNeeds, make_webhooks
from wardian.capabilities import Services, build
from wardian.events import Events
from wardian.plugins import Registry
from wardian.runtime.accounting import Accounting, Analytics, TenantQuotas
from wardian.runtime.batches import Batches
from wardian.runtime.calls import CallPolicy, Calls, CallServices
from wardian.runtime.credentials import Credentials
from wardian.runtime.delivering import Delivering, DeliveringParts
from wardian.runtime.dependencies import Switches
from wardian.runtime.entrance import Entrance, EntranceParts
from wardian.runtime.exchange import Exchange
from wardian.runtime.executor import Executor
from wardian.runtime.gates import Gates
from wardian.runtime.health import Health, HealthParts
from wardian.runtime.hooks import Hooks, HooksParts
from wardian.runtime.host import HostParts
from wardian.runtime.host_calls import HostFunctions
from wardian.runtime.installs import Installer
from wardian.runtime.intake import Intake, IntakePolicy
from wardian.runtime.jobs import JobsParts
from wardian.runtime.journal import Journal
from wardian.runtime.lifecycle import Lifecycle
from wardian.runtime.monitoring import Monitoring
from wardian.runtime.oversight import Oversight
from wardian.runtime.package_files import PackageFiles
from wardian.runtime.ports import Executor as AnyExecutor
from wardian.runtime.publishers import Publishers
from wardian.runtime.recall import Recall
from wardian.runtime.recording import Recorder
from wardian.runtime.recordings import Recordings
from wardian.runtime.refresh import Refresh
from wardian.runtime.replay import ReplayParts, Replays
from wardian.runtime.revocations import Revocations
from wardian.runtime.rounds import RoundsParts
from wardian.runtime.rows.migrating import MigrationParts, RowMigrations
from wardian.runtime.rows.rows import PluginRows
from wardian.runtime.rows.schemas import RowSchemas
from wardian.runtime.schedules.scheduling import SchedulingParts
from wardian.runtime.served import Served
from wardian.runtime.sinks import Sinks
from wardian.runtime.statistics import Statistics
from wardian.runtime.steps import Steps
from wardian.runtime.stores import Stores
from wardian.runtime.transition import TransitionParts, Transitions
from wardian.runtime.trust_policy import TrustPolicies
from wardian.runtime.upgrades import Upgrader, UpgraderParts
from wardian.settings import Settings
from wardian.storage import Database
from wardian.storage.kv import Quota
from wardian.tenants import Tenants, bootstrap
from wardian.vault.process import shield
from wardian.vault.sources import RootKeySources
from wardian.vault.watch import Watch
from wardian.worlds import contract

__all__ = ["COMPILED", "DATABASE_NAME", "compose", "open_host", "root_keys"]


@asynccontextmanager
async def open_host(settings: Settings) -> AsyncIterator[Host]:
    """Open a host; everything it holds is closed in reverse at the end.

    Raises:
        HostUnusable: the data directory, the database or the settings cannot be used.
    """
    policy = call_policy(settings)
    shield()
    roots = root_keys(settings)  # before any process is started that would inherit them
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(claimed(settings.data_dir))
        location = settings.database_url or database_file(folder)
        database = await stack.enter_async_context(Database.open(location))
        token = await bootstrap(
            Journal(database, Events(database)),  # nobody can have subscribed before the first key
            tenant=settings.default_tenant,
            chosen_key=chosen_key(settings),
            exposed=not settings.is_local,
            life_max=key_life_max(settings),
        )
        executor = await stack.enter_async_context(
            Executor(executor_settings(settings, folder), contract().offer())
        )
        parts, statistics = compose(settings, policy, database, executor, folder, roots)
        agents = make_agents(settings, parts)
        await stack.enter_async_context(traced(settings, parts.telemetry.tracing))
        await stack.enter_async_context(halts_of(parts).kept())
        await stack.enter_async_context(relay_of(parts).kept())
        await parts.vault.open()
        stack.callback(parts.calls.log.flush)
        stack.callback(parts.telemetry.access.flush)
        stack.push_async_callback(parts.egress.close)
        await stack.enter_async_context(parts.connections.kept(parts.tenants))
        await parts.files.sweep()
        await _resume(parts)
        await parts.upkeep.resume()
        for kept in (
            statistics,
            parts.monitoring,
            parts.recorder,
            parts.rounds,
            parts.upkeep,
            parts.configuration.files,
            parts.delivering,
            parts.bus,
            parts.webhooks,
            parts.scheduling,
            parts.hooks,
            parts.audit,
            parts.row_migrations,
            parts.idempotency,
            parts.watches,
            parts.jobbing,
            parts.key_upkeep,
            agents,
        ):
            await stack.enter_async_context(kept.kept())
        refresh = Refresh(parts.tenants, parts.publishers, parts.revocations)
        await stack.enter_async_context(
            refresh.kept(settings.revocations_dir, settings.revocations_seconds)
        )
        yield Host(parts, agents, bootstrap_token=token)


async def _resume(parts: HostParts) -> None:
    """Go on with what was under way when the host before was stopped."""
    for tenant in await parts.tenants.list():
        await parts.configuration.files.take(tenant.name)
        await parts.upgrader.recover(tenant.name)
        await parts.recall.sweep(tenant.name)
        await parts.lifecycle.resume(parts.registry, tenant.name)


def compose(
    settings: Settings,
    policy: CallPolicy,
    database: Database,
    executor: AnyExecutor,
    folder: Path,
    roots: RootKeySources,
) -> tuple[HostParts, Statistics]:
    """Put a host's parts together over a database and an executor that are open."""
    events = make_events(database, settings)
    registry = Registry(database)
    journal = Journal(database, events)
    files = PackageFiles(
        database, package_store(settings.packages_dir or folder / PACKAGES), executor
    )
    trust = make_trust(database, events, registry)
    steps, gates = Steps(), Gates()
    egress = make_egress(settings)
    vault, upkeep = make_vault(database, events, journal, steps, roots)
    flows, connections = make_oauth(settings, database, registry, journal, vault, egress)
    telemetry, drops, audit = make_telemetry(executor, egress, database, journal)
    accounts, statistics = make_accounts(settings, database, journal, steps, folder)
    monitoring = Monitoring(database)
    exchange = Exchange(registry, depth_max=settings.chain_depth_max)
    services = Services(
        database=database,
        events=events,
        kv_quota=Quota(
            bytes=settings.kv_bytes_max,
            keys=settings.kv_keys_max,
            of_tenant=accounts.quotas.storage_of,
        ),
        plugins=exchange,
        egress=egress,
        vault=vault,
        watch=Watch(vault),
        fresh=connections.fresh,
        publish_limits=publish_limits(settings),
        dropped=drops.note,
        lines=telemetry.lines,
        metrics=telemetry.of_plugins,
    )
    recorder = Recorder(database, telemetry, recording_policy(settings))
    recordings = Recordings(database, registry, journal, recorder)
    calls = Calls(
        CallServices(
            executor=executor,
            functions=HostFunctions(
                contract(),
                build(services),
                telemetry,
                Sinks(services.watch, telemetry),
                audit.denials.host_call,
            ),
            files=files,
            telemetry=telemetry,
            accounting=Accounting(accounts),
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
            package_bytes_max=settings.upload_bytes_max * UNPACKED_RATIO,
            ceiling=level_ceiling(settings),
            schedules=schedule_bounds(settings),
            check_room=accounts.quotas.check_storage,
        ),
        steps,
    )
    tenants = Tenants(database, journal, default_tenant=settings.default_tenant)
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
            environment=settings.environment,
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
            environment=settings.environment,
        )
    )
    rounds, supervisor, traffic = make_watchers(
        settings, lifecycle, events, RoundsParts(health=health, registry=registry, tenants=tenants)
    )
    chains, enhancements, watches = make_enhancements(settings, events, registry, journal, calls)
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
            chains=chains,
        ),
    )
    webhooks, keys = make_webhooks(
        settings,
        WebhooksNeeds(
            database=database,
            events=events,
            journal=journal,
            tenants=tenants,
            vault=vault,
            watch=services.watch,
            drops=drops,
        ),
    )
    return HostParts(
        database=database,
        events=events,
        bus=make_bus(events, settings),
        delivering=Delivering(
            DeliveringParts(
                database=database,
                events=events,
                registry=registry,
                journal=journal,
                tenants=tenants,
                calls=calls,
                entrance=entrance,
                drops=drops,
                watch=services.watch,
            ),
            delivering_policy(settings),
        ),
        scheduling=make_scheduling(
            settings,
            SchedulingParts(
                database=database,
                events=events,
                registry=registry,
                journal=journal,
                tenants=tenants,
                calls=calls,
                entrance=entrance,
                telemetry=telemetry,
            ),
        ),
        registry=registry,
        journal=journal,
        lifecycle=lifecycle,
        switches=Switches(journal, lifecycle),
        installer=Installer(
            database, journal, lifecycle, intake, files, steps, environment=settings.environment
        ),
        upgrader=upgrader,
        gates=gates,
        recall=recall,
        publishers=Publishers(database, journal, recall),
        revocations=Revocations(database, journal, recall),
        policies=TrustPolicies(database, journal, recall),
        files=files,
        trust=trust,
        vault=vault,
        oauth_flows=flows,
        connections=connections,
        credentials=Credentials(vault, registry),
        upkeep=upkeep,
        steps=steps,
        calls=calls,
        entrance=entrance,
        chains=chains,
        enhancements=enhancements,
        watches=watches,
        supervisor=supervisor,
        traffic=traffic,
        health=health,
        rounds=rounds,
        statistics=statistics,
        accounts=accounts,
        analytics=Analytics(
            database, accounts.folding, executor.workers, currency=settings.cost_currency
        ),
        quotas=TenantQuotas(database, journal, accounts.quotas),
        monitoring=monitoring,
        oversight=Oversight(registry, journal, calls, monitoring),
        executor=executor,
        telemetry=telemetry,
        keys=keys,
        rates=make_rates(settings, telemetry),
        key_upkeep=make_key_upkeep(
            settings,
            KeyNeeds(
                database=database,
                journal=journal,
                keys=keys,
                tenants=tenants,
                telemetry=telemetry,
            ),
        ),
        tenants=tenants,
        recorder=recorder,
        recordings=recordings,
        replays=replays,
        egress=egress,
        configuration=make_configuration(settings, database, events, journal, tenants, rounds),
        webhooks=webhooks,
        stores=Stores(database, registry, journal, services.watch, services.kv_quota),
        hooks=Hooks(
            HooksParts(
                database=database,
                registry=registry,
                tenants=tenants,
                vault=vault,
                events=events,
                journal=journal,
                calls=calls,
                entrance=entrance,
                telemetry=telemetry,
            ),
            hooks_policy(settings),
        ),
        audit=audit,
        served=Served(registry),
        rows=PluginRows(database, registry, journal, RowSchemas(), rows_max=settings.rows_max),
        row_migrations=RowMigrations(
            MigrationParts(
                database=database,
                events=events,
                registry=registry,
                journal=journal,
                tenants=tenants,
                entrance=entrance,
                schemas=RowSchemas(),
            )
        ),
        idempotency=make_idempotency(settings, database, tenants),
        jobbing=make_jobbing(
            settings,
            JobsParts(
                database=database,
                events=events,
                journal=journal,
                tenants=tenants,
                entrance=entrance,
            ),
        ),
        batches=Batches(entrance, batch_policy(settings)),
        asks=services.asks,
    ), statistics


def _connected(exchange: Exchange, parts: EntranceParts) -> Entrance:
    """Make the way in for callers, and have the calls between plugins go through it as well."""
    entrance = Entrance(parts)
    exchange.connect(entrance)
    return entrance
