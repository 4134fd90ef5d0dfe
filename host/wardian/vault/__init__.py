"""Credentials under envelope encryption: what plugins use and never see."""

from wardian.vault.held import Bound, Held, Kind
from wardian.vault.vault import Sealed, Vault
from wardian.vault.views import CredentialView

__all__ = ["Bound", "CredentialView", "Held", "Kind", "Sealed", "Vault"]
