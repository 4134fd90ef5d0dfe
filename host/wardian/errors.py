"""The one exception tree.

* WardianError
  + CallError                 a call that was made and did not succeed; carries its usage
    - DeadlineExceeded · OutOfFuel · MemoryExceeded · StackOverflow · Trap
    - GuestError              the function answered ``err``; carries its payload
    - ResultTooLarge · WorkerLost
  + InvalidArguments · PayloadTooLarge
  + InvalidComponent
    - ImportRefused
  + CompileExceeded
  + InvalidManifest · SignatureInvalid · Revoked
  + NotFound · Conflict
  + VaultSealed · CredentialDamaged
  + PermissionDenied          names the permission and the layer that refused it
  + Unauthenticated · Forbidden
  + RateLimited
    - QuotaExceeded           the tenant has used up what it may use in a day, or may keep
  + Overloaded
    - TryLater                what it takes is not there now, and will be
    - StillRunning            the same request is being carried out
  + KeyReused · OutcomeUnknown · AnswerNotKept    of requests that are carried out once
  + PreconditionFailed        what If-Match names is not what is there
  + Unavailable               somebody outside did not do their part, such as an OAuth provider
    - AgentUnavailable        no agent answered, or could be asked; carries why each did not
  + BudgetExceeded            the tenant has less left for agents than a question may cost
  + WebhookRefused · WebhookFailed
  + Cancelled · JobLost       somebody, or the end of a host, ended a call
  + HostUnusable              the host cannot work: data directory, port, kernel
  + BuildFailed               a plugin's source does not build

Every class has a ``type`` (the last path segment of a problem's type URI, stable for clients)
and a docstring that is its title and its default message. HTTP status codes live in
``api/problems.py``, exit codes in ``cli``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from wardian.policy.terms import Terms
    from wardian.policy.usage import Usage


_MAX_PAYLOAD_CHARS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Unanswered:
    """What a question to agents has come to that ends with an error.

    Attributes:
        id: of the question.
        cost: what was charged for it, in the host's currency.
        call: the last call that was made for it and whose usage is known; None if none was.
    """

    id: str
    cost: float
    call: SpentCall | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SpentCall:
    """What a call spent, of which limits, and how long it took with all that was waited for."""

    id: str
    seconds: float
    terms: Terms
    usage: Usage


class WardianError(Exception):
    """The host met a fault of its own."""

    type: ClassVar[str] = "internal-error"

    step: str | None = None
    """At which step a change of several steps, such as an upgrade, met the fault."""

    question: Unanswered | None = None
    """Which question to agents it ended, where it was one that somebody was asked."""

    def __init__(self, message: str | None = None) -> None:
        self.message = message or self.title()
        super().__init__(self.message)

    @classmethod
    def title(cls) -> str:
        """The class's docstring: one sentence, the same for every error of this type."""
        return " ".join((cls.__doc__ or "").split())

    def details(self) -> dict[str, Any]:
        """What a program wants to know beside the sentence, as JSON values."""
        return {}

    def reword(self, message: str) -> None:
        """Say the same in other words, where more is known of what was asked."""
        self.message = message
        self.args = (message,)


class CallError(WardianError):
    """The call did not succeed."""

    type = "trap"

    terms: Terms | None = None
    """What ran, and within which limits, where it came to that."""

    def __init__(
        self, message: str | None = None, *, usage: Usage | None = None, limit: str | None = None
    ) -> None:
        super().__init__(message)
        self.usage = usage
        # The field of ``Limits`` that the call met, where one of several could be meant.
        self.limit = limit

    def details(self) -> dict[str, Any]:
        return {} if self.limit is None else {"limit": self.limit}


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
    """The function answered with an error of its own."""

    type = "guest-error"

    attempts: Sequence[Mapping[str, Any]] = ()
    """Who was asked, where agents were, and what each said."""

    def __init__(
        self, message: str | None = None, *, payload: Any = None, usage: Usage | None = None
    ) -> None:
        super().__init__(message, usage=usage)
        self.payload = payload

    def __str__(self) -> str:
        shown = repr(self.payload)
        if len(shown) > _MAX_PAYLOAD_CHARS:
            shown = f"{shown[: _MAX_PAYLOAD_CHARS - 1]}…"
        return f"{self.message.rstrip('.')}: {shown}"

    def details(self) -> dict[str, Any]:
        asked = {"attempts": list(self.attempts)} if self.attempts else {}
        return {"payload": self.payload, **asked}


class ResultTooLarge(CallError):
    """The result is larger than its limit."""

    type = "result-too-large"


class WorkerLost(CallError):
    """The worker process that ran the call died."""

    type = "worker-lost"

    def __init__(
        self, message: str | None = None, *, usage: Usage | None = None, by_call: bool = False
    ) -> None:
        """``by_call`` tells that the process ended while, and perhaps because, it ran the call."""
        super().__init__(message, usage=usage)
        self.by_call = by_call


class InvalidArguments(WardianError):
    """The arguments do not fit what was asked."""

    type = "invalid-arguments"

    def __init__(self, message: str | None = None, *, path: str | None = None) -> None:
        super().__init__(message)
        self.path = path

    def details(self) -> dict[str, Any]:
        return {} if self.path is None else {"path": self.path}


class PayloadTooLarge(WardianError):
    """The request's body is larger than this host accepts."""

    type = "payload-too-large"


class InvalidComponent(WardianError):
    """The file is not a WebAssembly component that this host can run."""

    type = "invalid-component"


class ImportRefused(InvalidComponent):
    """The component imports something that this host does not offer."""

    type = "import-refused"

    def __init__(self, message: str | None = None, *, imported: str | None = None) -> None:
        super().__init__(message)
        self.imported = imported

    def details(self) -> dict[str, Any]:
        return {} if self.imported is None else {"import": self.imported}


class CompileExceeded(WardianError):
    """Compiling the component took more than its limits."""

    type = "compile-exceeded"


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of a manifest.

    Attributes:
        message: a sentence.
        path: which field it is, such as ``permissions[1].reason``; None if it is none of them.
        line: the line of the manifest, from 1, where its text is known.
    """

    message: str
    path: str | None = None
    line: int | None = None

    def __str__(self) -> str:
        if self.line is None:
            return self.message
        told = self.path is None or self.path in self.message
        where = "" if told else f"{self.path}: "
        return f"plugin.toml:{self.line}: {where}{self.message}"


class InvalidManifest(WardianError):
    """The plugin's manifest has a fault."""

    type = "invalid-manifest"

    def __init__(
        self, message: str | None = None, *, path: str | None = None, faults: Sequence[Fault] = ()
    ) -> None:
        """Take one ``message``, or all ``faults`` that were found, of which the first speaks."""
        self.faults = tuple(faults) or (Fault(message or self.title(), path),)
        first = self.faults[0]
        super().__init__(str(first))
        self.path = first.path
        self.line = first.line

    def details(self) -> dict[str, Any]:
        if self.path is None and self.line is None:
            return {}
        faults = [_given(asdict(fault)) for fault in self.faults]
        return _given({"path": self.path, "line": self.line}) | {"faults": faults}


class SignatureInvalid(WardianError):
    """The package's signature does not hold."""

    type = "signature-invalid"


class Revoked(WardianError):
    """The package was revoked by its publisher or by the operator."""

    type = "revoked"


class NotFound(WardianError):
    """What was named does not exist."""

    type = "not-found"


class Conflict(WardianError):
    """The request does not fit the present state."""

    type = "conflict"

    def __init__(self, message: str | None = None, *, needs_approval: Sequence[str] = ()) -> None:
        """``needs_approval`` is what an operator has to approve for the request to succeed."""
        super().__init__(message)
        self.needs_approval = tuple(needs_approval)

    def details(self) -> dict[str, Any]:
        return {"needs_approval": list(self.needs_approval)} if self.needs_approval else {}


class VaultSealed(WardianError):
    """The vault is sealed: its root key is missing, wrong or out of reach."""

    type = "vault-sealed"


class CredentialDamaged(WardianError):
    """What is stored of the credential is not what the vault sealed."""

    type = "credential-damaged"


class PermissionDenied(WardianError):
    """The plugin lacks a permission."""

    type = "permission-denied"

    def __init__(
        self, message: str | None = None, *, permission: str | None = None, layer: str | None = None
    ) -> None:
        super().__init__(message)
        self.permission = permission
        self.layer = layer

    def details(self) -> dict[str, Any]:
        return _given({"permission": self.permission, "layer": self.layer})


class Unauthenticated(WardianError):
    """The request carries no valid API key."""

    type = "unauthenticated"


class Forbidden(WardianError):
    """The API key does not have the scope that this takes."""

    type = "forbidden"


class RateLimited(WardianError):
    """Too many requests in too short a time."""

    type = "rate-limited"

    def __init__(self, message: str | None = None, *, retry_after_seconds: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds

    def details(self) -> dict[str, Any]:
        return {"retry_after_seconds": self.retry_after_seconds}


class QuotaExceeded(RateLimited):
    """The tenant has used up what it may use in a day, or may keep."""

    type = "quota-exceeded"

    def __init__(
        self,
        message: str | None = None,
        *,
        quota: str = "",
        retry_after_seconds: float = 1.0,
    ) -> None:
        """``quota`` is which one it is, such as ``calls``."""
        super().__init__(message, retry_after_seconds=retry_after_seconds)
        self.quota = quota

    def details(self) -> dict[str, Any]:
        return {**super().details(), "quota": self.quota}


class Overloaded(WardianError):
    """Every worker is busy and the queue is full."""

    type = "overloaded"

    def __init__(self, message: str | None = None, *, retry_after_seconds: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds

    def details(self) -> dict[str, Any]:
        return {"retry_after_seconds": self.retry_after_seconds}


class TryLater(Overloaded):
    """This cannot be done now; the same request can be sent again later."""

    type = "try-later"


class StillRunning(TryLater):
    """The same request is being carried out in this moment."""

    type = "idempotency-in-progress"


class KeyReused(WardianError):
    """The Idempotency-Key was given to another request."""

    type = "idempotency-key-reused"


class OutcomeUnknown(WardianError):
    """The request was begun, and nobody knows whether it took effect."""

    type = "outcome-unknown"

    def __init__(
        self, message: str | None = None, *, forgotten_in_seconds: int | None = None
    ) -> None:
        super().__init__(message)
        self.forgotten_in_seconds = forgotten_in_seconds

    def details(self) -> dict[str, Any]:
        return _given({"forgotten_in_seconds": self.forgotten_in_seconds})


class AnswerNotKept(WardianError):
    """The request was carried out, and its answer cannot be given again."""

    type = "answer-not-kept"

    def __init__(self, message: str | None = None, *, answered: int | None = None) -> None:
        """``answered`` is the status of the answer that it had."""
        super().__init__(message)
        self.answered = answered

    def details(self) -> dict[str, Any]:
        return _given({"answered": self.answered})


class PreconditionFailed(WardianError):
    """What the request was made from has changed since."""

    type = "precondition-failed"


class Cancelled(WardianError):
    """The call was cancelled before it ended."""

    type = "cancelled"


class JobLost(WardianError):
    """The host that ran the job was lost, and the job was not to be run again."""

    type = "job-lost"


class WebhookRefused(WardianError):
    """There is no such webhook here, or its signature does not hold."""

    type = "webhook-refused"

    def __init__(self, message: str | None = None, *, is_unknown: bool = False) -> None:
        """``is_unknown`` tells the host alone that there is no such webhook."""
        super().__init__(message)
        self.is_unknown = is_unknown


class WebhookFailed(WardianError):
    """The webhook was not handled; the same delivery can be sent again."""

    type = "webhook-failed"


class Unavailable(WardianError):
    """Somebody outside this host, on whom this depends, did not do their part."""

    type = "unavailable"


class AgentUnavailable(Unavailable):
    """There are agents for it, and none of them answered or could be asked."""

    type = "agent-unavailable"

    attempts: Sequence[Mapping[str, Any]] = ()
    """Who was asked, or would have been, and why each did not answer."""

    def details(self) -> dict[str, Any]:
        return {"attempts": list(self.attempts)} if self.attempts else {}


class BudgetExceeded(WardianError):
    """The tenant has less left of what it may spend on agents than the question could cost."""

    type = "budget-exceeded"


class HostUnusable(WardianError):
    """The host cannot work with these settings on this machine."""

    type = "host-unusable"


class BuildFailed(WardianError):
    """The plugin's source does not build."""

    type = "build-failed"


def _given(found: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in found.items() if value is not None}
