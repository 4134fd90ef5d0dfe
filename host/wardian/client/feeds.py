"""A stream of events that goes on where it was when its connection is lost.

Server-Sent Events: https://html.spec.whatwg.org/multipage/server-sent-events.html. Nothing here
knows how they are carried.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

import msgspec

from wardian.client.errors import ClientError, UnexpectedAnswer
from wardian.client.exchange import may_pass, pause, told, was_not_begun
from wardian.client.operations import Operation
from wardian.client.options import Options, Retrying

STREAM_TYPE = "text/event-stream"

SILENCE_SECONDS = 60.0
"""A stream without events says every 15 seconds that it is there."""

_UNNAMED = ("", "message")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Feed(Generic[T]):
    """A stream that is asked for.

    Attributes:
        begin: the position after which the stream begins, or what asks for that of now. So
            nothing is missed if the first connection is lost before anything came.
        request: asks for what is after that position; the host speaks until it or the client ends.
        read: makes one value of one message's data.
        named: makes one of the data of a message of another kind, by its name; those that are not
            here are passed over.
        last: the same of kinds after which there is nothing more. A stream that has an end is of
            one thing that was asked: it is not asked again when its connection is lost.
        is_last: tells of a value that the stream may end after it, and is not asked for again when
            the host ends it. Without it, and without ``last``, no end is one.
    """

    begin: Operation[str] | str
    request: Operation[None]
    read: Callable[[str], T]
    named: Mapping[str, Callable[[str], T]] = field(default_factory=dict)
    last: Mapping[str, Callable[[str], T]] = field(default_factory=dict)
    is_last: Callable[[T], bool] | None = None


class Lines:
    """Cuts bytes into lines of text.

    A line ends where the standard of such streams says, and not where ``str.splitlines`` does: an
    event may have U+2028 in its text.
    """

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._rest = bytearray()

    def cut(self, piece: bytes) -> Iterator[str]:
        """Return the lines that a piece ends.

        Raises:
            UnexpectedAnswer: one is too long, or not text.
        """
        self._rest += piece
        if b"\n" in piece:
            *lines, rest = self._rest.split(b"\n")
            self._rest = rest
            for line in lines:
                yield self._text(line)
        if len(self._rest) > self._bytes_max:
            raise UnexpectedAnswer("A line of the stream is longer than this client takes.")

    def _text(self, line: bytearray) -> str:
        try:
            return line.removesuffix(b"\r").decode()
        except UnicodeDecodeError as error:
            raise UnexpectedAnswer("The stream is not text.") from error


class Following(Generic[T]):
    """One stream, over as many connections as it takes.

    Attributes:
        is_over: whether all was said.
        may_end: whether the end of a connection is that of the stream.
    """

    def __init__(self, feed: Feed[T], options: Options) -> None:
        self.is_over = False
        self.may_end = False
        self._feed = feed
        self._kinds = {**feed.named, **feed.last}
        self._options = options
        self._lines = Lines(options.answer_max_bytes)
        self._data: list[str] = []
        self._kind = ""
        self._size = 0
        self._position = ""
        self._next_position = ""
        self._least_wait = 0.0
        self._failures = 0
        self._failing_since = 0.0

    def begin(self, position: str) -> None:
        """Start after this."""
        self._position = position

    def request(self) -> Operation[None]:
        """What to ask for now."""
        self._lines = Lines(self._options.answer_max_bytes)
        self._data.clear()
        self._kind = ""
        self._size = 0
        self._next_position = self._position
        asked = self._feed.request.with_headers(Last_Event_ID=self._position or None)
        return replace(asked, timeout=SILENCE_SECONDS)

    def take(self, piece: bytes) -> Iterator[T]:
        """Take a piece of the stream, and return the values that it completes.

        Raises:
            UnexpectedAnswer: it is not what such a stream says.
        """
        for line in self._lines.cut(piece):
            if line:
                self._field(*line.partition(":"))
            else:
                yield from self._completed()

    def pause_after(self, error: ClientError) -> float:
        """How long to wait until the stream is asked for again.

        Raises:
            ClientError: the same, if it is not to be.
        """
        clock, retry = self._options.clock, self._options.retry
        if self._failures == 0:
            self._failing_since = clock.monotonic()
        self._failures += 1
        wait = pause(retry, self._failures, error, clock.chance())
        failing = clock.monotonic() - self._failing_since
        passes = was_not_begun(error) or (may_pass(error) and not self._feed.last)
        if not passes or not retry.times or wait is None or failing > retry.total_seconds:
            raise error
        wait = max(wait, min(self._least_wait, retry.longest_seconds))
        request = self._feed.request
        told(self._options, Retrying(request.method, request.path, self._failures, wait, error))
        return wait

    def _field(self, name: str, _: str, value: str) -> None:
        value = value.removeprefix(" ")
        if name == "data":
            self._grow(value)
        elif name == "event":
            self._kind = value
        elif name == "id":
            self._next_position = value
        elif name == "retry" and value.isascii() and value.isdecimal():
            self._least_wait = int(value[:9]) / 1000
        elif name == "" and value.startswith("at "):
            # Not of the standard: how far the host has looked and found nothing to tell.
            self._reached(value.removeprefix("at "))

    def _grow(self, text: str) -> None:
        self._size += len(text)
        if self._size > self._options.answer_max_bytes:
            raise UnexpectedAnswer("A message of the stream is larger than this client takes.")
        self._data.append(text)

    def _completed(self) -> Iterator[T]:
        """End a message: a value, or none where it has no data, or says what nobody asked for."""
        text, kind, spoke = "\n".join(self._data), self._kind, bool(self._data)
        self._data.clear()
        self._kind = ""
        self._size = 0
        read = self._feed.read if kind in _UNNAMED else self._kinds.get(kind)
        values: list[T] = []
        if spoke and read is not None:
            try:
                values.append(read(text))
            except msgspec.MsgspecError as error:
                raise UnexpectedAnswer(f"The stream says what is no event: {error}.") from error
        self._reached(self._next_position)
        self.is_over = spoke and kind in self._feed.last
        if values and self._feed.is_last is not None:
            self.may_end = self.may_end or self._feed.is_last(values[0])
        yield from values

    def _reached(self, position: str) -> None:
        self._position = self._next_position = position
        self._failures = 0
