"""How a client is set up, and what it waits by."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import anyio

from wardian.client.errors import ClientError, Misconfigured

URL_VARIABLE = "WARDIAN_URL"
KEY_VARIABLE = "WARDIAN_API_KEY"
DEFAULT_URL = "http://127.0.0.1:8420"

TIMEOUT_SECONDS = 120.0
"""A call of the level `trusted` may take 60 seconds, and wait for its turn before that."""

ANSWER_MAX_BYTES = 256 * 1024 * 1024
"""The largest result is one of 64 MiB, and JSON may write a byte of it as several."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """Which requests are sent again, and when.

    Only what is safe: requests that the host says it did not begin (`overloaded`, `rate-limited`)
    or that no connection was made for, of any method; and those that may have been done already
    only where doing them twice is doing them once: `GET`, and `PUT` without a condition.

    Attributes:
        times: how often one request is sent again; 0 never.
        first_seconds: the wait before the first time; it doubles with each, and between half and
            all of it, by chance, is waited.
        longest_seconds: no wait is longer; a host that asks for a longer one gets no more requests,
            and its answer is raised at once.
        total_seconds: none is sent again when so long has passed since the first.
        lost_changes: also send changes again whose answer was lost, all attempts of one with one
            `Idempotency-Key`. Only for hosts that know that header: any other may do it twice.
    """

    times: int = 2
    first_seconds: float = 0.25
    longest_seconds: float = 30.0
    total_seconds: float = 60.0
    lost_changes: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """What a client measures and waits by; tests have one of their own.

    Attributes:
        monotonic: seconds since whenever.
        sleep, async_sleep: wait so many seconds.
        chance: a number from 0 to 1.
    """

    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    async_sleep: Callable[[float], Awaitable[None]] = anyio.sleep
    chance: Callable[[], float] = random.random


@dataclass(frozen=True, slots=True)
class Retrying:
    """A request is about to be sent again.

    Attributes:
        method, path: what is asked.
        attempt: how often it was sent already.
        wait_seconds: until it is sent again.
        error: why.
    """

    method: str
    path: str
    attempt: int
    wait_seconds: float
    error: ClientError


OnRetry: TypeAlias = Callable[[Retrying], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How requests are made.

    Attributes:
        timeout: seconds without an answer, or between two pieces of one, until it is given up.
        headers: sent with every request, such as `traceparent`.
        idempotency_key: of every change that does not name one itself.
        answer_max_bytes: what is larger is not read; files are as large as they are.
    """

    timeout: float = TIMEOUT_SECONDS
    retry: Retry = Retry()
    on_retry: OnRetry | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    idempotency_key: str | None = None
    answer_max_bytes: int = ANSWER_MAX_BYTES
    clock: Clock = Clock()


@dataclass(frozen=True, slots=True)
class Place:
    """A host's address, and the key for it, which is never shown."""

    url: str
    key: str | None = field(repr=False)

    @staticmethod
    def of(url: str | None, key: str | None) -> Place:
        """What was given, or else what the environment has.

        Raises:
            Misconfigured: the key cannot be sent.
        """
        key = key if key is not None else os.environ.get(KEY_VARIABLE)
        if key and not (key.isascii() and key.isprintable() and " " not in key):
            raise Misconfigured(
                "The API key has characters that no key has; was more copied than the key?"
            )
        return Place(url or os.environ.get(URL_VARIABLE) or DEFAULT_URL, key or None)
