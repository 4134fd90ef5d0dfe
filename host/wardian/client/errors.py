"""What the client raises, in one tree.

* ClientError
  + Misconfigured             the address or the key cannot be used
  + NotSendable               an argument cannot be put into a request
  + Unreachable               no answer came
    - NotConnected              and nothing was sent
    - TimedOut · ConnectionLost and what was sent may have been done
  + UnexpectedAnswer          an answer that is not a Wardian host's, or is cut off
    - AnswerTooLarge
  + HostError                 the host answered with a problem (RFC 9457)
    - CallError                 a call that was made and did not succeed; has its ``usage``
      DeadlineExceeded · OutOfFuel · MemoryExceeded · StackOverflow · Trap
      GuestError                the function answered an error; has its ``payload``
      ResultTooLarge · WorkerLost
    - Refused                   nothing was done: one for each type, see below
    - HostFault                 the host could not
      CredentialDamaged · WebhookFailed
      Unavailable               AgentUnavailable · Overloaded (TryLater) · VaultSealed ·
                                HostUnusable
    - JobLost

A class has the ``type`` of the problems that it stands for: the last segment of the problem's
``type``. A type that this version does not know is raised as the class of its status.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from wardian.client.models.calls import Usage
from wardian.client.models.problems import Problem

_SHOWN_CHARS = 300


class ClientError(Exception):
    """What was asked of the host did not succeed."""

    status: int | None = None
    """The status of the answer, if one came."""

    request_id: str | None = None
    """What the host's log has about it."""

    retry_after: float | None = None
    """After how many seconds the host says to try again, if it does."""


class Misconfigured(ClientError, ValueError):
    """The client cannot be used as it was set up."""


class NotSendable(ClientError, ValueError):
    """What was asked cannot be put into a request, so nothing was sent."""


class Unreachable(ClientError):
    """The host gave no answer."""


class NotConnected(Unreachable):
    """No connection was made, so nothing was sent."""


class TimedOut(Unreachable):
    """The host did not answer in time; what was asked may have been done."""


class ConnectionLost(Unreachable):
    """The connection ended before the answer did; what was asked may have been done."""


class UnexpectedAnswer(ClientError):
    """The answer is not one of a Wardian host."""

    def __init__(
        self, message: str, *, status: int | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after


class AnswerTooLarge(UnexpectedAnswer):
    """The answer is larger than this client takes."""


class HostError(ClientError):
    """The host answered with a problem.

    Attributes:
        problem: what it said, with the members that this version knows.
        members: all that it said.
        usage: what the call spent, if there was one.
        call_id: of the call, if there was one.
    """

    type: ClassVar[str | None] = None

    def __init__(
        self,
        problem: Problem,
        members: Mapping[str, Any] | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(problem.detail)
        self.problem = problem
        self.members = dict(members or {})
        self.status: int = problem.status
        self.request_id = problem.request_id or None
        self.usage: Usage | None = problem.usage
        self.call_id = problem.call_id
        self.retry_after = problem.retry_after_seconds if retry_after is None else retry_after


class CallError(HostError):
    """The call did not succeed."""


class DeadlineExceeded(CallError):
    """The call ran past its deadline and was stopped."""

    type = "deadline-exceeded"


class OutOfFuel(CallError):
    """The call used up its fuel and was stopped."""

    type = "out-of-fuel"


class MemoryExceeded(CallError):
    """The call needed more memory than its limit."""

    type = "memory-exceeded"


class StackOverflow(CallError):
    """The call nested deeper than the stack allows."""

    type = "stack-overflow"


class Trap(CallError):
    """The plugin hit a WebAssembly trap."""

    type = "trap"


class GuestError(CallError):
    """The function answered with an error of its own: ``payload``."""

    type = "guest-error"

    @property
    def payload(self) -> Any:
        """The error's value, as JSON."""
        return self.problem.payload

    def __str__(self) -> str:
        shown = repr(self.payload)
        if len(shown) > _SHOWN_CHARS:
            shown = f"{shown[: _SHOWN_CHARS - 1]}…"
        return f"{self.problem.detail.rstrip('.')}: {shown}"


class ResultTooLarge(CallError):
    """The result is larger than its limit."""

    type = "result-too-large"


class WorkerLost(CallError):
    """The worker process that ran the call died."""

    type = "worker-lost"


class Refused(HostError):
    """The host does not do this."""


class InvalidArguments(Refused):
    """The arguments do not fit what was asked; ``problem.path`` says where."""

    type = "invalid-arguments"


class PayloadTooLarge(Refused):
    """The request's body is larger than the host accepts."""

    type = "payload-too-large"


class HeadersTooLarge(Refused):
    """The request's headers are more than the host accepts."""

    type = "headers-too-large"


class RequestTimeout(Refused):
    """The request did not arrive in time, so nothing was done."""

    type = "request-timeout"


class InvalidComponent(Refused):
    """The file is not a WebAssembly component that the host can run."""

    type = "invalid-component"


class ImportRefused(InvalidComponent):
    """The component imports something that the host does not offer: ``problem.imported``."""

    type = "import-refused"


class CompileExceeded(Refused):
    """Compiling the component took more than its limits."""

    type = "compile-exceeded"


class InvalidManifest(Refused):
    """The plugin's manifest has a fault; ``problem.faults`` has all of them."""

    type = "invalid-manifest"


class SignatureInvalid(Refused):
    """The package's signature does not hold."""

    type = "signature-invalid"


class Revoked(Refused):
    """The package was revoked by its publisher or by the operator."""

    type = "revoked"


class NotFound(Refused):
    """What was named does not exist."""

    type = "not-found"


class MethodNotAllowed(Refused):
    """This address does not take this method."""

    type = "method-not-allowed"


class UnsupportedMediaType(Refused):
    """This address does not take this kind of body."""

    type = "unsupported-media-type"


class Conflict(Refused):
    """The request does not fit the present state; ``problem.needs_approval`` may say what would."""

    type = "conflict"


class PermissionDenied(Refused):
    """The plugin lacks a permission: ``problem.permission``, refused by ``problem.layer``."""

    type = "permission-denied"


class Unauthenticated(Refused):
    """The request carries no valid API key."""

    type = "unauthenticated"


class Forbidden(Refused):
    """The API key does not have the scope that this takes."""

    type = "forbidden"


class RateLimited(Refused):
    """Too many requests in too short a time: again after ``retry_after`` seconds."""

    type = "rate-limited"


class QuotaExceeded(RateLimited):
    """A quota is used up for now, ``problem.quota``: again after ``retry_after`` seconds."""

    type = "quota-exceeded"


class BudgetExceeded(Refused):
    """The tenant has less left of what it may spend on agents than the question could cost."""

    type = "budget-exceeded"


class PreconditionFailed(Refused):
    """What the change was made from is not what is there any more."""

    type = "precondition-failed"


class KeyReused(Refused):
    """The idempotency key was given to another request."""

    type = "idempotency-key-reused"


class OutcomeUnknown(Refused):
    """The request of this idempotency key was begun, and nobody knows whether it took effect."""

    type = "outcome-unknown"


class AnswerNotKept(Refused):
    """The request of this idempotency key was done, and its answer cannot be given again."""

    type = "answer-not-kept"


class Cancelled(Refused):
    """The call was cancelled before it ended."""

    type = "cancelled"


class WebhookRefused(Refused):
    """There is no such webhook here, or its signature does not hold."""

    type = "webhook-refused"


class BuildFailed(Refused):
    """A plugin's source does not build."""

    type = "build-failed"


class JobLost(HostError):
    """The host that ran the job was lost, and the job was not to be run again."""

    type = "job-lost"


class HostFault(HostError):
    """The host met a fault of its own; its log has it under ``request_id``."""

    type = "internal-error"


class CredentialDamaged(HostFault):
    """What is stored of the credential is not what the vault sealed."""

    type = "credential-damaged"


class WebhookFailed(HostFault):
    """The webhook was not handled; the same delivery can be sent again."""

    type = "webhook-failed"


class Unavailable(HostFault):
    """Somebody outside the host, on whom this depends, did not do their part."""

    type = "unavailable"


class AgentUnavailable(Unavailable):
    """There are agents for it, and none of them answered or could be asked."""

    type = "agent-unavailable"


class Overloaded(Unavailable):
    """The host has no room for this now, and did not begin: again after ``retry_after`` seconds."""

    type = "overloaded"


class TryLater(Overloaded):
    """This cannot be done now; the same request can be sent again later."""

    type = "try-later"


class StillRunning(TryLater):
    """The same request is being carried out in this moment."""

    type = "idempotency-in-progress"


class VaultSealed(Unavailable):
    """The vault is sealed: its root key is missing, wrong or out of reach."""

    type = "vault-sealed"


class HostUnusable(Unavailable):
    """The host cannot work with its settings on its machine."""

    type = "host-unusable"
