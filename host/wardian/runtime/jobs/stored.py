"""What is stored of a job: what was asked, and what came of it, as MessagePack.

In it bytes, integers of 64 bits and every float are what they were.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from wardian.errors import CallError, InvalidArguments, WardianError
from wardian.policy.terms import Terms
from wardian.policy.usage import Usage
from wardian.runtime.arguments import UNENCODABLE, fault_of
from wardian.runtime.recorded import RecordedError
from wardian.runtime.views import CallOutcome


class StoredRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked."""

    arguments: dict[str, Any]
    limits: dict[str, Any] | None = None


class StoredOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it: a result, or an error.

    Attributes:
        usage, terms: what it spent of which limits; None where no call was made, or lost.
    """

    result: Any = None
    error: RecordedError | None = None
    usage: Usage | None = None
    terms: Terms | None = None

    @classmethod
    def of(cls, outcome: CallOutcome) -> StoredOutcome:
        """Return what is stored of a call that succeeded."""
        return cls(result=outcome.result, usage=outcome.usage, terms=outcome.terms)

    @classmethod
    def of_error(cls, error: WardianError) -> StoredOutcome:
        """Return what is stored of a job that failed."""
        made = error if isinstance(error, CallError) else None
        return cls(
            error=RecordedError.of(error),
            usage=made.usage if made else None,
            terms=made.terms if made else None,
        )


def encode_request(arguments: Mapping[str, Any], limits: Mapping[str, Any] | None) -> bytes:
    """Return what is stored of a request.

    Raises:
        InvalidArguments: a value that no guest can be given; says where.
    """
    try:
        found = StoredRequest(
            arguments=dict(arguments), limits=None if limits is None else dict(limits)
        )
        return msgspec.msgpack.encode(found)
    except UNENCODABLE as error:
        fault = fault_of(arguments) or InvalidArguments(
            f"The job's limits cannot be kept: {str(error)[:200]}.", path="limits"
        )
        raise fault from error


def decode_request(content: bytes) -> StoredRequest:
    """Return what was asked."""
    return msgspec.msgpack.decode(content, type=StoredRequest)


def encode_outcome(outcome: StoredOutcome) -> bytes:
    """Return what is stored of an outcome."""
    return msgspec.msgpack.encode(outcome)


def decode_outcome(content: bytes) -> StoredOutcome:
    """Return what came of a job."""
    return msgspec.msgpack.decode(content, type=StoredOutcome)
