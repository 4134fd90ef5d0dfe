"""Accounts by the operator's settings: the ledger, quotas, prices, what is kept of it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from wardian.policy.prices import Prices
from wardian.policy.quotas import Quotas
from wardian.runtime.accounting import Accounts, DailyQuotas, Folding, Ledger
from wardian.runtime.accounting.folding import FoldingPolicy
from wardian.runtime.accounting.notices import Notices
from wardian.runtime.journal import Journal
from wardian.runtime.statistics import Statistics
from wardian.runtime.steps import Steps
from wardian.settings import Settings
from wardian.storage import Database

LEDGER = "ledger"


def make_accounts(
    settings: Settings, database: Database, journal: Journal, steps: Steps, folder: Path
) -> tuple[Accounts, Statistics]:
    ledger = Ledger(folder / LEDGER, functions_max=settings.analytics_functions_max)
    folding = Folding(database, ledger, folding_policy(settings), steps)
    quotas = DailyQuotas(database, ledger, folding, default_quotas(settings), Notices(journal))
    accounts = Accounts(ledger=ledger, folding=folding, quotas=quotas)
    return accounts, Statistics(database, accounts)


def folding_policy(settings: Settings) -> FoldingPolicy:
    return FoldingPolicy(
        prices=prices(settings).text(),
        minutes_kept=timedelta(hours=settings.analytics_minutes_kept_hours),
        hours_kept=timedelta(days=settings.analytics_hours_kept_days),
        days_kept=timedelta(days=settings.analytics_days_kept_days),
    )


def prices(settings: Settings) -> Prices:
    return Prices(
        per_call=settings.cost_call,
        per_billion_fuel=settings.cost_billion_fuel,
        per_gib_egress=settings.cost_gib_egress,
        per_gib_second=settings.cost_gib_second,
    )


def default_quotas(settings: Settings) -> Quotas:
    return Quotas(
        calls=settings.quota_calls,
        fuel=settings.quota_fuel,
        egress_bytes=settings.quota_egress_bytes,
        storage_bytes=settings.quota_storage_bytes,
    )
