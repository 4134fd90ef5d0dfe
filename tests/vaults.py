"""A vault over a database, for tests of what is made with it."""

from __future__ import annotations

from pathlib import Path

from wardian.events import Events
from wardian.runtime.journal import Journal
from wardian.storage import Database
from wardian.vault import Vault
from wardian.vault.keyring import Keyring
from wardian.vault.sources import RootKeyChoice, sources_of


def vault_of(database: Database, folder: Path) -> Vault:
    """A vault with its root key in a folder; it is still to be opened."""
    keyring = Keyring(database, sources_of(RootKeyChoice(), folder))
    return Vault(database, keyring, Journal(database, Events(database)))
