"""Carries out operations, and blocks until they are done."""

from __future__ import annotations

import ssl
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from typing import Any, TypeVar

import httpx

from wardian.client.answers import Answer, read
from wardian.client.errors import ClientError, ConnectionLost, NotSendable
from wardian.client.exchange import Attempt, exchange
from wardian.client.feeds import STREAM_TYPE, Feed, Following
from wardian.client.operations import Operation
from wardian.client.options import Options, Place
from wardian.client.uploads import Upload
from wardian.client.wire import arguments, check_kind, headers, intake, timeout, unreachable

T = TypeVar("T")


class Blocking:
    """One pool of connections to one host; threads may share it."""

    def __init__(self, place: Place, options: Options, http: httpx.Client) -> None:
        self.place = place
        self.options = options
        self._http = http

    @staticmethod
    def to(place: Place, options: Options, tls: ssl.SSLContext | None) -> Blocking:
        """Make a pool.

        Raises:
            Misconfigured: the address or the key cannot be used.
        """
        return Blocking(place, options, httpx.Client(**arguments(place, tls)))

    def over(self, options: Options) -> Blocking:
        """The same pool with other options."""
        return Blocking(self.place, options, self._http)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def run(self, operation: Operation[T]) -> T:
        """Carry out an operation.

        Raises:
            ClientError: it did not succeed.
        """
        steps = exchange(operation, self.options)
        step = next(steps)
        while True:
            came: Answer | ClientError | None = None
            if isinstance(step, Attempt):
                came = self._came(step.operation)
            else:
                self.options.clock.sleep(step.seconds)
            try:
                step = steps.send(came)
            except StopIteration as done:
                value: T = done.value
                return value

    def follow(self, feed: Feed[T]) -> Generator[T, None, None]:
        """Return what a feed tells, from now on and until its end, or the generator is closed.

        Raises:
            ClientError: the stream cannot be had, or not any more.
        """
        following = Following(feed, self.options)
        begin = feed.begin if isinstance(feed.begin, str) else self.run(feed.begin)
        following.begin(begin)
        while True:
            try:
                with closing(self.pieces(following.request())) as pieces:
                    for piece in pieces:
                        yield from following.take(piece)
                        if following.is_over:
                            return
                if following.may_end:
                    return
                raise ConnectionLost("The host ended the stream.")
            except ClientError as error:
                wait = following.pause_after(error)
            self.options.clock.sleep(wait)

    def pieces(self, operation: Operation[None]) -> Generator[bytes, None, None]:
        """Return a stream as it comes, until the host ends it or the generator is closed.

        Raises:
            ClientError: it cannot be had, or its connection was lost.
        """
        try:
            with self._sent(operation) as response:
                if not response.is_success:
                    read(_taken(response, operation, self.options), operation.reads)
                check_kind(response, STREAM_TYPE)
                yield from response.iter_bytes()
        except httpx.HTTPError as error:
            raise unreachable(self.place.url, error) from error

    def _came(self, operation: Operation[Any]) -> Answer | ClientError:
        try:
            with self._sent(operation) as response:
                return _taken(response, operation, self.options)
        except httpx.HTTPError as error:
            return unreachable(self.place.url, error)
        except ClientError as error:
            return error

    @contextmanager
    def _sent(self, operation: Operation[Any]) -> Iterator[httpx.Response]:
        seconds = self.options.timeout if operation.timeout is None else operation.timeout
        body = operation.body
        request = self._http.build_request(
            operation.method,
            operation.path,
            params=operation.query or None,
            headers=headers(operation, self.options),
            content=body.counted() if isinstance(body, Upload) else body,
            timeout=timeout(seconds),
        )
        try:
            response = self._http.send(request, stream=True)
        except OSError as error:
            raise NotSendable(f"The file cannot be read: {error}.") from error
        try:
            yield response
        finally:
            response.close()


def _taken(response: httpx.Response, operation: Operation[Any], options: Options) -> Answer:
    with intake(response, operation, options) as taken:
        for piece in response.iter_bytes():
            taken.take(piece)
            taken.tell()
        return taken.answer()
