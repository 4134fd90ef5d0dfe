"""The audit trail: who did what, and who decided."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Literal

from wardian.client.answers import SIZE, json_of
from wardian.client.binding import Noun, S, operation
from wardian.client.downloads import Progress, Sink, Target
from wardian.client.models import AuditHead, AuditPage, ChainReport
from wardian.client.operations import Operation, get


class Audit(Noun[S]):
    """The tenant's audit trail."""

    @operation
    def list(  # noqa: PLR0913 -- what entries are looked for by
        self,
        *,
        actor: str | None = None,
        action: str | None = None,
        subject: str | None = None,
        decision: Literal["allowed", "denied"] | None = None,
        layer: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int | None = None,
        before: int | None = None,
    ) -> Operation[AuditPage]:
        """List entries, the newest first; ``before`` is ``next`` of the page before.

        ``action`` and ``subject`` take ``*`` for any characters. A moment without a time zone is in
        UTC.
        """
        return get(
            "/audit",
            json_of(AuditPage),
            actor=actor,
            action=action,
            subject=subject,
            decision=decision,
            layer=layer,
            since=since and since.isoformat(),
            until=until and until.isoformat(),
            limit=limit,
            before=before,
        )

    @operation
    def head(self) -> Operation[AuditHead]:
        """Show the number and the hash of the last entry, to be kept elsewhere."""
        return get("/audit/head", json_of(AuditHead))

    @operation
    def verify(self, head: str | None = None) -> Operation[ChainReport]:
        """Verify the chain on the host, and that an earlier head, `SEQUENCE:HASH`, is in it."""
        return get("/audit/verification", json_of(ChainReport), head=head)

    @operation
    def export(self, to: Sink, *, progress: Progress | None = None) -> Operation[int]:
        """Write the whole trail to a file of JSON lines, the oldest entry first; its bytes."""
        return replace(get("/audit/export", SIZE), target=Target(to, progress))
