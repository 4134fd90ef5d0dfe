"""Whether the vault would open."""

from __future__ import annotations

import stat
from collections.abc import Sequence
from pathlib import Path

from wardian.bootstrap import DATABASE_NAME
from wardian.cli.checks.check import Check, Status
from wardian.errors import HostUnusable, VaultSealed
from wardian.settings import Settings
from wardian.storage import Database
from wardian.vault.root_files import RootKeyFile
from wardian.vault.roots import RootKey
from wardian.vault.sources import FILE_NAME

_NAME = "vault"


async def vault_check(settings: Settings) -> Check:
    """Look at where the root key is, and whether it is the one that the database's keys take.

    Only a key in a file is tried: a variable is the host's, and a server with a transit engine is
    not asked.
    """
    scheme, _, rest = (settings.root_key or "").partition(":")
    if scheme in ("env", "transit"):
        return Check(_NAME, Status.OK, f"the root key is in {settings.root_key}; a start tries it")
    path = Path(rest) if scheme == "file" else settings.data_dir / FILE_NAME
    if not path.exists():
        return _missing(settings, path, is_named=scheme == "file")
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        advice = f"chmod 600 {path}; until then the vault is sealed."
        return Check(_NAME, Status.WEAK, f"{path} is open to others ({mode:o})", advice)
    try:
        keys = await RootKeyFile(path).load(is_empty=False)
    except VaultSealed as sealed:
        return Check(_NAME, Status.WEAK, sealed.message, f"Put the root key back in {path}.")
    if settings.root_key_previous is None and await _is_other(settings, keys):
        advice = f"Put the right one back in {path}; until then the vault is sealed."
        return Check(_NAME, Status.WEAK, f"{path} has another key than the database takes", advice)
    return Check(
        _NAME, Status.OK, f"the root key is in {path}; keep a copy apart from the database"
    )


async def _is_other(settings: Settings, keys: Sequence[RootKey]) -> bool:
    path = settings.data_dir / DATABASE_NAME
    if settings.database_url is None and not path.exists():
        return False
    try:
        wrapped = await Database.root_keys(settings.database_url or path)
    except HostUnusable:
        return False  # the check of the database says so
    return not all(any(key.opens(name) for key in keys) for name in wrapped)


def _missing(settings: Settings, path: Path, *, is_named: bool) -> Check:
    is_new = settings.database_url is None and not (settings.data_dir / DATABASE_NAME).exists()
    if is_new and not is_named:
        return Check(_NAME, Status.OK, f"{path} is made at the first start")
    advice = (
        "Put the root key back. It is made anew only while nothing was sealed with another; "
        "otherwise the vault is sealed and credentials cannot be used."
    )
    return Check(_NAME, Status.WEAK, f"{path} is not there", advice)
