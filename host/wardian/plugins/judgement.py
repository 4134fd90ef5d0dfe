"""Whom a tenant trusts, as one value, and what follows from it for a package."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from wardian.crypto.keys import PublicKey
from wardian.crypto.signatures import Envelope
from wardian.errors import Revoked, SignatureInvalid, WardianError
from wardian.plugins.statements import PackageStatement, Revocation, RevocationList, read_signed
from wardian.plugins.versions import is_among


class KeyState(StrEnum):
    """What a key of a publisher is good for."""

    ACTIVE = "active"
    RETIRED = "retired"
    REVOKED = "revoked"


class Unsigned(StrEnum):
    """What a tenant does about packages that nobody signed."""

    ALLOW = "allow"
    WARN = "warn"
    REFUSE = "refuse"


class Stale(StrEnum):
    """What a tenant does when a publisher's list of revocations has expired."""

    WARN = "warn"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A tenant's policy."""

    unsigned: Unsigned = Unsigned.WARN
    stale: Stale = Stale.WARN


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """Whose signature holds."""

    publisher: str
    key_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedKey:
    """One key of a publisher's, and why it is in its state."""

    id: str
    publisher: str
    public: PublicKey
    state: KeyState
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The package that is judged.

    Attributes:
        digest: the SHA-256 of the whole file.
        is_new: whether it comes in; what is installed may be signed by a retired key.
    """

    name: str
    version: str
    digest: str
    is_new: bool = False

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantTrust:
    """Whom a tenant trusts.

    Attributes:
        plugins: by publisher, which plugins it may sign: names, or beginnings with ``*``.
        keys: every publisher's, by id.
        lists: the newest good list of each publisher that has one.
        revoked: by the operator.
    """

    tenant: str
    policy: Policy = Policy()
    plugins: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    keys: Mapping[str, TrustedKey] = field(default_factory=dict)
    lists: Mapping[str, RevocationList] = field(default_factory=dict)
    revoked: tuple[Revocation, ...] = ()

    def judge(self, subject: Subject, envelope: bytes | None) -> Signer | None:
        """Return who signed a package, or None where nobody did and that is accepted.

        Raises:
            Revoked: it, or the key that signed it.
            SignatureInvalid: its signature does not hold, or is nobody's here; or it has none,
                and the policy refuses that.
        """
        _check_revoked(subject, self.revoked, f"the operator of the tenant {self.tenant!r}")
        if envelope is None:
            self._check_unsigned(subject)
            return None
        signer = self._signer(subject, envelope)
        found = self.lists.get(signer.publisher)
        if found is not None:
            by = f"its publisher {signer.publisher!r}, in list {found.number}"
            _check_revoked(subject, found.revoked, by)
        return signer

    def check_fresh(self, publisher: str, at: datetime) -> None:
        """Refuse what comes in while its publisher's list has expired, if the policy says so.

        Raises:
            SignatureInvalid
        """
        stale = self._stale(publisher, at)
        if stale and self.policy.stale is Stale.REFUSE:
            raise SignatureInvalid(
                f"{stale} The policy of the tenant {self.tenant!r} is `stale: refuse`: nothing of "
                f"{publisher!r} is installed until a newer list is here."
            )

    def warnings(self, signer: Signer | None, at: datetime) -> list[str]:
        """Return what an operator should know of a package that is accepted."""
        if signer is not None:
            stale = self._stale(signer.publisher, at)
            return [stale] if stale else []
        if self.policy.unsigned is Unsigned.ALLOW:
            return []
        return ["It is not signed: nobody vouches for where it comes from."]

    def _check_unsigned(self, subject: Subject) -> None:
        if self.policy.unsigned is Unsigned.REFUSE:
            raise SignatureInvalid(
                f"{subject} has no signature, and the policy of the tenant {self.tenant!r} is "
                "`unsigned: refuse`."
            )

    def _signer(self, subject: Subject, content: bytes) -> Signer:
        statement, envelope = read_signed(content, PackageStatement)
        _check_meant(subject, statement)
        known = [self.keys[key_id] for key_id in envelope.signatures if key_id in self.keys]
        if not known:
            raise self._unknown(subject, envelope)
        faults: list[WardianError] = []
        for key in known:
            _check_signature(subject, envelope, key)
            fault = self._fault(subject, key)
            if fault is None:
                return Signer(publisher=key.publisher, key_id=key.id)
            faults.append(fault)
        raise faults[0]

    def _fault(self, subject: Subject, key: TrustedKey) -> WardianError | None:
        """Say why a signature that holds does not count."""
        if key.state is KeyState.REVOKED:
            return Revoked(
                f"{subject} is signed with the key {key.id} of {key.publisher!r}, which was "
                f"revoked{_because(key.reason)}."
            )
        if key.state is KeyState.RETIRED and subject.is_new:
            return SignatureInvalid(
                f"{subject} is signed with the key {key.id} of {key.publisher!r}, which is "
                f"retired{_because(key.reason)}: what is installed goes on, nothing new comes in."
            )
        allowed = self.plugins[key.publisher]
        if not any(covers(pattern, subject.name) for pattern in allowed):
            return SignatureInvalid(
                f"{subject} is signed by {key.publisher!r}, which may sign {', '.join(allowed)} in "
                f"the tenant {self.tenant!r}, and not {subject.name!r}."
            )
        return None

    def _unknown(self, subject: Subject, envelope: Envelope) -> SignatureInvalid:
        named = ", ".join(key_id[:64] for key_id in envelope.signatures)
        listed = ", ".join(f"{key.id[:16]}… of {key.publisher!r}" for key in self.keys.values())
        return SignatureInvalid(
            f"{subject} is signed with the key {named}, which no publisher of the tenant "
            f"{self.tenant!r} has; it knows {listed[:1000] or 'no key at all'}. If you trust "
            "whoever holds it: wardian publishers add PUBLISHER --plugins "
            f"{subject.name} --key FILE.pub"
        )

    def _stale(self, publisher: str, at: datetime) -> str | None:
        found = self.lists.get(publisher)
        if found is None or found.expires_at > at:
            return None
        return (
            f"The newest list of revocations of {publisher!r} (number {found.number}) expired at "
            f"{found.expires_at.isoformat()}: what was revoked since is not known here."
        )


def covers(pattern: str, name: str) -> bool:
    """Tell whether a plugin's name fits what a publisher may sign."""
    if pattern.endswith("*"):
        return name.startswith(pattern[:-1])
    return name == pattern


def hits(revocation: Revocation, subject: Subject) -> bool:
    """Tell whether a revocation is of this package."""
    if revocation.sha256 is not None:
        return revocation.sha256 == subject.digest
    if revocation.name != subject.name or revocation.versions is None:
        return False
    return is_among(subject.version, revocation.versions)


def check_statement(subject: Subject, content: bytes, keys: Iterable[PublicKey]) -> str:
    """Check a package's signature against keys that somebody names; return which one made it.

    Raises:
        SignatureInvalid
    """
    statement, envelope = read_signed(content, PackageStatement)
    _check_meant(subject, statement)
    by_id = {key.id: key for key in keys}
    for key_id in envelope.signatures:
        if key_id in by_id and envelope.is_signed_by(by_id[key_id]):
            return key_id
        if key_id in by_id:
            raise SignatureInvalid(
                f"The signature of {subject} by the key {key_id} does not hold: what it was made "
                "of was changed, or another key made it."
            )
    raise SignatureInvalid(
        f"{subject} is signed with the key {', '.join(key[:64] for key in envelope.signatures)}, "
        f"and was checked against {', '.join(by_id)}."
    )


def _check_meant(subject: Subject, statement: PackageStatement) -> None:
    signed = Subject(name=statement.name, version=statement.version, digest=statement.sha256)
    if (signed.name, signed.version) != (subject.name, subject.version):
        raise SignatureInvalid(f"The signature is of {signed}, and the package is {subject}.")
    if signed.digest != subject.digest:
        raise SignatureInvalid(
            f"The signature is of a file {signed} with the SHA-256 {signed.digest}, and the "
            f"package has {subject.digest}: it is not the file that was signed."
        )


def _check_signature(subject: Subject, envelope: Envelope, key: TrustedKey) -> None:
    if not envelope.is_signed_by(key.public):
        raise SignatureInvalid(
            f"The signature of {subject} in the name of the key {key.id} of {key.publisher!r} does "
            "not hold: what it was made of was changed, or another key made it."
        )


def _check_revoked(subject: Subject, revoked: Iterable[Revocation], by: str) -> None:
    for revocation in revoked:
        if hits(revocation, subject):
            which = revocation.versions or f"SHA-256 {subject.digest}"
            told = "" if which == subject.version else f" ({which})"
            reason = revocation.reason.rstrip(".")
            raise Revoked(f"{subject}{told} was revoked by {by}: {reason}.")


def _because(reason: str) -> str:
    return f" ({reason})" if reason else ""
