"""Accounting: every call in a ledger, sums of them in the database, quotas by them."""

from wardian.runtime.accounting.accounting import Accounting, Accounts, Entry
from wardian.runtime.accounting.analytics import Analytics
from wardian.runtime.accounting.folding import Folding
from wardian.runtime.accounting.ledger import Ledger
from wardian.runtime.accounting.quotas import DailyQuotas
from wardian.runtime.accounting.tenant_quotas import TenantQuotas

__all__ = [
    "Accounting",
    "Accounts",
    "Analytics",
    "DailyQuotas",
    "Entry",
    "Folding",
    "Ledger",
    "TenantQuotas",
]
