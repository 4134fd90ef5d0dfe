"""Whether the vault would open."""

from __future__ import annotations

import stat
from pathlib import Path

from wardian.bootstrap import DATABASE_NAME
from wardian.cli.checks.check import Check, Status
from wardian.settings import Settings
from wardian.vault.sources import FILE_NAME

_NAME = "vault"


def vault_check(settings: Settings) -> Check:
    """Look at where the root key is; a server with a transit engine is not asked."""
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
    return Check(
        _NAME, Status.OK, f"the root key is in {path}; keep a copy apart from the database"
    )


def _missing(settings: Settings, path: Path, *, is_named: bool) -> Check:
    is_new = settings.database_url is None and not (settings.data_dir / DATABASE_NAME).exists()
    if is_new and not is_named:
        return Check(_NAME, Status.OK, f"{path} is made at the first start")
    advice = (
        "Put the root key back. It is made anew only while nothing was sealed with another; "
        "otherwise the vault is sealed and credentials cannot be used."
    )
    return Check(_NAME, Status.WEAK, f"{path} is not there", advice)
