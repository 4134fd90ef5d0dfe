"""NATS JetStream, as far as the bus needs it: one stream, and a consumer for each subject.

The only module that speaks nats-py, which is installed with ``wardian[nats]``.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from nats import errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import NoStreamResponseError, NotFoundError

from wardian.events.stream_place import Place, credentials_of
from wardian.events.subjects import consumer_name, token

ANSWER_SECONDS = 3
"""How long the server may take to answer."""

CLOSE_SECONDS = 1.0
"""How long the end of a connection is waited for."""

AGAIN_SECONDS = 0.5
"""How long after a connection is lost, or none is made, the next is tried."""

PING_SECONDS = 5
"""How often a silent server is asked whether it is there; at the third time it is not."""

KEPT_SECONDS = 86_400.0
"""How long a message is kept that nobody takes, such as one for a plugin that is no more."""

_IN_FLIGHT_MAX = 10_000  # messages of one consumer that are not acknowledged

_log = logging.getLogger("wardian.events")


class StreamError(Exception):
    """NATS did not do what it was asked; it is asked again later."""


class _Client(Client):
    """A client that says nothing to a server over a connection that should be encrypted and is not.

    Because: nats-py encrypts what the server says it wants encrypted, and believes it if not.
    """

    def _connect_command(self) -> bytes:
        if self.options.get("tls") and not self._server_info.get("tls_required"):
            raise errors.SecureConnWantedError
        return super()._connect_command()


@dataclass(frozen=True, slots=True)
class Message:
    """One message that was received.

    Attributes:
        received: how often it was given to anybody, this time included.
    """

    data: bytes
    received: int
    _raw: Msg

    async def acknowledge(self) -> None:
        """Have it removed; if the server does not hear of it, it comes again."""
        with suppress(errors.Error, OSError):
            await self._raw.ack()

    async def keep(self) -> None:
        """Have nobody else receive it for as long again as the consumer waits."""
        with suppress(errors.Error, OSError):
            await self._raw.in_progress()


class JetStream:
    """A connection that is made again when it is lost, and what is asked over it."""

    def __init__(self, place: Place, *, wait_seconds: float) -> None:
        """``wait_seconds``: after so long without a word a message is given to somebody else.

        Raises:
            HostUnusable: a value or a file cannot be used.
        """
        self._place = place
        self._wait_seconds = wait_seconds
        self._credentials = credentials_of(place)
        self._client: Client | None = None
        self._consumers: set[str] = set()

    @property
    def is_connected(self) -> bool:
        """Whether the server can be asked now."""
        return self._client is not None and self._client.is_connected

    @asynccontextmanager
    async def kept(self, heard: Callable[[str], None]) -> AsyncIterator[None]:
        """Stay connected while this is open.

        ``heard`` is called with what others `tell`, and with nothing after each connection.
        """
        task = asyncio.create_task(self._connect_forever(heard), name="wardian-nats")
        try:
            yield
        finally:
            while not task.done():  # because what nats-py does may swallow a cancellation
                task.cancel()
                await asyncio.wait([task], timeout=CLOSE_SECONDS)

    async def publish(self, subject: str, messages: Mapping[str, bytes]) -> None:
        """Store messages; of those with the same name one is stored.

        Args:
            messages: what is stored, by a name of its own.

        Raises:
            StreamError: the server did not say of each that it is stored.
        """
        context = self._context()
        async with _translated():
            answers = await asyncio.gather(
                *(
                    context.publish(subject, data, headers={"Nats-Msg-Id": name})
                    for name, data in messages.items()
                ),
                return_exceptions=True,
            )
            failures = [answer for answer in answers if isinstance(answer, BaseException)]
            if any(isinstance(failure, NoStreamResponseError) for failure in failures):
                await self._make_stream()
            if failures:
                raise failures[0]

    async def pull(self, subject: str, count: int) -> list[Message]:
        """Receive up to so many messages, of those that are there now.

        Raises:
            StreamError: the server did not answer.
        """
        client = self._connection_now()
        async with _translated():
            if subject not in self._consumers:
                await self._make_consumer(subject)
            return await self._pull(client, subject, count)

    async def tell(self, text: str) -> None:
        """Tell the others that are connected now, and nobody who comes later."""
        with suppress(errors.Error, OSError):
            if self._client is not None:
                await self._client.publish(self._notices, text.encode())

    def subject(self, *words: str) -> str:
        """Return the subject of these words, whatever is in them."""
        return ".".join([self._place.stream, "events", *map(token, words)])

    @property
    def _notices(self) -> str:
        return f"{self._place.stream}.notices"

    async def _connect_forever(self, heard: Callable[[str], None]) -> None:
        was_reached = True
        while True:
            try:
                async with self._connection(heard) as closed:
                    _log.info("Connected to NATS.")
                    was_reached = True
                    heard("")
                    await closed.wait()
                _log.warning("The connection to NATS was lost; events wait.")
            except Exception as error:  # noqa: BLE001 -- whatever it is, the next try may succeed
                if was_reached:
                    _log.warning("NATS cannot be reached, and events wait: %s", _reason(error))
                was_reached = False
            await asyncio.sleep(AGAIN_SECONDS)

    @asynccontextmanager
    async def _connection(self, heard: Callable[[str], None]) -> AsyncIterator[asyncio.Event]:
        client, closed = _Client(), asyncio.Event()

        async def on_closed() -> None:
            closed.set()

        async def on_error(error: Exception) -> None:
            _log.debug("NATS: %s", _reason(error))

        async def on_notice(message: Msg) -> None:
            heard(message.data.decode(errors="replace"))

        try:
            await client.connect(
                name="wardian",
                allow_reconnect=False,  # `_connect_forever` does, whatever ended the connection
                connect_timeout=ANSWER_SECONDS,
                ping_interval=PING_SECONDS,
                no_echo=True,
                closed_cb=on_closed,
                error_cb=on_error,
                **self._credentials,
            )
            await client.subscribe(self._notices, cb=on_notice)
            self._client = client
            self._consumers.clear()
            await self._make_stream()
            yield closed
        finally:
            self._client = None
            with suppress(errors.Error, OSError):
                # What was begun and not encrypted in the end is never closed for nats-py.
                async with asyncio.timeout(CLOSE_SECONDS):
                    await client.close()

    def _connection_now(self) -> Client:
        if self._client is None or not self._client.is_connected:
            raise StreamError("NATS cannot be reached.")
        return self._client

    def _context(self) -> JetStreamContext:
        return self._connection_now().jetstream(timeout=ANSWER_SECONDS)

    async def _make_stream(self) -> None:
        """Make the stream unless it is there: one that an operator has made stays as it is."""
        place, context = self._place, self._context()
        with suppress(NotFoundError):
            await context.stream_info(place.stream)
            return
        await context.add_stream(
            StreamConfig(
                name=place.stream,
                subjects=[f"{place.stream}.events.>"],
                retention=RetentionPolicy.WORK_QUEUE,
                storage=StorageType.FILE,
                num_replicas=place.replicas,
                max_age=KEPT_SECONDS,
            )
        )

    async def _make_consumer(self, subject: str) -> None:
        await self._make_stream()
        await self._context().add_consumer(
            self._place.stream,
            ConsumerConfig(
                durable_name=consumer_name(subject),
                filter_subject=subject,
                ack_policy=AckPolicy.EXPLICIT,
                ack_wait=self._wait_seconds,
                max_ack_pending=_IN_FLIGHT_MAX,
                inactive_threshold=KEPT_SECONDS,
            ),
        )
        self._consumers.add(subject)

    async def _pull(self, client: Client, subject: str, count: int) -> list[Message]:
        stream, inbox = self._place.stream, client.new_inbox()
        answers = await client.subscribe(inbox)
        found: list[Message] = []
        try:
            # Its own `fetch` waits for what may come; here it is asked what there is.
            asked = json.dumps({"batch": count, "no_wait": True}).encode()
            where = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer_name(subject)}"
            await client.publish(where, asked, reply=inbox)
            while len(found) < count:
                message = await answers.next_msg(timeout=ANSWER_SECONDS)
                status = (message.headers or {}).get("Status")
                if status is not None:
                    break
                received = message.metadata.num_delivered or 1
                found.append(Message(message.data, received, message))
        except errors.TimeoutError:
            self._consumers.discard(subject)  # one that somebody removed does not answer
            if not found:
                raise
        finally:
            with suppress(errors.Error, OSError):
                await answers.unsubscribe()
        return found


def _reason(error: BaseException) -> str:
    """Return why something failed; what nats-py says has no URL in it, and this keeps it so."""
    return type(error).__name__ if isinstance(error, OSError | TimeoutError) else str(error)


@asynccontextmanager
async def _translated() -> AsyncIterator[None]:
    """Raise what nats-py raises as an error of ours."""
    try:
        yield
    except (errors.Error, OSError, TimeoutError) as exc:
        raise StreamError(f"NATS did not answer as it should: {_reason(exc)}.") from exc
