"""Accounts over a database, without a host; and calls that were never made."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from rows import journal_of
from wardian.bootstrap.accounting import make_accounts
from wardian.runtime.accounting import Accounts
from wardian.runtime.accounting.records import ASKED, STATISTICS, Finished, Series
from wardian.runtime.statistics import Statistics
from wardian.runtime.steps import Steps
from wardian.settings import Settings
from wardian.storage import Database


def accounts_of(
    database: Database, folder: Path, steps: Steps | None = None, **settings: Any
) -> tuple[Accounts, Statistics]:
    """What a host keeps accounts with, and its statistics; ``folder`` is its data directory."""
    folder.mkdir(exist_ok=True)
    chosen = Settings(data_dir=folder, **settings)
    return make_accounts(chosen, database, journal_of(database), steps or Steps(), folder)


def series(plugin_id: str = "p1", **changes: str) -> Series:
    names = {"tenant": "default", "plugin": "counter", "version": "1.0.0", "function": "run"}
    return Series(plugin_id=plugin_id, **{**names, "outcome": "ok", **changes})


def finished(*, seconds: float = 0.25, at: float | None = None, **changes: int) -> Finished:
    values = {
        "flags": ASKED | STATISTICS,
        "ended_ms": int((time.time() if at is None else at) * 1000),
        "wall_us": int(seconds * 1_000_000),
        "fuel": 7,
        "memory_bytes": 65_536,
        "memory_kib_ms": 64,
        "host_calls": 1,
        "http_requests": 0,
        "sent": 0,
        "received": 0,
    }
    return Finished(**values | changes)


def count(accounts: Accounts, what: Series | None = None, call: Finished | None = None) -> None:
    """Have a call begin and end."""
    accounts.ledger.begin()
    accounts.ledger.finish(what or series(), call or finished())
