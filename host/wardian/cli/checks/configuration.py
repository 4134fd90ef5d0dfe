"""The files of configuration: whether a host could read them. Schemas are for the host to ask."""

from __future__ import annotations

from pathlib import Path

from wardian.cli.checks.check import Check, Status
from wardian.runtime.config_reading import (
    TENANTS_FOLDER,
    FileRefused,
    name_of,
    read_values,
)
from wardian.settings import Settings

_NAME = "configuration files"


def configuration_checks(settings: Settings) -> list[Check]:
    """Read every file of the host's environment."""
    folder = settings.config_dir
    if folder is None:
        return [Check(_NAME, Status.OK, "none are read: WARDIAN_CONFIG_DIR is not set")]
    if not folder.is_dir():
        advice = "Make it, or let WARDIAN_CONFIG_DIR name another; until then the last good values "
        return [Check(_NAME, Status.WEAK, f"{folder} is no folder", f"{advice}stay in force.")]
    names = _names(folder, settings)
    faults = [check for name in names if (check := _checked(folder, name)) is not None]
    misplaced = folder / TENANTS_FOLDER / settings.default_tenant
    if misplaced.exists():
        advice = f"The default tenant's file is {folder / names[0]}."
        faults.append(Check(_NAME, Status.WEAK, f"{misplaced} is not read", advice))
    found = f"{folder}, for {settings.environment}"
    return faults or [Check(_NAME, Status.OK, found)]


def _names(folder: Path, settings: Settings) -> list[str]:
    own = name_of(settings.default_tenant, settings.environment, settings.default_tenant)
    others = sorted((folder / TENANTS_FOLDER).glob(f"*/{own}"))
    return [own, *(str(path.relative_to(folder)) for path in others)]


def _checked(folder: Path, name: str) -> Check | None:
    try:
        read_values(folder, name)
    except FileRefused as refused:
        where = name if refused.line is None else f"{name}:{refused.line}"
        advice = "Mend it; until then its last good values stay in force."
        return Check(_NAME, Status.WEAK, f"{where}: {refused.message}", advice)
    return None
