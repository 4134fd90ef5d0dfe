"""One POST of one event to one endpoint, signed, and what came of it.

https://github.com/standard-webhooks/standard-webhooks: `webhook-id` is the event's, and the same
each time; what is signed is the body as it is sent.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import msgspec

from wardian import __version__
from wardian.crypto.webhook_signatures import signatures
from wardian.egress import Answer, Egress, EgressFault, Errand
from wardian.egress.headers import value_of
from wardian.egress.transport import OneHop
from wardian.errors import WardianError
from wardian.events import Event
from wardian.events.cloud import MEDIA_TYPE, cloud_event
from wardian.plugins.text import escaped
from wardian.policy.outgoing import Outgoing
from wardian.policy.secret import Secret
from wardian.policy.urls import parse_url
from wardian.storage.rows import now
from wardian.vault.watch import Watch

RESPONSE_BYTES_MAX = 64 * 1024
"""What a receiver may answer; a longer answer is a failure."""

RESPONSE_CHARACTERS_KEPT = 200
"""Of the answer of a receiver that refuses, so that its owner sees why."""

REQUEST_BYTES_MAX = 1024 * 1024
GONE = 410


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """What came of a POST.

    Attributes:
        status: of the response; None where there was none.
        reason: why it failed; empty if it did not.
        response: the beginning of the body, of a failure.
        retry_after: what the receiver asks for.
    """

    status: int | None = None
    reason: str = ""
    response: str = ""
    retry_after: timedelta | None = None
    milliseconds: int = 0
    at: datetime

    @property
    def is_gone(self) -> bool:
        """Whether the receiver wants nothing any more."""
        return self.status == GONE


class Posting:
    """Posts events."""

    def __init__(
        self,
        egress: Egress,
        watch: Watch,
        *,
        seconds: float,
        clock: Callable[[], datetime] = now,
    ) -> None:
        """``watch`` keeps credentials out of what is written down of responses; ``seconds`` is how
        long a receiver may take."""
        self._egress = egress
        self._watch = watch
        self._seconds = seconds
        self._now = clock

    async def post(self, url: str, event: Event, secrets: Sequence[Secret]) -> Posted:
        """Post an event, signed with each of these secrets."""
        at, started = self._now(), time.monotonic()
        errand = self._errand(url, event, secrets, at)
        try:
            answer = await self._egress.send(errand)
        except EgressFault as fault:
            return Posted(reason=fault.text, milliseconds=_since(started), at=at)
        if 200 <= answer.status < 300:
            return Posted(status=answer.status, milliseconds=_since(started), at=at)
        return Posted(
            status=answer.status,
            reason=f"The receiver answered with status {answer.status}.",
            response=await self._kept(event.tenant, answer.body),
            retry_after=_retry_after(answer, at),
            milliseconds=_since(started),
            at=at,
        )

    def _errand(self, url: str, event: Event, secrets: Sequence[Secret], at: datetime) -> Errand:
        to, body, stamp = parse_url(url), msgspec.json.encode(cloud_event(event)), _stamp(at)
        signed = signatures((each.reveal() for each in secrets), event.id, stamp, body)
        headers = (
            ("content-type", MEDIA_TYPE),
            ("webhook-id", event.id),
            ("webhook-timestamp", str(stamp)),
            ("webhook-signature", signed),
        )
        return Errand(
            tenant=event.tenant,
            agent=f"wardian/{__version__} (webhooks)",
            outgoing=Outgoing(method="POST", url=to, headers=headers, body=body),
            judge=OneHop(to),
            seconds=self._seconds,
            request_bytes=REQUEST_BYTES_MAX,
            response_bytes=RESPONSE_BYTES_MAX,
        )

    async def _kept(self, tenant: str, body: bytes) -> str:
        """Return the beginning of a response, as it may be written down."""
        try:
            leaks = await self._watch.leaks(tenant)
        except WardianError:
            return ""  # because nobody can tell now whether a credential is in it
        text = leaks.redacted(body.decode("utf-8", errors="replace"))
        return escaped(text, RESPONSE_CHARACTERS_KEPT)


def _stamp(at: datetime) -> int:
    return int(at.timestamp())


def _since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)


def _retry_after(answer: Answer, at: datetime) -> timedelta | None:
    """Read when a receiver wants to be asked again (RFC 9110, section 10.2.3)."""
    text = (value_of(answer.headers, "retry-after") or "").strip()
    if text.isascii() and text.isdecimal():
        return timedelta(seconds=min(int(text[:9]), 10**8))
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # of numbers that no date has, the second
        return None
    return max(timedelta(), moment.replace(tzinfo=moment.tzinfo or UTC) - at)
