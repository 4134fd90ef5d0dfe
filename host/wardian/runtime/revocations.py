"""Revocations: the lists that publishers sign, and what the operator revokes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import msgspec

from wardian.crypto.identifiers import new_id
from wardian.errors import Conflict, NotFound, SignatureInvalid
from wardian.plugins.judgement import KeyState, TenantTrust, TrustedKey
from wardian.plugins.statements import (
    RevocationList,
    Signed,
    checked_revocation,
    read_signed,
)
from wardian.plugins.trust import read_trust
from wardian.runtime.journal import Change, Journal
from wardian.runtime.publishers import read_publisher, revoke_keys
from wardian.runtime.recall import Recall
from wardian.runtime.trust_views import PublisherView, RevocationView, revocation_view
from wardian.runtime.whole import wholly
from wardian.storage import Database
from wardian.storage.rows import RevocationListRow, RevocationRow, now
from wardian.storage.trust import TrustRepository
from wardian.tenants.tenants import require_tenant

CLOCK_TOLERANCE = timedelta(minutes=5)
"""How far a publisher's clock may be ahead of this host's."""


class Revocations:
    """What must not run any more, in every tenant."""

    def __init__(
        self,
        database: Database,
        journal: Journal,
        recall: Recall,
        *,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._database = database
        self._journal = journal
        self._recall = recall
        self._clock = clock

    async def list(self, *, tenant: str = "default") -> Sequence[RevocationView]:
        """Return what the operator revoked, oldest first."""
        async with self._database.reading() as connection:
            rows = await TrustRepository(connection, tenant).revocations()
        return [revocation_view(row) for row in rows]

    @wholly
    async def add(
        self,
        *,
        reason: str,
        sha256: str | None = None,
        name: str | None = None,
        versions: str | None = None,
        tenant: str = "default",
        actor: str = "host",
    ) -> RevocationView:
        """Revoke a package by its SHA-256, or versions of a plugin; what runs of it ends.

        Args:
            versions: one version, a range such as ``>=1.0, <1.3``, or ``*``.

        Raises:
            InvalidArguments: not one of the two, or no reason.
            NotFound: there is no such tenant.
        """
        checked_revocation(sha256=sha256, name=name, versions=versions, reason=reason)
        row = RevocationRow(
            id=new_id(),
            package_digest=sha256,
            name=name,
            versions=versions,
            reason=reason,
            revoked_at=now(),
            revoked_by=actor,
        )
        async with self._journal.change(tenant, actor) as change:
            await require_tenant(change.connection, tenant)
            await TrustRepository(change.connection, tenant).add_revocation(row)
            detail = {"id": row.id, "sha256": sha256, "versions": versions, "reason": reason}
            await change.note_trust("revoked", name or sha256 or "", detail)
        return revocation_view(row, await self._recall.sweep(tenant))

    async def remove(
        self, revocation_id: str, *, tenant: str = "default", actor: str = "host"
    ) -> None:
        """Take a revocation of the operator's back; what it quarantined stays so.

        Raises:
            NotFound: there is none of this id.
        """
        async with self._journal.change(tenant, actor) as change:
            repository = TrustRepository(change.connection, tenant)
            if not await repository.remove_revocation(revocation_id):
                raise NotFound(f"There is no revocation with the id {revocation_id[:80]!r}.")
            await change.note_trust("revocation-removed", revocation_id, {})

    @wholly
    async def receive(
        self, publisher: str, content: bytes, *, tenant: str = "default", actor: str = "host"
    ) -> PublisherView:
        """Take a publisher's newest list of revocations; what it is of gets quarantined.

        The very list that is here already changes nothing.

        Raises:
            NotFound: the tenant has no such publisher.
            SignatureInvalid: the list is not signed by an active key of the publisher, has
                expired, or revokes another's key.
            Conflict: the host has a newer one.
        """
        signed = read_signed(content, RevocationList)
        async with self._journal.change(tenant, actor) as change:
            view = await read_publisher(change.connection, tenant, publisher)
            trust = await read_trust(change.connection, tenant)
            if await self._is_here(change, publisher, content):
                return view
            _check_signer(trust, publisher, signed)
            self._check_time(publisher, signed.statement)
            await self._check_number(change, trust, publisher, signed.statement)
            await self._take(change, trust, publisher, content, signed.statement)
            view = await read_publisher(change.connection, tenant, publisher)
        return msgspec.structs.replace(view, quarantined=await self._recall.sweep(tenant))

    async def _is_here(self, change: Change, publisher: str, content: bytes) -> bool:
        lists = await TrustRepository(change.connection, change.tenant).lists()
        return any(row.publisher == publisher and row.envelope.encode() == content for row in lists)

    def _check_time(self, publisher: str, found: RevocationList) -> None:
        at = self._clock()
        if found.expires_at <= at:
            raise SignatureInvalid(
                f"List {found.number} of {publisher!r} expired at {found.expires_at.isoformat()}, "
                f"and it is {at.isoformat()} here: a newer one may be withheld."
            )
        if found.issued_at > at + CLOCK_TOLERANCE:
            raise SignatureInvalid(
                f"List {found.number} of {publisher!r} was issued at "
                f"{found.issued_at.isoformat()}, and it is {at.isoformat()} here."
            )

    async def _check_number(
        self, change: Change, trust: TenantTrust, publisher: str, found: RevocationList
    ) -> None:
        repository = TrustRepository(change.connection, change.tenant)
        for row in await repository.lists():
            if row.publisher != publisher or found.number > row.number:
                continue
            before = read_signed(row.envelope.encode(), RevocationList)
            # Whoever stole a key could have given a list the highest number there is. Once that
            # key is revoked the number binds nobody, or no list could ever follow.
            if _signers(trust, publisher, before):
                raise Conflict(
                    f"The list of {publisher!r} has the number {found.number}, and the host has "
                    f"{row.number}: each list has a higher number than the one before."
                )

    async def _take(
        self,
        change: Change,
        trust: TenantTrust,
        publisher: str,
        content: bytes,
        found: RevocationList,
    ) -> None:
        reasons = {each.key_id: each.reason for each in found.revoked if each.key_id is not None}
        for key_id in reasons:
            key = trust.keys.get(key_id)
            if key is not None and key.publisher != publisher:
                raise SignatureInvalid(
                    f"The list of {publisher!r} revokes the key {key_id}, which is of "
                    f"{key.publisher!r}: a publisher revokes what is its own."
                )
        row = RevocationListRow(
            publisher=publisher,
            number=found.number,
            expires_at=found.expires_at,
            envelope=content.decode(),
            received_at=now(),
        )
        await TrustRepository(change.connection, change.tenant).set_list(row)
        await revoke_keys(change, publisher, reasons)
        detail = {"number": found.number, "expires_at": found.expires_at.isoformat()}
        await change.note_trust("list-received", publisher, detail)


def _signers(
    trust: TenantTrust, publisher: str, signed: Signed[RevocationList]
) -> list[TrustedKey]:
    """Return the keys of a publisher, revoked ones left out, that signed a list."""
    return [
        key
        for key_id in signed.envelope.signatures
        if (key := trust.keys.get(key_id)) is not None
        and key.publisher == publisher
        and key.state is not KeyState.REVOKED
        and signed.envelope.is_signed_by(key.public)
    ]


def _check_signer(trust: TenantTrust, publisher: str, signed: Signed[RevocationList]) -> None:
    if any(key.state is KeyState.ACTIVE for key in _signers(trust, publisher, signed)):
        return
    named = ", ".join(key_id[:64] for key_id in signed.envelope.signatures)
    own = [key for key in trust.keys.values() if key.publisher == publisher]
    listed = ", ".join(f"{key.id} ({key.state})" for key in own) or "none"
    raise SignatureInvalid(
        f"The list {signed.statement.number} of {publisher!r} is signed in the name of the key "
        f"{named}. That takes a signature that holds by an active key of {publisher!r}; its keys "
        f"are {listed}."
    )
