"""Carries out operations, and lets other tasks run meanwhile.

The same steps as in `wardian.client.blocking`. A task that is cancelled closes its connection, and
by that cancels its call on the host.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager
from typing import Any, TypeVar

import anyio.to_thread
import httpx

from wardian.client.answers import Answer, read
from wardian.client.errors import ClientError, ConnectionLost, NotSendable
from wardian.client.exchange import Attempt, exchange
from wardian.client.feeds import STREAM_TYPE, Feed, Following
from wardian.client.operations import Operation
from wardian.client.options import Options, Place
from wardian.client.uploads import Meter, Upload
from wardian.client.wire import arguments, check_kind, headers, intake, timeout, unreachable

T = TypeVar("T")


class Awaiting:
    """One pool of connections to one host; tasks of one event loop may share it."""

    def __init__(self, place: Place, options: Options, http: httpx.AsyncClient) -> None:
        self.place = place
        self.options = options
        self._http = http

    @staticmethod
    def to(place: Place, options: Options, tls: ssl.SSLContext | None) -> Awaiting:
        """Make a pool.

        Raises:
            Misconfigured: the address or the key cannot be used.
        """
        return Awaiting(place, options, httpx.AsyncClient(**arguments(place, tls)))

    def over(self, options: Options) -> Awaiting:
        """The same pool with other options."""
        return Awaiting(self.place, options, self._http)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def run(self, operation: Operation[T]) -> T:
        """Carry out an operation.

        Raises:
            ClientError: it did not succeed.
        """
        steps = exchange(operation, self.options)
        step = next(steps)
        while True:
            came: Answer | ClientError | None = None
            if isinstance(step, Attempt):
                came = await self._came(step.operation)
            else:
                await self.options.clock.async_sleep(step.seconds)
            try:
                step = steps.send(came)
            except StopIteration as done:
                value: T = done.value
                return value

    async def follow(self, feed: Feed[T]) -> AsyncGenerator[T, None]:
        """Return what a feed tells, from now on and until its end, or the generator is closed.

        Raises:
            ClientError: the stream cannot be had, or not any more.
        """
        following = Following(feed, self.options)
        begin = feed.begin if isinstance(feed.begin, str) else await self.run(feed.begin)
        following.begin(begin)
        while True:
            try:
                async with aclosing(self.pieces(following.request())) as pieces:
                    async for piece in pieces:
                        for value in following.take(piece):
                            yield value
                        if following.is_over:
                            return
                if following.may_end:
                    return
                raise ConnectionLost("The host ended the stream.")
            except ClientError as error:
                wait = following.pause_after(error)
            await self.options.clock.async_sleep(wait)

    async def pieces(self, operation: Operation[None]) -> AsyncGenerator[bytes, None]:
        """Return a stream as it comes, until the host ends it or the generator is closed.

        Raises:
            ClientError: it cannot be had, or its connection was lost.
        """
        try:
            async with self._sent(operation) as response:
                if not response.is_success:
                    read(await _taken(response, operation, self.options), operation.reads)
                check_kind(response, STREAM_TYPE)
                async for piece in response.aiter_bytes():
                    yield piece
        except httpx.HTTPError as error:
            raise unreachable(self.place.url, error) from error

    async def _came(self, operation: Operation[Any]) -> Answer | ClientError:
        try:
            async with self._sent(operation) as response:
                return await _taken(response, operation, self.options)
        except httpx.HTTPError as error:
            return unreachable(self.place.url, error)
        except ClientError as error:
            return error

    @asynccontextmanager
    async def _sent(self, operation: Operation[Any]) -> AsyncIterator[httpx.Response]:
        seconds = self.options.timeout if operation.timeout is None else operation.timeout
        body = operation.body
        request = self._http.build_request(
            operation.method,
            operation.path,
            params=operation.query or None,
            headers=headers(operation, self.options),
            content=_pieces(body) if isinstance(body, Upload) else body,
            timeout=timeout(seconds),
        )
        try:
            response = await self._http.send(request, stream=True)
        except OSError as error:
            raise NotSendable(f"The file cannot be read: {error}.") from error
        try:
            yield response
        finally:
            await response.aclose()


async def _taken(response: httpx.Response, operation: Operation[Any], options: Options) -> Answer:
    with intake(response, operation, options) as taken:
        async for piece in response.aiter_bytes():
            if taken.waits:
                await anyio.to_thread.run_sync(taken.take, piece)
            else:
                taken.take(piece)
            taken.tell()
        return taken.answer()


async def _pieces(upload: Upload) -> AsyncIterator[bytes]:
    pieces: Iterator[bytes] = upload.pieces()
    meter = Meter(upload)
    while True:
        if upload.waits:
            piece = await anyio.to_thread.run_sync(next, pieces, None)
        else:
            piece = next(pieces, None)
        if piece is None:
            return
        yield piece
        meter.sent(piece)
