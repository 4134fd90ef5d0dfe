"""Credentials under envelope encryption: what plugins use and never see."""

from wardian.vault.held import Bound, Held, Kind

__all__ = ["Bound", "Held", "Kind"]
