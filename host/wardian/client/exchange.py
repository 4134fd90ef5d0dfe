"""One operation from its first attempt to its value, without any transport.

It is a generator: it yields what is to be sent and how long to wait, and is sent what came. So
clients that block and clients that await do the same things in the same order.
"""

from __future__ import annotations

import itertools
import logging
import secrets
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from wardian.client.answers import Answer, read
from wardian.client.errors import (
    ClientError,
    HostError,
    NotConnected,
    Overloaded,
    RateLimited,
    UnexpectedAnswer,
    Unreachable,
)
from wardian.client.operations import Operation
from wardian.client.options import Options, Retry, Retrying
from wardian.client.uploads import Upload

IDEMPOTENCY_KEY = "Idempotency-Key"

T = TypeVar("T")

_log = logging.getLogger("wardian.client")

_READS = frozenset({"GET", "HEAD"})

_GATEWAY = frozenset({429, 502, 503, 504})
"""What something between the client and the host answers for a host that is not there."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """Send this; what comes is an `Answer`, or why there is none."""

    operation: Operation[Any]


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait so long."""

    seconds: float


Came: TypeAlias = Answer | ClientError | None
Steps: TypeAlias = Generator[Attempt | Pause, Came, T]


def exchange(operation: Operation[T], options: Options) -> Steps[T]:
    """Have an operation carried out, and return its value.

    Raises:
        ClientError: it did not succeed, and is not to be tried again.
    """
    operation = named(operation, options)
    began = options.clock.monotonic()
    for sent in itertools.count(1):
        came = yield Attempt(operation)
        try:
            return _value(operation, came)
        except ClientError as error:
            waited = options.clock.monotonic() - began
            wait = _wait(operation, error, sent, options)
            if wait is None or waited + wait > options.retry.total_seconds:
                raise
            told(options, Retrying(operation.method, operation.path, sent, wait, error))
        yield Pause(wait)
    raise AssertionError("unreachable")


def told(options: Options, retrying: Retrying) -> None:
    """Say that something is sent again."""
    _log.info(
        "%s %s is sent again in %.2f s (attempt %d): %s",
        retrying.method,
        retrying.path,
        retrying.wait_seconds,
        retrying.attempt + 1,
        retrying.error,
    )
    if options.on_retry is not None:
        options.on_retry(retrying)


def pause(retry: Retry, failures: int, error: ClientError, chance: float) -> float | None:
    """Seconds to wait after so many failures, at least what the host asks; None if too long."""
    doubled = retry.first_seconds * 2 ** min(failures - 1, 30)
    spread = min(doubled, retry.longest_seconds) * (0.5 + chance / 2)
    asked = error.retry_after or 0.0
    return None if asked > retry.longest_seconds else max(spread, asked)


def named(operation: Operation[T], options: Options) -> Operation[T]:
    """Give a change its name: its own, the client's, or a new one if it may be sent again."""
    if operation.method in _READS or IDEMPOTENCY_KEY in operation.headers:
        return operation
    key, retry = options.idempotency_key, options.retry
    if key is None and retry.lost_changes and retry.times:
        key = secrets.token_hex(16)
    return operation.with_headers(Idempotency_Key=key)


def _value(operation: Operation[T], came: Came) -> T:
    if isinstance(came, Answer):
        return read(came, operation.reads, operation.accepted)
    assert came is not None  # noqa: S101 - an attempt ends with an answer or an error
    raise came


def _wait(
    operation: Operation[Any], error: ClientError, sent: int, options: Options
) -> float | None:
    if sent > options.retry.times or not _may_repeat(operation, error):
        return None
    return pause(options.retry, sent, error, options.clock.chance())


def _may_repeat(operation: Operation[Any], error: ClientError) -> bool:
    if isinstance(operation.body, Upload) and not operation.body.rewindable:
        return False
    if was_not_begun(error):
        return True
    if operation.target is not None and not operation.target.again:
        return False
    has_name = IDEMPOTENCY_KEY in operation.headers
    return (operation.repeatable or has_name) and may_pass(error)


def was_not_begun(error: ClientError) -> bool:
    """Whether it is certain that the host did nothing."""
    if isinstance(error, NotConnected):
        return True
    # One that met the same in the middle of its work has spent something, or names the step.
    refused = isinstance(error, Overloaded | RateLimited) and error.problem.step is None
    return refused and isinstance(error, HostError) and error.usage is None


def may_pass(error: ClientError) -> bool:
    """Whether the same may succeed in a moment, though it is not known what became of it."""
    if isinstance(error, UnexpectedAnswer):
        return error.status in _GATEWAY
    return isinstance(error, Unreachable)
