"""What goes on in this task, for those who do a part of it: nothing of this costs anything where
nobody traces."""

from __future__ import annotations

from opentelemetry.trace import SpanKind

from wardian.telemetry.tracing import CURRENT, UNTRACED, Attributes, Trail, Untraced

HTTP_SEND = "http#send"
"""The host call that sends a plugin's requests."""


def current() -> Trail | None:
    """Return what goes on, if it is recorded."""
    trail = CURRENT.get()
    return trail if trail is not None and trail.is_recorded else None


def current_ids() -> tuple[str, str] | None:
    """Return the ids of the trace and the span that go on, if they are recorded."""
    trail = CURRENT.get()
    if trail is None or (context := trail.context) is None:
        return None
    return f"{context.trace_id:032x}", f"{context.span_id:016x}"


def step(name: str) -> Trail | Untraced:
    """Return what is entered around a part of what goes on."""
    above = CURRENT.get()
    return UNTRACED if above is None else above.below(name) or UNTRACED


def host_call(interface: str, function: str) -> Trail | None:
    """Begin the span of a host call; None if there is to be none."""
    above = CURRENT.get()
    if above is None or not above.is_recorded:
        return None
    name = f"{interface}#{function}"
    kind = SpanKind.CLIENT if interface == "http" else SpanKind.INTERNAL
    return above.below(name, {"wardian.interface": interface, "wardian.function": function}, kind)


def published(event_id: str) -> None:
    """Note that what goes on has published an event."""
    trail = CURRENT.get()
    if trail is not None:
        trail.remember(event_id)


def note_request(attributes: Attributes) -> None:
    """Tell of the HTTP request that a plugin's host call makes, on that host call's span."""
    trail = CURRENT.get()
    if trail is not None and trail.name == HTTP_SEND:
        trail.note(attributes)


def outgoing_traceparent() -> str | None:
    """Return the header ``traceparent`` for a request that a plugin sends now, if it has one."""
    trail = current()
    return None if trail is None else trail.outgoing()
