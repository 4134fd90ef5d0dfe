"""digest: counts events as they come, and publishes a summary of them on schedule."""

import json
from collections.abc import Callable
from dataclasses import asdict
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

import ledger
from wardian_sdk import Err, PluginObserver, WardianError, context, events, logging, observes
from wit_world.exports.digests import Digest, DigestError_Busy, DigestError_Refused, Line
from wit_world.exports.event_handler import Event, HandlerError_Reject, HandlerError_Retry

P = ParamSpec("P")
T = TypeVar("T")

TOPIC = "digest.ready"


def _answers_refusals(
    function: Callable[Concatenate["Digests", P], T],
) -> Callable[Concatenate["Digests", P], T]:
    @wraps(function)
    def call(self: "Digests", *arguments: P.args, **named: P.kwargs) -> T:
        try:
            return function(self, *arguments, **named)
        except ledger.Busy:
            raise Err(DigestError_Busy()) from None
        except WardianError as refusal:
            raise Err(DigestError_Refused(str(refusal))) from None

    return call


class EventHandler(PluginObserver):
    """Counts what it is given."""

    @observes("orders.*")
    def count(self, event: Event) -> None:
        """Count an event, once however often it comes."""
        amount = _amount(event)
        try:
            is_new = ledger.change(lambda found: found.count(event, amount))
        except (ledger.Busy, WardianError) as reason:
            raise Err(HandlerError_Retry(str(reason) or "others were counting")) from None
        if not is_new:
            logging.info("counted before", id=event.id, attempt=event.attempt)


class Digests:
    """What ``wit/world.wit`` exports as the interface ``digests``."""

    @_answers_refusals
    def summarize(self) -> Digest | None:
        """End the count and announce it."""
        # Of a run that is begun anew it is the same, and so is the summary.
        run = context.current().correlation_id
        summary = ledger.change(lambda found: found.close(run))
        if summary is None:
            logging.info("nothing came")
            return None
        events.publish(TOPIC, asdict(summary))
        return _digest(summary)

    @_answers_refusals
    def counted(self) -> list[Line]:
        """Return what was counted since the last summary."""
        return _lines(ledger.read().lines)

    @_answers_refusals
    def latest(self) -> Digest | None:
        """Return the last summary."""
        summary = ledger.read().summary
        return None if summary is None else _digest(summary)


def _amount(event: Event) -> int:
    try:
        data = json.loads(event.data)
    except ValueError:
        raise Err(HandlerError_Reject("The data is no JSON.")) from None
    amount = data.get("amount") if isinstance(data, dict) else None
    is_whole = isinstance(amount, int) and not isinstance(amount, bool)
    return amount if is_whole and abs(amount) < 2**53 else 0


def _digest(summary: ledger.Summary) -> Digest:
    return Digest(summary.id, summary.first, summary.last, _lines(summary.lines))


def _lines(lines: dict[str, ledger.Line]) -> list[Line]:
    return [Line(topic, line.events, line.amount) for topic, line in sorted(lines.items())]
