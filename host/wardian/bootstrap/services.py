"""Services with what they hear of: the vault, OAuth, configuration, egress, trust."""

from __future__ import annotations

from functools import partial

from wardian.egress import Egress
from wardian.egress.addresses import AddressRules, parse_opened
from wardian.egress.pool import SOCKETS
from wardian.egress.resolver import SystemResolver
from wardian.egress.tls import Authorities
from wardian.egress.transport import BrokeredTransport
from wardian.egress.turns import Shares
from wardian.errors import HostUnusable, InvalidArguments
from wardian.events import Event, Events
from wardian.oauth import TokenExchange
from wardian.oauth.exchange import ANSWER_BYTES_MAX, DEADLINE_SECONDS
from wardian.plugins import Registry
from wardian.plugins.trust import Trust
from wardian.runtime.config_files import ConfigFiles, FilesPolicy
from wardian.runtime.configuration import ConfigPolicy, Configuration
from wardian.runtime.journal import Journal
from wardian.runtime.oauth import Clients, Connections, FlowParts, Flows
from wardian.runtime.oauth.addresses import addresses_of
from wardian.runtime.oauth.refreshing import Refreshing, RefreshParts
from wardian.runtime.oauth.tokens import TokenStore
from wardian.runtime.rounds import Rounds
from wardian.runtime.steps import Steps
from wardian.runtime.vault_upkeep import VaultUpkeep
from wardian.settings import Settings
from wardian.storage import Database
from wardian.tenants import Tenants
from wardian.vault import Vault
from wardian.vault.keyring import Keyring
from wardian.vault.rekeying import Rekeying
from wardian.vault.rotation import Rotation
from wardian.vault.sources import RootKeyChoice, RootKeySources, sources_of


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


def make_vault(
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


def make_oauth(
    settings: Settings,
    database: Database,
    registry: Registry,
    journal: Journal,
    vault: Vault,
    egress: Egress,
) -> tuple[Flows, Connections]:
    exchanges = partial(_exchange, egress)
    parts = RefreshParts(
        registry=registry,
        journal=journal,
        vault=vault,
        clients=Clients(vault, exchanges),
        exchanges=exchanges,
        tokens=TokenStore(vault),
    )
    flows = Flows(
        FlowParts(
            database=database,
            registry=registry,
            journal=journal,
            vault=vault,
            clients=parts.clients,
            exchanges=exchanges,
            tokens=parts.tokens,
            addresses=addresses_of(settings.public_url, settings.loopback_url),
        )
    )
    return flows, Connections(parts, flows, Refreshing(parts))


def _exchange(egress: Egress, tenant: str) -> TokenExchange:
    """Reach providers as plugins reach anybody: only where the operator lets requests go."""
    transport = BrokeredTransport(
        egress, tenant, seconds=DEADLINE_SECONDS, response_bytes=ANSWER_BYTES_MAX
    )
    return TokenExchange(lambda: transport)


def make_egress(settings: Settings, shares: Shares = SOCKETS) -> Egress:
    try:
        opened = [parse_opened(text) for text in settings.egress_allowed_networks]
    except InvalidArguments as exc:
        raise HostUnusable(
            f"The setting WARDIAN_EGRESS_ALLOWED_NETWORKS cannot be used: {exc.message}"
        ) from exc
    return Egress(
        SystemResolver(), AddressRules(opened), Authorities(settings.egress_ca_file), shares
    )


def make_configuration(
    settings: Settings,
    database: Database,
    events: Events,
    journal: Journal,
    tenants: Tenants,
    rounds: Rounds,
) -> Configuration:
    files = ConfigFiles(
        database,
        journal,
        tenants,
        FilesPolicy(
            folder=settings.config_dir,
            environment=settings.environment,
            default_tenant=settings.default_tenant,
            history_max=settings.config_history_max,
        ),
    )

    def configured(event: Event) -> None:
        for name in event.value().get("plugins", ()):
            rounds.plugin_changed(event.tenant, name)

    events.subscribe("config.changed", configured)
    for topic in ("plugin.*", "config.changed"):
        events.subscribe(topic, lambda event: files.look_again(event.tenant))
    return Configuration(
        database,
        journal,
        files,
        ConfigPolicy(environment=settings.environment, history_max=settings.config_history_max),
    )


def make_trust(database: Database, events: Events, registry: Registry) -> Trust:
    """Have what is remembered of the database forgotten when it changes."""
    trust = Trust(database)
    for topic in ("plugin.*", "config.*"):
        events.subscribe(topic, partial(_forget, registry))
    events.subscribe("trust.changed", lambda event: trust.forget(event.tenant))
    return trust


def _forget(registry: Registry, event: Event) -> None:
    registry.forget(event.tenant, event.plugin)
