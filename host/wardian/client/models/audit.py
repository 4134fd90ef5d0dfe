"""The audit trail: its entries, and whether they are a whole chain."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the audit trail.

    Attributes:
        sequence: 1, 2, 3 … without a gap, in its tenant.
        time: in UTC, to the microsecond.
        actor: the name of a key, ``plugin:NAME`` or ``host``.
        action: what was done: ``plugin.installed``; or ``permission.denied``, ``api.denied``.
        subject: to what.
        decision: ``allowed`` or ``denied``.
        layer: what decided: ``host``, ``scope:admin``, ``scope``, ``trust``, ``manifest``,
            ``grant``, ``level`` or ``operator``; empty for what a program asked that the host
            is a part of.
        key_id, address, request_id: of the request that asked for it; empty if none did.
        previous, hash: of the entry before, and of this one.
    """

    sequence: int
    time: datetime
    tenant: str
    actor: str
    action: str
    subject: str
    decision: str
    layer: str
    key_id: str
    address: str
    request_id: str
    detail: dict[str, Any]
    previous: str
    hash: str


class AuditPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some entries, the newest first; `next` asks for those before them."""

    entries: list[AuditEntry]
    next: int | None


class AuditHead(msgspec.Struct, frozen=True, kw_only=True):
    """The end of a chain at some time: to be kept where nobody can write who could change it."""

    sequence: int
    hash: str


class ChainFault(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong at one entry; 0 where there is none."""

    sequence: int
    what: str


class ChainReport(msgspec.Struct, frozen=True, kw_only=True):
    """What the verification of a chain found.

    Attributes:
        first: the number of the first entry; above 1 if older ones were let go.
        head: the last entry.
        faults: the first of them.
    """

    sound: bool
    entries: int
    first: int | None
    head: AuditHead | None
    faults: list[ChainFault]
