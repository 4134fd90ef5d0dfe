"""The host, as API, CLI and host apps see it."""

from __future__ import annotations

import platform
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from wardian import __version__
from wardian.capabilities.agents import AskDoor
from wardian.egress import Egress
from wardian.errors import (
    WardianError,
)
from wardian.events import EventBus, Events
from wardian.plugins import Installed, Registry
from wardian.plugins.releases import read_releases
from wardian.plugins.trust import Trust
from wardian.runtime.accounting import Accounts, Analytics, TenantQuotas
from wardian.runtime.audit import AuditTrail
from wardian.runtime.batches import Batches, BatchOrder, Ended, keep_as_it_is
from wardian.runtime.calls import CallRequest, Calls
from wardian.runtime.config_edits import Edit, Place
from wardian.runtime.config_judging import shortcomings
from wardian.runtime.configuration import Configuration
from wardian.runtime.credentials import Credentials
from wardian.runtime.delivering import Delivering
from wardian.runtime.dependencies import Switches
from wardian.runtime.dependency_views import DependenciesView, dependencies_view
from wardian.runtime.endpoints import Webhooks
from wardian.runtime.enhancements import (
    Chains,
    Enhancements,
    OfferedFunction,
    Watches,
    offered,
)
from wardian.runtime.entrance import Entrance
from wardian.runtime.gates import Gates
from wardian.runtime.health import Health
from wardian.runtime.hooks import Hooks
from wardian.runtime.idempotency import Idempotency
from wardian.runtime.installs import Grants, Installer
from wardian.runtime.intake import Delivery
from wardian.runtime.jobs import Jobbing
from wardian.runtime.journal import Journal
from wardian.runtime.key_upkeep import KeyUpkeep
from wardian.runtime.lifecycle import Lifecycle
from wardian.runtime.monitoring import Monitoring
from wardian.runtime.oauth import Connections, Flows
from wardian.runtime.offers import Offer, Offers
from wardian.runtime.oversight import Oversight
from wardian.runtime.package_files import PackageFiles
from wardian.runtime.permission_views import SuggestionView, UsesView
from wardian.runtime.ports import Executor
from wardian.runtime.preconditions import Revisions
from wardian.runtime.publishers import Publishers
from wardian.runtime.recall import Recall
from wardian.runtime.recording import Recorder
from wardian.runtime.recordings import Recordings
from wardian.runtime.replay import Replays
from wardian.runtime.revocations import Revocations
from wardian.runtime.rounds import Rounds
from wardian.runtime.rows.migrating import RowMigrations
from wardian.runtime.rows.rows import PluginRows
from wardian.runtime.schedules.scheduling import Scheduling
from wardian.runtime.served import Served
from wardian.runtime.statistics import NO_VITALS, Statistics
from wardian.runtime.steps import Steps
from wardian.runtime.stores import Stores
from wardian.runtime.supervision import Supervisor
from wardian.runtime.traffic import Traffic
from wardian.runtime.trust_policy import TrustPolicies
from wardian.runtime.upgrade_report import UpgradeReport
from wardian.runtime.upgrades import (
    Approval,
    RollbackOrder,
    UpgradeEntry,
    UpgradeOrder,
    Upgrader,
    VersionView,
)
from wardian.runtime.vault_upkeep import VaultUpkeep
from wardian.runtime.views import (
    BatchView,
    CallOutcome,
    CheckView,
    GrantsView,
    PluginView,
    Readiness,
    SwitchedView,
    UpgradeView,
    check_view,
    plugin_view,
    switched_view,
)
from wardian.sandbox import wasmtime_version
from wardian.storage import Database
from wardian.storage.health import survey
from wardian.storage.rows import SurveyRow
from wardian.telemetry import Lines, Telemetry
from wardian.tenants import KeyRing, Rates, Tenants
from wardian.vault import Vault

__all__ = [
    "BatchView",
    "CallOutcome",
    "CheckView",
    "Delivery",
    "DependenciesView",
    "GrantsView",
    "HostParts",
    "Offer",
    "PluginHost",
    "PluginView",
    "Readiness",
    "SuggestionView",
    "SwitchedView",
    "UpgradeEntry",
    "UpgradeReport",
    "UpgradeView",
    "UsesView",
    "VersionView",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class HostParts:
    """What a host is made of; `wardian.bootstrap` puts it together."""

    database: Database
    events: Events
    bus: EventBus
    delivering: Delivering
    scheduling: Scheduling
    registry: Registry
    journal: Journal
    lifecycle: Lifecycle
    switches: Switches
    installer: Installer
    upgrader: Upgrader
    gates: Gates
    recall: Recall
    publishers: Publishers
    revocations: Revocations
    policies: TrustPolicies
    files: PackageFiles
    trust: Trust
    vault: Vault
    oauth_flows: Flows
    connections: Connections
    credentials: Credentials
    upkeep: VaultUpkeep
    steps: Steps
    calls: Calls
    entrance: Entrance
    chains: Chains
    enhancements: Enhancements
    watches: Watches
    supervisor: Supervisor
    monitoring: Monitoring
    oversight: Oversight
    traffic: Traffic
    health: Health
    rounds: Rounds
    statistics: Statistics
    accounts: Accounts
    analytics: Analytics
    quotas: TenantQuotas
    executor: Executor
    telemetry: Telemetry
    keys: KeyRing
    rates: Rates
    key_upkeep: KeyUpkeep
    tenants: Tenants
    recorder: Recorder
    recordings: Recordings
    replays: Replays
    egress: Egress
    configuration: Configuration
    webhooks: Webhooks
    stores: Stores
    hooks: Hooks
    audit: AuditTrail
    served: Served
    rows: PluginRows
    row_migrations: RowMigrations
    idempotency: Idempotency
    jobbing: Jobbing
    batches: Batches
    asks: AskDoor


class PluginHost:
    """Plugins of every tenant: install, grant, call, watch, remove.

    Attributes:
        keys: API keys and who holds them.
        rates: how many requests keys and tenants may make.
        tenants: create and list tenants.
        bus: publish, subscribe and unsubscribe, for the program that this host is a part of.
        events: what was published, and what this process is told of at once.
        webhooks: ``endpoints`` of host apps that events are posted to, and their ``backlog``.
        deliveries: which plugins receive events, what waits for them, and dead letters.
        schedules: what plugins have the host do by itself: when it runs next, and how it went.
        configuration: what plugins see as their configuration, in layers.
        kv: what plugins keep in key-value storage; looked at, exported, cleared.
        recordings: calls that can be run again, and which plugins' are recorded.
        replays: run recorded calls again.
        oauth_flows: connect plugins to OAuth providers, through a browser.
        connections: of plugins to OAuth providers.
        trust: what tenants do about unsigned packages and lists that have expired.
        publishers: whom tenants trust to sign what, and their keys.
        revocations: what must not run any more.
        credentials: what plugins use and never see; set, listed and removed by name.
        vault: whether it is sealed, its keys, and new ones.
        hooks: requests of others to plugins' webhooks, and what came of them.
        rows: what plugins keep beside rows that are not theirs.
        row_migrations: bring that to the schema of a plugin's version.
        served: paths that plugins have the host answer with their functions.
        audit: who did what, from where, and who decided; in pages, exported, verified.
        idempotency: requests that are carried out once, however often they are sent.
        revisions: the states that things are in, for those who change them together.
        analytics: what calls used, by plugin, function and time, and what that costs.
        quotas: what tenants may use in a day, and what they have used.
        enhancements: what this host does around the functions of plugins, and the answers it keeps.
        jobs: calls that nobody waits for: asked for, found, waited for, cancelled.
        batches: many calls at once, for those who keep their ends in a form of their own.
        lines: the newest lines that plugins log, and followers of those to come.
        telemetry: what is counted and traced on this host, and the newest lines of its plugins.
        bootstrap_token: the first admin key, if this start made it; to be shown once.
    """

    def __init__(self, parts: HostParts, *, bootstrap_token: str | None = None) -> None:
        self._parts = parts
        self.keys, self.tenants, self.rates = parts.keys, parts.tenants, parts.rates
        self.bus, self.events = parts.bus, parts.events
        self.webhooks = parts.webhooks
        self.deliveries = parts.delivering.deliveries
        self.schedules = parts.scheduling.schedules
        self.configuration = parts.configuration
        self.kv = parts.stores
        self.recordings, self.replays = parts.recordings, parts.replays
        self.oauth_flows = parts.oauth_flows
        self.connections = parts.connections
        self.trust = parts.policies
        self.publishers, self.revocations = parts.publishers, parts.revocations
        self.credentials = parts.credentials
        self.vault = parts.upkeep
        self.hooks = parts.hooks
        self.audit = parts.audit
        self.served = parts.served
        self.rows, self.row_migrations = parts.rows, parts.row_migrations
        self.idempotency = parts.idempotency
        self.revisions = Revisions(parts.database)
        self.analytics, self.quotas = parts.analytics, parts.quotas
        self.enhancements = parts.enhancements
        self.jobs = parts.jobbing.jobs
        self.batches = parts.batches
        self.telemetry = parts.telemetry
        self.bootstrap_token = bootstrap_token

    @property
    def offers(self) -> Offers:
        """What the holders of keys may call."""
        return Offers(self._parts.registry)

    @property
    def lines(self) -> Lines:
        """The newest lines that plugins logged, and those to come."""
        return self._parts.telemetry.lines

    async def install(  # noqa: PLR0913 -- what to install, and how, each with a default
        self,
        source: bytes | str | Path,
        *,
        signature: bytes | None = None,
        grants: Grants = (),
        enable: bool = True,
        allow_older: bool = False,
        allow_other_publisher: bool = False,
        tenant: str = "default",
        actor: str = "host",
    ) -> PluginView:
        """Install a plugin from the bytes of a ``.wardian`` file, a path to one, or a directory.

        ``signature`` is the detached signature of the package, where it has one. Nothing is
        granted unless ``grants`` says so. The plugin is active at once unless
        ``enable`` is false, or it has an ``init`` that fails. ``allow_older`` takes a version that
        is older than one the tenant had of this name, and ``allow_other_publisher`` a package that
        is not signed by whoever signed the plugin before.

        Raises:
            InvalidManifest, PayloadTooLarge: the package; also one that asks for a more trusting
                level than this host allows.
            SignatureInvalid, Revoked: the tenant does not trust it.
            InvalidComponent, ImportRefused, CompileExceeded: the component.
            InvalidArguments: a grant that the manifest does not ask for.
            Conflict: a plugin of this name is installed, or a newer version of it was; or one that
                it needs is not, is installed in another version than it takes, or is not enabled;
                with the chain of needs.
            NotFound: no such path, or no such tenant.
        """
        delivery = Delivery(
            source=source,
            signature=signature,
            allow_older=allow_older,
            allow_other_publisher=allow_other_publisher,
        )
        plugin = await self._parts.installer.install(
            delivery, grants=grants, enable=enable, tenant=tenant, actor=actor
        )
        return await self._view(plugin, is_new=True)

    async def upgrade(  # noqa: PLR0913 -- what to install, and what of it is allowed
        self,
        source: bytes | str | Path,
        *,
        name: str | None = None,
        signature: bytes | None = None,
        approve: Approval = None,
        allow_breaking: bool = False,
        allow_older: bool = False,
        allow_other_publisher: bool = False,
        replay: int = 0,
        accept_differences: bool = False,
        reload: bool = False,
        tenant: str = "default",
        actor: str = "host",
    ) -> UpgradeView:
        """Have a newer version take the place of an installed plugin, or nothing happen at all.

        Calls that are running end on the old version, and no call is refused meanwhile; where the
        new version migrates stored data, calls wait for that.

        Args:
            source, signature: as for `install`.
            name: of the plugin, where the package must be of that one.
            approve: the new permissions to grant, ``all`` or ``none``. An upgrade that asks for
                more than the version before is refused without it.
            allow_breaking: take a version that breaks callers without its number saying so.
            allow_older: take a version that is older than one the tenant had.
            allow_other_publisher: take a package that is not signed by whoever signed the plugin
                before.
            replay: so many of the last recorded calls are run by the new version first; it is
                refused if one of them does something else, unless ``accept_differences``.
            reload: take the same version number with other content.

        Raises:
            InvalidManifest, PayloadTooLarge, SignatureInvalid, Revoked, InvalidComponent,
            ImportRefused, CompileExceeded: the package, as for `install`.
            InvalidArguments: the configuration does not fit the new version; what is approved is
                not asked for.
            Conflict: it is not newer, breaks callers, needs approval, its ``migrate`` failed or it
                is not healthy.
            NotFound: no such plugin.

            Every error's ``step`` says where it was met.
        """
        order = UpgradeOrder(
            delivery=Delivery(
                source=source,
                signature=signature,
                allow_older=allow_older or reload,
                allow_other_publisher=allow_other_publisher,
            ),
            tenant=tenant,
            actor=actor,
            name=name,
            approve=approve,
            allow_breaking=allow_breaking,
            replay=replay,
            accept_differences=accept_differences,
            reload=reload,
        )
        plugin, found = await self._parts.upgrader.upgrade(order)
        return UpgradeView(plugin=await self._view(plugin), report=found)

    async def upgrade_report(  # noqa: PLR0913 -- the same as `upgrade`
        self,
        source: bytes | str | Path,
        *,
        name: str | None = None,
        signature: bytes | None = None,
        approve: Approval = None,
        allow_breaking: bool = False,
        allow_older: bool = False,
        allow_other_publisher: bool = False,
        replay: int = 0,
        accept_differences: bool = False,
        tenant: str = "default",
    ) -> UpgradeReport:
        """Tell what `upgrade` would change and what would stop it; nothing is changed.

        Raises:
            WardianError: the package is refused before it can be compared.
        """
        order = UpgradeOrder(
            delivery=Delivery(
                source=source,
                signature=signature,
                allow_older=allow_older,
                allow_other_publisher=allow_other_publisher,
            ),
            tenant=tenant,
            actor="host",
            name=name,
            approve=approve,
            allow_breaking=allow_breaking,
            replay=replay,
            accept_differences=accept_differences,
        )
        return await self._parts.upgrader.survey(order)

    async def rollback(
        self,
        name: str,
        *,
        to: str | None = None,
        stored: Literal["keep", "restore"] | None = None,
        tenant: str = "default",
        actor: str = "host",
    ) -> PluginView:
        """Go back to a kept version of a plugin, the one before unless ``to`` names another.

        Args:
            to: a version, or the digest of its package.
            stored: what becomes of stored data that was migrated since; must be said then.

        Raises:
            NotFound: no such plugin, or no such version is kept.
            Conflict: the data was migrated, and nothing is said of it; the version is not healthy.
            SignatureInvalid, Revoked: the tenant does not trust it any more.
            InvalidArguments: the configuration does not fit it.
        """
        order = RollbackOrder(name=name, tenant=tenant, actor=actor, to=to, stored=stored)
        return await self._view(await self._parts.upgrader.rollback(order))

    async def versions(self, name: str, *, tenant: str = "default") -> list[VersionView]:
        """Return the versions of a plugin that are kept, the newest installation first.

        Raises:
            NotFound: no such plugin.
        """
        return await self._parts.upgrader.versions(tenant, name)

    async def upgrades(self, name: str, *, tenant: str = "default") -> list[UpgradeEntry]:
        """Return the upgrades and rollbacks of a plugin, also failed ones, the newest first.

        Raises:
            NotFound: no such plugin.
        """
        return await self._parts.upgrader.history(tenant, name)

    async def install_all(
        self,
        sources: Sequence[bytes | str | Path | Delivery],
        *,
        grants: Grants = (),
        enable: bool = True,
        tenant: str = "default",
        actor: str = "host",
    ) -> BatchView:
        """Install several packages in one change: all of them, or none.

        They may need each other, and come in any order. Of a plugin that is delivered in several
        versions, the newest that all can live with is installed. ``grants`` holds for each. A
        source that has a signature is a `Delivery` of the two.

        Raises:
            As for `install`, and InvalidArguments: none, or too many.
        """
        deliveries = [
            source if isinstance(source, Delivery) else Delivery(source=source)
            for source in sources
        ]
        batch = await self._parts.installer.install_all(
            deliveries, grants=grants, enable=enable, tenant=tenant, actor=actor
        )
        return BatchView(
            installed=[await self._view(plugin, is_new=True) for plugin in batch.plugins],
            left_out=[str(release) for release in batch.left_out],
        )

    async def uninstall(
        self, name: str, *, cascade: bool = False, tenant: str = "default", actor: str = "host"
    ) -> Sequence[str]:
        """Remove a plugin with all that is its own: entries, configuration, grants, credentials.

        Calls that are running end, on every host. With ``cascade`` the enabled plugins that need it
        are removed before, in the same change. Returns the names of all that was removed, in order.

        Raises:
            NotFound: no such plugin.
            Conflict: enabled plugins need it; with the chains of needs.
        """
        return await self._parts.installer.uninstall(
            name, cascade=cascade, tenant=tenant, actor=actor
        )

    async def enable(
        self, name: str, *, cascade: bool = False, tenant: str = "default", actor: str = "host"
    ) -> SwitchedView:
        """Let a plugin take calls; one that does so already stays as it is.

        With ``cascade`` whatever it needs is enabled before, in the same change.

        Raises:
            NotFound: no such plugin.
            Conflict: it is quarantined; or what it needs is not installed, is in another version
                than it takes, or is not enabled; with the chain of needs.
            SignatureInvalid, Revoked: the tenant does not trust it.
        """
        await self._parts.trust.check_load(await self._parts.registry.get(tenant, name))
        *others, plugin = await self._parts.switches.enable(
            name, cascade=cascade, tenant=tenant, actor=actor
        )
        return switched_view(await self._view(plugin), others)

    async def disable(
        self, name: str, *, cascade: bool = False, tenant: str = "default", actor: str = "host"
    ) -> SwitchedView:
        """Let a plugin take no more calls; those that are running end, on every host.

        With ``cascade`` the enabled plugins that need it are disabled before, in the same change.

        Raises:
            NotFound: no such plugin.
            Conflict: it is enabled, and so are plugins that need it; with the chains of needs.
        """
        *others, plugin = await self._parts.switches.disable(
            name, cascade=cascade, tenant=tenant, actor=actor
        )
        return switched_view(await self._view(plugin), others)

    async def dependencies(self, name: str, *, tenant: str = "default") -> DependenciesView:
        """Return what a plugin needs and what needs it, each as a tree.

        Raises:
            NotFound: no such plugin.
        """
        async with self._parts.database.reading() as connection:
            return dependencies_view(name, await read_releases(connection, tenant))

    async def check_health(self, name: str, *, tenant: str = "default") -> CheckView:
        """Ask a plugin how it feels, and act on the answer as if its check had been due.

        Raises:
            NotFound: no such plugin, or it exports no ``health``.
            Conflict: the plugin takes no calls now.
        """
        await self._parts.entrance.named(tenant, name)
        condition = await self._parts.health.check(tenant, name)
        plugin = await self._parts.registry.get(tenant, name)
        vitals = await self._parts.statistics.vitals(tenant, plugin.id)
        return check_view(plugin, condition, vitals)

    async def plugins(self, *, tenant: str = "default") -> list[PluginView]:
        """Return every plugin of a tenant, by name."""
        vitals = await self._parts.statistics.all_vitals(tenant)
        parts = self._parts
        return [
            plugin_view(
                plugin,
                parts.calls.authority(plugin),
                vitals.get(plugin.id, NO_VITALS),
                warnings=parts.trust.warnings(plugin),
            )
            for plugin in await parts.registry.all(tenant)
        ]

    async def plugin(self, name: str, *, tenant: str = "default") -> PluginView:
        """Return one plugin.

        Raises:
            NotFound: no such plugin.
        """
        return await self._view(await self._parts.registry.get(tenant, name))

    async def grants(self, name: str, *, tenant: str = "default") -> GrantsView:
        """Return what a plugin asks for and what it was granted.

        Raises:
            NotFound: no such plugin.
        """
        return await self._parts.oversight.grants(tenant, name)

    async def set_grants(
        self,
        name: str,
        permissions: Sequence[str],
        *,
        tenant: str = "default",
        actor: str = "host",
    ) -> GrantsView:
        """Grant exactly these permissions; running calls feel it at their next host call.

        Raises:
            NotFound: no such plugin.
            InvalidArguments: not a permission, or one that the plugin does not ask for.
        """
        return await self._parts.oversight.set_grants(tenant, name, permissions, actor=actor)

    async def set_monitored(
        self, name: str, monitored: bool, *, tenant: str = "default", actor: str = "host"
    ) -> None:
        """Record which permissions a plugin needs from now on, or no longer.

        Raises:
            NotFound: no such plugin.
        """
        await self._parts.oversight.set_monitored(tenant, name, monitored, actor=actor)

    async def permission_uses(self, name: str, *, tenant: str = "default") -> UsesView:
        """Return which permissions a plugin needed while it was monitored, denied ones too.

        Raises:
            NotFound: no such plugin.
        """
        return await self._parts.oversight.uses(tenant, name)

    async def clear_permission_uses(
        self, name: str, *, tenant: str = "default", actor: str = "host"
    ) -> None:
        """Forget which permissions a plugin needed.

        Raises:
            NotFound: no such plugin.
        """
        await self._parts.oversight.clear_uses(tenant, name, actor=actor)

    async def suggest_permissions(
        self, name: str, *, include_denied: bool = False, tenant: str = "default"
    ) -> SuggestionView:
        """Return the smallest grant that covers what the plugin used while it was monitored.

        ``include_denied`` covers what it was denied, too, as far as its manifest asks for it.

        Raises:
            NotFound: no such plugin.
        """
        return await self._parts.oversight.suggestion(tenant, name, include_denied=include_denied)

    async def config(self, name: str, *, tenant: str = "default") -> dict[str, Any]:
        """Return a plugin's configuration: what was set, over the manifest's defaults.

        Raises:
            NotFound: no such plugin.
        """
        values: dict[str, Any] = await self.configuration.get(name, tenant=tenant)
        return values

    async def set_config(
        self,
        name: str,
        values: Mapping[str, Any],
        *,
        tenant: str = "default",
        actor: str = "host",
    ) -> dict[str, Any]:
        """Replace the user layer of a plugin, and return the resolved configuration.

        `configuration` changes other layers, and single values.

        Raises:
            NotFound: no such plugin.
            InvalidArguments: it does not fit the manifest's schema; with the path of the fault.
        """
        place, edit = Place(plugin=name), Edit(values=values)
        view = await self.configuration.change(place, edit, tenant=tenant, actor=actor)
        return view.configuration

    async def functions(self, name: str, *, tenant: str = "default") -> dict[str, OfferedFunction]:
        """Return what of a plugin can be called, by full name.

        Raises:
            NotFound: no such plugin.
        """
        plugin = await self._parts.registry.get(tenant, name)
        return offered(plugin)

    async def all_functions(self, tenant: str) -> dict[str, dict[str, OfferedFunction]]:
        """Return the functions of every plugin of a tenant that takes calls now."""
        return {
            plugin.name: offered(plugin)
            for plugin in await self._parts.registry.all(tenant)
            if plugin.is_callable
        }

    async def call(  # noqa: PLR0913 -- one call has this many facts, each with a default
        self,
        name: str,
        function: str,
        arguments: Mapping[str, Any],
        *,
        tenant: str = "default",
        subject: str = "host",
        limits: Mapping[str, Any] | None = None,
        correlation_id: str | None = None,
        traceparent: str | None = None,
        tracestate: str | None = None,
        call_id: str | None = None,
        scopes: Collection[str] | None = None,
    ) -> CallOutcome:
        """Call a function of a plugin.

        Args:
            scopes: of the key that it is called with; None for a caller that needs no key, such as
                the program that this host is a part of.
            function: its full name, or its bare name where that is unambiguous.
            arguments: plain values by parameter name.
            limits: overrides by name, which only ever lower.

        Raises:
            NotFound: no such plugin or function.
            Conflict: the plugin takes no calls now.
            Forbidden: ``scopes`` lack what the plugin requires of its callers.
            RateLimited: the function was called as often as the plugin's manifest lets it.
            InvalidArguments: arguments or limits; with the path of the fault.
            Overloaded: every worker is busy and the queue is full; or the plugin rests after
                crashes, and too many calls of it wait.
            SignatureInvalid, Revoked: the tenant does not trust the plugin, or no more; it is
                quarantined then.
            CallError: how the call failed, with its usage.
        """
        request = CallRequest(
            function=function,
            arguments=arguments,
            subject=subject,
            limits=limits,
            call_id=call_id,
            correlation_id=correlation_id,
            traceparent=traceparent,
            tracestate=tracestate,
            scopes=scopes,
        )
        entrance = self._parts.entrance
        return await entrance.call(partial(entrance.named, tenant, name), request)

    async def batch(self, order: BatchOrder, *, tenant: str = "default") -> list[Ended]:
        """Make many calls, side by side; return how each ended, in order.

        One that fails does not fail the others. Whoever cancels this ends those that run.

        Raises:
            InvalidArguments: no calls, or too many; or a deadline that there cannot be.
        """
        return await self.batches.run(order, tenant=tenant, keep=keep_as_it_is)

    async def ready(self) -> Readiness:
        """Tell whether the host can do its work now."""
        database = await self._parts.database.answers()
        protections = self._parts.executor.protections()
        return Readiness(
            ready=database,
            database=database,
            events=database and self._parts.events.bus.is_available(),
            workers=self._parts.executor.workers(),
            protections=protections,
            missing_protections=protections.missing(),
            vault=self._parts.vault.state,
            versions={
                "wardian": __version__,
                "wasmtime": wasmtime_version(),
                "python": platform.python_version(),
            },
        )

    async def metrics(self) -> bytes:
        """Return all metrics in Prometheus's text format.

        While the database does not answer, those of states and health are missing.
        """
        return (await self.exposition(""))[0]

    async def exposition(self, accept: str) -> tuple[bytes, str]:
        """Return all metrics in the text format that ``accept`` asks for, and its media type."""
        plugins: list[SurveyRow] = []
        with suppress(WardianError):
            async with self._parts.database.reading() as connection:
                plugins = await survey(connection)
        return await self._parts.telemetry.exposition(plugins, accept)

    async def _view(self, plugin: Installed, *, is_new: bool = False) -> PluginView:
        vitals = await self._parts.statistics.vitals(plugin.tenant, plugin.id)
        return plugin_view(
            plugin,
            self._parts.calls.authority(plugin),
            vitals,
            is_new=is_new,
            warnings=[
                *self._parts.trust.warnings(plugin),
                *shortcomings(plugin, self.configuration.environment),
            ],
        )
