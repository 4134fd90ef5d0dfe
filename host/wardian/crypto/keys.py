"""Ed25519 keys: public ones as text, private ones in files that only their owner reads."""

from __future__ import annotations

import base64
import binascii
import os
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from securesystemslib.signer import CryptoSigner, SSlibKey

from wardian.errors import InvalidArguments

PREFIX = "ed25519:"

_PRIVATE = b"PRIVATE KEY-----"
_RAW_BYTES = 32
_MAX_FILE_BYTES = 16 * 1024
_MAX_TEXT_CHARS = 64
_SHOWN_CHARS = 80

# The encodings of the points of small order, without the sign in the last bit. Under such a key
# anybody can make a signature that holds for many messages, so it is nobody's.
_NOBODYS = frozenset(
    {
        "00" * 32,
        "01" + "00" * 31,
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "ec" + "ff" * 30 + "7f",
        "ed" + "ff" * 30 + "7f",
        "ee" + "ff" * 30 + "7f",
    }
)


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key, as text ``ed25519:`` and the base64 of its 32 bytes (RFC 8032, section 5.1)."""

    raw: bytes

    @classmethod
    def parse(cls, text: str) -> PublicKey:
        """Read a key's text.

        Raises:
            InvalidArguments: it is none, or a key under which everybody can sign.
        """
        refuse_private(text.encode(errors="replace"), "What was given")
        raw = _decoded(text.strip())
        if raw is None:
            raise InvalidArguments(
                f"{text[:_SHOWN_CHARS]!r} is no public key: it takes '{PREFIX}' and the base64 of "
                f"{_RAW_BYTES} bytes, as `wardian keygen` prints it."
            )
        if (raw[:-1] + bytes([raw[-1] & 0x7F])).hex() in _NOBODYS:
            raise InvalidArguments(
                f"{text[:_SHOWN_CHARS]!r} is a point of small order: everybody can sign under it."
            )
        return cls(raw)

    @property
    def id(self) -> str:
        """What signatures call the key: as securesystemslib and TUF do, the SHA-256 of its
        canonical JSON."""
        return self.verifier().keyid

    def verifier(self) -> SSlibKey:
        """Return the key as the library that verifies takes it."""
        return SSlibKey.from_crypto(Ed25519PublicKey.from_public_bytes(self.raw))

    def __str__(self) -> str:
        return PREFIX + base64.b64encode(self.raw).decode()


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """A private key; it is not in its text."""

    _key: Ed25519PrivateKey = field(repr=False)

    @classmethod
    def generate(cls) -> PrivateKey:
        """Make a key of the system's randomness."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def of_seed(cls, seed: bytes) -> PrivateKey:
        """Return the key of a seed of 32 bytes (RFC 8032, section 5.1.5)."""
        return cls(Ed25519PrivateKey.from_private_bytes(seed))

    @classmethod
    def load(cls, path: Path, passphrase: bytes | None = None) -> PrivateKey:
        """Read a key from a PEM file (PKCS #8).

        Raises:
            InvalidArguments: no such file, no such key, or not its passphrase.
        """
        pem = _read(path)
        try:
            key = load_pem_private_key(pem, passphrase)
        except TypeError as exc:
            fault = "takes a passphrase" if passphrase is None else "takes no passphrase"
            raise InvalidArguments(f"The key in {str(path)!r} {fault}.") from exc
        except ValueError as exc:
            fault = "this passphrase does not open, or that" if passphrase else "that"
            raise InvalidArguments(
                f"{str(path)!r} is a file {fault} holds no private key."
            ) from exc
        if not isinstance(key, Ed25519PrivateKey):
            raise InvalidArguments(f"The key in {str(path)!r} is not an Ed25519 key.")
        return cls(key)

    def save(self, path: Path, passphrase: bytes | None = None) -> None:
        """Write the key into a new PEM file (PKCS #8) that only its owner can read.

        Raises:
            InvalidArguments: there is a file already, or none can be made.
        """
        encryption = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
        pem = self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            with open(os.open(path, flags, 0o600), "wb") as stream:
                stream.write(pem)
                stream.flush()
                os.fsync(stream.fileno())
        except FileExistsError as exc:
            raise InvalidArguments(
                f"{str(path)!r} exists already, and a key is never overwritten."
            ) from exc
        except OSError as exc:
            raise InvalidArguments(f"{str(path)!r} cannot be written: {exc.strerror}.") from exc

    @property
    def public(self) -> PublicKey:
        """The public key that belongs to it."""
        return PublicKey(self._key.public_key().public_bytes_raw())

    def signer(self) -> CryptoSigner:
        """Return the key as the library that signs takes it."""
        return CryptoSigner(self._key)


def is_encrypted(path: Path) -> bool:
    """Tell whether a private key's file takes a passphrase.

    Raises:
        InvalidArguments: there is no such file.
    """
    return b"ENCRYPTED" in _read(path).partition(b"\n")[0]


def refuse_private(content: bytes, what: str) -> None:
    """Refuse a private key where something was asked for that others may see; it is not quoted.

    Raises:
        InvalidArguments: ``content`` has one.
    """
    if _PRIVATE in content:
        raise InvalidArguments(
            f"{what} is a private key: nobody but its owner needs it. The public one is in the "
            "file that `wardian keygen` wrote beside it, which ends with .pub."
        )


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(_MAX_FILE_BYTES)
    except OSError as exc:
        raise InvalidArguments(
            f"The key {str(path)!r} cannot be read: {exc.strerror}. `wardian keygen` makes one; "
            "--key names it."
        ) from exc


def _decoded(text: str) -> bytes | None:
    if not text.startswith(PREFIX) or len(text) > _MAX_TEXT_CHARS or not text.isascii():
        return None
    encoded = text.removeprefix(PREFIX)
    try:
        raw = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        return None
    is_exact = len(raw) == _RAW_BYTES and base64.b64encode(raw).decode() == encoded
    return raw if is_exact else None
