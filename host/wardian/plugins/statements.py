"""What publishers sign: a package, a list of revocations, the successor of a key.

Each kind has a payload type of its own, so that a signature of one is never taken for another.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar, Generic, NamedTuple, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from wardian.crypto.digests import is_sha256_hex
from wardian.crypto.keys import PrivateKey, PublicKey
from wardian.crypto.signatures import Envelope, parse_envelope, sign
from wardian.errors import InvalidArguments, SignatureInvalid
from wardian.plugins.text import Line, Name, Version
from wardian.plugins.versions import check_revoked_versions
from wardian.storage.documents import dump_json, parse_json, path_of

LIST_LIFE_MAX = timedelta(days=400)
"""How long a list of revocations may be valid: it is what bounds how long one can be withheld."""

LIST_NUMBER_MAX = 2**53 - 1
LIST_ENTRIES_MAX = 5_000

_SIGNATURE_BYTES_MAX = 16 * 1024
_LIST_BYTES_MAX = 1024 * 1024


def _is_digest(text: str) -> str:
    if not is_sha256_hex(text):
        raise ValueError("must be a SHA-256 in 64 lower-case hexadecimal digits")
    return text


def _is_text(value: object) -> object:
    if not isinstance(value, (str, datetime)):
        raise ValueError("must be a time such as '2030-01-01T00:00:00Z'")
    return value


def _is_key(text: str) -> str:
    try:
        return str(PublicKey.parse(text))
    except InvalidArguments as exc:
        raise ValueError(exc.message) from exc


Digest = Annotated[str, StringConstraints(max_length=64), AfterValidator(_is_digest)]
Versions = Annotated[str, StringConstraints(max_length=128), AfterValidator(check_revoked_versions)]
Time = Annotated[AwareDatetime, Field(strict=False), BeforeValidator(_is_text)]
Key = Annotated[str, StringConstraints(max_length=64), AfterValidator(_is_key)]
KeyId = Annotated[str, StringConstraints(max_length=64), AfterValidator(_is_digest)]


class Statement(BaseModel):
    """A message that is signed."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    payload_type: ClassVar[str]
    bytes_max: ClassVar[int] = _SIGNATURE_BYTES_MAX

    def signed(self, *keys: PrivateKey) -> bytes:
        """Return an envelope of this statement, signed by each of the keys."""
        document = self.model_dump(mode="json", exclude_none=True)
        return sign(dump_json(document).encode(), self.payload_type, *keys)


class PackageStatement(Statement):
    """«This file is this version of this plugin.»

    Attributes:
        sha256: of the whole ``.wardian`` file.
    """

    payload_type = "application/vnd.wardian.package.v1+json"

    name: Name
    version: Version
    sha256: Digest


class Revocation(BaseModel):
    """What shall not run any more: a package, versions of a plugin, or all that a key signed."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    sha256: Digest | None = None
    name: Name | None = None
    versions: Versions | None = None
    key_id: KeyId | None = None
    reason: Annotated[Line, Field(min_length=1)]

    @model_validator(mode="after")
    def _names_one_thing(self) -> Revocation:
        ways = (self.sha256, self.name, self.key_id)
        if sum(way is not None for way in ways) != 1 or (self.name is None) != (
            self.versions is None
        ):
            raise ValueError(
                "must have one of: a 'sha256', a 'name' with its 'versions', a 'key_id'"
            )
        return self


class RevocationList(Statement):
    """All that a publisher revokes, and until when the list is the newest.

    Attributes:
        number: higher than that of every list before.
    """

    payload_type = "application/vnd.wardian.revocations.v1+json"
    bytes_max = _LIST_BYTES_MAX

    number: Annotated[int, Field(ge=1, le=LIST_NUMBER_MAX)]
    issued_at: Time
    expires_at: Time
    revoked: Annotated[
        tuple[Revocation, ...], Field(max_length=LIST_ENTRIES_MAX, strict=False)
    ] = ()

    @model_validator(mode="after")
    def _lives_a_while(self) -> RevocationList:
        if not timedelta() < self.expires_at - self.issued_at <= LIST_LIFE_MAX:
            raise ValueError(
                f"'expires_at' lies behind 'issued_at', by at most {LIST_LIFE_MAX.days} days"
            )
        return self


class KeyRotation(Statement):
    """«This is my next key»: signed by the key before and by the next one itself."""

    payload_type = "application/vnd.wardian.key-rotation.v1+json"

    public_key: Key
    successor_of: KeyId
    issued_at: Time


StatementT = TypeVar("StatementT", bound=Statement)


class Signed(NamedTuple, Generic[StatementT]):
    """A statement as it came; whose signatures hold is for the reader to find out."""

    statement: StatementT
    envelope: Envelope


def read_signed(content: bytes, kind: type[StatementT]) -> Signed[StatementT]:
    """Parse an envelope and the statement in it; nothing of it is verified yet.

    Raises:
        SignatureInvalid: it is no envelope with such a statement.
    """
    envelope = parse_envelope(content, kind.payload_type, max_bytes=kind.bytes_max)
    try:
        document = parse_json(envelope.payload.decode(), max_bytes=kind.bytes_max)
        return Signed(kind.model_validate(document), envelope)
    except (UnicodeDecodeError, InvalidArguments) as exc:
        raise SignatureInvalid(f"What was signed is not sound: {exc}") from exc
    except ValidationError as exc:
        raise SignatureInvalid(f"What was signed is not sound: {fault_of(exc)}.") from exc


def checked(kind: type[StatementT], document: Any) -> StatementT:
    """Check a statement that somebody is about to sign.

    Raises:
        InvalidArguments: it is not sound; with the path of the fault.
    """
    try:
        return kind.model_validate(document)
    except ValidationError as exc:
        raise InvalidArguments(f"{fault_of(exc)}.", path=_path(exc) or None) from exc


def checked_revocation(**named: str | None) -> Revocation:
    """Check one revocation of the operator's.

    Raises:
        InvalidArguments: it is not sound; with the path of the fault.
    """
    try:
        return Revocation.model_validate(named)
    except ValidationError as exc:
        raise InvalidArguments(f"{fault_of(exc)}.", path=_path(exc) or None) from exc


def fault_of(exc: ValidationError) -> str:
    """Say what is wrong with a document, and where."""
    message = exc.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
    path = _path(exc)
    return f"{path}: {message}" if path else message


def _path(exc: ValidationError) -> str:
    steps = exc.errors(include_url=False)[0]["loc"]
    return path_of([step if isinstance(step, int) else step[:80] for step in steps])
