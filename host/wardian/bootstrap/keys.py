"""API keys, and how many requests they may make, by the operator's settings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from wardian.errors import HostUnusable, InvalidArguments
from wardian.runtime.journal import Journal
from wardian.runtime.key_upkeep import KeyUpkeep
from wardian.settings import Settings
from wardian.storage import Database
from wardian.telemetry import Telemetry
from wardian.tenants import KeyPolicy, KeyRing, RatePolicy, Rates, Tenants
from wardian.tenants.rates import Rate, parse_rate


def key_life_max(settings: Settings) -> timedelta | None:
    days = settings.key_days_max
    return None if days is None else timedelta(days=days)


def make_keys(settings: Settings, database: Database, journal: Journal) -> KeyRing:
    policy = KeyPolicy(
        default_tenant=settings.default_tenant,
        life_max=key_life_max(settings),
        wrong_max=settings.key_guesses_max,
    )
    return KeyRing(database, journal, policy)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyNeeds:
    """What there is already when what looks after keys is made."""

    database: Database
    journal: Journal
    keys: KeyRing
    tenants: Tenants
    telemetry: Telemetry


def make_key_upkeep(settings: Settings, needs: KeyNeeds) -> KeyUpkeep:
    """Return what looks after keys, and have metrics hear of those that are refused."""
    needs.keys.authentication.watch(needs.telemetry.key_refused)
    needs.tenants.watch(needs.keys.forget_all)
    return KeyUpkeep(
        needs.database,
        needs.journal,
        needs.keys,
        default_tenant=settings.default_tenant,
        told_before=timedelta(days=settings.key_expiring_days),
    )


def make_rates(settings: Settings, telemetry: Telemetry) -> Rates:
    """Return what counts requests.

    Raises:
        HostUnusable: a setting is no rate.
    """
    policy = RatePolicy(
        key=_rate("WARDIAN_RATE_KEY", settings.rate_key),
        tenant=_rate("WARDIAN_RATE_TENANT", settings.rate_tenant),
        hosts=settings.rate_hosts,
    )
    return Rates(policy, refused=telemetry.rate_limited)


def _rate(name: str, text: str) -> Rate:
    try:
        return parse_rate(text)
    except InvalidArguments as error:
        raise HostUnusable(f"The setting {name} cannot be used: {error.message}") from error
