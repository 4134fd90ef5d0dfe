"""Tenants and the API keys that name them."""

from wardian.tenants.bootstrap import bootstrap
from wardian.tenants.keys import KeyChange, KeyPolicy, KeyRing, KeyView, NewKey
from wardian.tenants.rates import RatePolicy, Rates
from wardian.tenants.scopes import Bounds, Caller, Scope
from wardian.tenants.tenants import TenantLimits, Tenants, TenantView
from wardian.tenants.terms import KeyTerms

__all__ = [
    "Bounds",
    "Caller",
    "KeyChange",
    "KeyPolicy",
    "KeyRing",
    "KeyTerms",
    "KeyView",
    "NewKey",
    "RatePolicy",
    "Rates",
    "Scope",
    "TenantLimits",
    "TenantView",
    "Tenants",
    "bootstrap",
]
