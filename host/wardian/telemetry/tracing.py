"""Spans: what a request led to, for whoever collects them with OpenTelemetry.

The host needs OpenTelemetry's API only. A span costs as much as a small call, so none is made
unless somebody records it: without a provider nothing is asked, and below a request or a call that
was not sampled nothing is. Spans carry names, counts and outcomes, and never what a function was
given or answered.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Self

from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context, attach, detach, get_current
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.trace import (
    Link,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    Tracer,
    TracerProvider,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from wardian import __version__

Attributes = Mapping[str, str | int | float | bool]

SPANS_MAX = 128
"""Spans within one call, those of the calls that it makes included."""

EVENTS_KEPT = 4_096
"""Events of which it is remembered which span published them."""

_NAME_CHARS = 200

_PROPAGATOR = CompositePropagator([TraceContextTextMapPropagator(), W3CBaggagePropagator()])
CARRIED = ("traceparent", "tracestate", "baggage")
"""The headers of a request that say which trace it is part of."""


class _Room:
    """How many spans a call may still have."""

    __slots__ = ("dropped", "left")

    def __init__(self, spans_max: int) -> None:
        self.left = spans_max
        self.dropped = 0

    def take(self) -> bool:
        if self.left > 0:
            self.left -= 1
            return True
        self.dropped += 1
        return False


class Trail:
    """A span, current while this is entered; or the word that nothing here is recorded.

    Attributes:
        name: of the span.
        is_over: it is ended; what was begun within it and goes on is no more part of it.
    """

    __slots__ = (
        "_before",
        "_bounds",
        "_outside",
        "_room",
        "_span",
        "_tracing",
        "_within",
        "is_over",
        "name",
    )

    def __init__(
        self, tracing: Tracing, name: str, span: Span | None, within: Context, room: _Room | None
    ) -> None:
        self.name = name
        self.is_over = False
        self._tracing = tracing
        self._span = span
        self._within = within
        self._room = room
        self._bounds = False
        self._before: Token[Trail | None] | None = None
        self._outside: Token[Context] | None = None

    @property
    def is_recorded(self) -> bool:
        """Whether there is a span."""
        return self._span is not None and not self.is_over

    @property
    def context(self) -> SpanContext | None:
        """What others name the span by; None if there is none."""
        return None if self._span is None else self._span.get_span_context()

    @property
    def traceparent(self) -> str | None:
        """The same, as W3C Trace Context writes it."""
        found = self.context
        if found is None:
            return None
        return f"00-{found.trace_id:032x}-{found.span_id:016x}-{found.trace_flags:02x}"

    def __enter__(self) -> Self:
        self._before = CURRENT.set(self)
        if self._span is not None:
            self._outside = attach(self._within)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._before is not None  # noqa: S101 - entered before
        CURRENT.reset(self._before)
        self.is_over = True
        if self._span is None:
            return
        if self._outside is not None:
            detach(self._outside)
        if error is not None:
            # The text of an error may have what a plugin was given; its type has not.
            self.fail(str(getattr(error, "type", type(error).__name__)))
        self._span.end()

    def note(self, attributes: Attributes) -> None:
        """Add to what is told of the span."""
        if self._span is not None:
            for name, value in attributes.items():
                self._span.set_attribute(name, value)

    def rename(self, name: str) -> None:
        """Give the span another name, once more is known of it."""
        if self._span is not None:
            self._span.update_name(name)

    def fail(self, error_type: str) -> None:
        """Say that it ended with an error of this type."""
        if self._span is not None:
            self._span.set_attribute("error.type", error_type)
            self._span.set_status(Status(StatusCode.ERROR))

    def below(
        self, name: str, attributes: Attributes | None = None, kind: SpanKind = SpanKind.INTERNAL
    ) -> Trail | None:
        """Begin a span within this one; None if there is to be none."""
        if not self.is_recorded or (self._room is not None and not self._room.take()):
            return None
        span = self._tracing.start(name, self._within, kind, attributes)
        return Trail(self._tracing, name, span, set_span_in_context(span, self._within), self._room)

    def with_room(self) -> Self:
        """Bound what is below, unless it is within what is bounded already."""
        if self._room is None:
            self._room = _Room(self._tracing.spans_max)
            self._bounds = True
        return self

    def tell_dropped(self) -> None:
        """Say on the span that bounds what is below how many there was no room for."""
        if self._bounds and self._room is not None and self._room.dropped:
            self.note({"wardian.spans.dropped": self._room.dropped})
            self._tracing.dropped += self._room.dropped

    def remember(self, event_id: str) -> None:
        """Have whoever handles an event find its way back here."""
        if self._span is not None:
            self._tracing.remember(event_id, self._span.get_span_context())

    def outgoing(self) -> str | None:
        """Return the header ``traceparent`` for a request that leaves the host, if it has one."""
        return self.traceparent if self._tracing.propagates else None


CURRENT: ContextVar[Trail | None] = ContextVar("wardian-trail", default=None)
"""What goes on in this task, recorded or not."""


class Untraced:
    """What is entered where there is no span."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, *raised: object) -> None:
        return None


UNTRACED = Untraced()


class Tracing:
    """Makes the spans of one host.

    Attributes:
        spans_max: within one call, before host calls get none of their own.
        propagates: whether plugins' own HTTP requests carry the ``traceparent`` of their spans.
        dropped: how many spans there were no more of.
    """

    def __init__(self) -> None:
        self._tracer: Tracer | None = None
        self._published: OrderedDict[str, SpanContext] = OrderedDict()
        self.spans_max = SPANS_MAX
        self.propagates = True
        self.dropped = 0

    @property
    def is_on(self) -> bool:
        """Whether there is a provider."""
        return self._tracer is not None

    def use(self, provider: TracerProvider | None) -> None:
        """Have spans made by a provider from now on, or no more."""
        self._tracer = None
        if provider is not None:
            self._tracer = provider.get_tracer("wardian", __version__)

    def request(self, name: str, headers: Mapping[str, str], *, trusted: bool) -> Trail | None:
        """Begin a trace with a request; None if nobody traces. ``headers`` are those of `CARRIED`
        that it has.

        What the request says of its own trace (W3C Trace Context and Baggage) is its parent; where
        a stranger may say that, it is ``trusted`` with no more than a link.
        """
        if self._tracer is None:
            return None
        parent = _PROPAGATOR.extract(headers, Context()) if "traceparent" in headers else Context()
        if trusted:
            return self._root(name, SpanKind.SERVER, parent)
        told = get_current_span(parent).get_span_context()
        links = [Link(told)] if told.is_valid else []
        return self._root(name, SpanKind.SERVER, Context(), links)

    def event(self, event_id: str, attributes: Attributes) -> Trail | None:
        """Begin a trace with an event that is handled, linked to what published it."""
        if self._tracer is None:
            return None
        published = self._published.get(event_id)
        links = [] if published is None else [Link(published)]
        trail = self._root("event", SpanKind.CONSUMER, Context(), links)
        trail.note(attributes)
        return trail

    def afresh(self, name: str) -> Trail | None:
        """Begin a trace with what the host does by itself."""
        return None if self._tracer is None else self._root(name, SpanKind.INTERNAL, Context())

    def call(self, name: str) -> Trail | None:
        """Begin the span of a call, within what goes on; None if there is to be none."""
        if self._tracer is None:
            return None
        above = CURRENT.get()
        if above is not None and not above.is_over:
            trail = above.below(name)
            return None if trail is None else trail.with_room()
        # A program that this host is a part of may have a span of its own open.
        return self._root(name, SpanKind.INTERNAL, get_current()).with_room()

    def remember(self, event_id: str, context: SpanContext) -> None:
        """Keep which span published an event."""
        self._published[event_id] = context
        if len(self._published) > EVENTS_KEPT:
            self._published.popitem(last=False)

    def start(
        self,
        name: str,
        within: Context,
        kind: SpanKind,
        attributes: Attributes | None = None,
        links: Sequence[Link] = (),
    ) -> Span:
        """Begin a span; only where there is a provider."""
        assert self._tracer is not None  # noqa: S101 - asked before
        return self._tracer.start_span(name[:_NAME_CHARS], within, kind, attributes, links)

    def _root(
        self, name: str, kind: SpanKind, parent: Context, links: Sequence[Link] = ()
    ) -> Trail:
        span = self.start(name, parent, kind, links=links)
        if not span.is_recording():
            return Trail(self, name, None, parent, None)
        return Trail(self, name, span, set_span_in_context(span, parent), None)
