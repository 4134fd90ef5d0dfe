"""Tenants and the API keys that name them."""

from wardian.tenants.bootstrap import bootstrap
from wardian.tenants.keys import KeyRing, KeyView, NewKey
from wardian.tenants.scopes import Caller, Scope
from wardian.tenants.tenants import Tenants, TenantView

__all__ = ["Caller", "KeyRing", "KeyView", "NewKey", "Scope", "TenantView", "Tenants", "bootstrap"]
