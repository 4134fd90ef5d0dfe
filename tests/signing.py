"""Publishers for tests: keys, signed packages, signed lists."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hosts import WASM
from wardian.crypto.keys import PrivateKey
from wardian.plugins.archive import write_archive
from wardian.plugins.package import read_package
from wardian.plugins.statements import (
    KeyRotation,
    PackageStatement,
    RevocationList,
    checked,
)

KEY = PrivateKey.of_seed(b"the publisher's own, for tests..")
NEXT_KEY = PrivateKey.of_seed(b"the publisher's next, for tests.")
STRANGER = PrivateKey.of_seed(b"nobody's that anybody here knows")


def package_of(
    name: str = "acme-stores", version: str = "1.0.0", wasm: bytes = WASM, more: str = ""
) -> bytes:
    """A ``.wardian`` file, the same bytes for the same arguments."""
    manifest = f'name = "{name}"\nversion = "{version}"\n{more}\n'
    return write_archive({"plugin.toml": manifest.encode(), "plugin.wasm": wasm})


def statement_of(package: bytes, **changes: Any) -> PackageStatement:
    """What is signed of a package, with what a liar changes of it."""
    read = read_package(package)
    document = {
        "name": read.manifest.name,
        "version": read.manifest.version,
        "sha256": read.digest,
    }
    return checked(PackageStatement, document | changes)


def signature_of(package: bytes, *keys: PrivateKey, **changes: Any) -> bytes:
    """A package's signature, by `KEY` unless by others."""
    return statement_of(package, **changes).signed(*(keys or (KEY,)))


def list_of(number: int, *revoked: dict[str, str], **changes: Any) -> RevocationList:
    """A list of revocations that was issued now."""
    now = datetime.now(UTC)
    document = {
        "number": number,
        "issued_at": now.isoformat(),
        "expires_at": (now + timedelta(days=7)).isoformat(),
        "revoked": [{"reason": "it leaks", **each} for each in revoked],
    }
    return checked(RevocationList, document | changes)


def rotation_of(old: PrivateKey = KEY, new: PrivateKey = NEXT_KEY) -> KeyRotation:
    """The statement that names a key's successor."""
    return KeyRotation(
        public_key=str(new.public), successor_of=old.public.id, issued_at=datetime.now(UTC)
    )
