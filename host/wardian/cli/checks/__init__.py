"""What a host needs of its machine, looked at one by one; nothing is changed."""

from __future__ import annotations

from wardian.cli.checks.check import Check, Status
from wardian.cli.checks.configuration import configuration_checks
from wardian.cli.checks.machine import machine_checks
from wardian.cli.checks.storage import storage_checks
from wardian.cli.checks.toolchains import toolchain_checks
from wardian.cli.checks.vault import vault_check
from wardian.cli.checks.workers import worker_checks
from wardian.settings import Settings

__all__ = ["Check", "Status", "all_checks"]


async def all_checks(settings: Settings) -> list[Check]:
    """Look at everything, the machine first and then what these settings name."""
    return [
        *machine_checks(settings),
        *await worker_checks(settings),
        *await storage_checks(settings),
        vault_check(settings),
        *configuration_checks(settings),
        *toolchain_checks(),
    ]
