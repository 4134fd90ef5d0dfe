"""What publishers sign: strict on the way in, and each kind for itself."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from signing import KEY, NEXT_KEY, list_of, package_of, rotation_of, statement_of
from wardian.crypto.signatures import sign
from wardian.errors import InvalidArguments, SignatureInvalid
from wardian.plugins.statements import (
    LIST_ENTRIES_MAX,
    KeyRotation,
    PackageStatement,
    RevocationList,
    Statement,
    checked,
    checked_revocation,
    read_signed,
)

SHA = "a" * 64
PACKAGE = {"name": "acme-stores", "version": "1.0.0", "sha256": SHA}
NOW = datetime(2030, 1, 1, tzinfo=UTC)
LIST = {
    "number": 1,
    "issued_at": NOW.isoformat(),
    "expires_at": (NOW + timedelta(days=7)).isoformat(),
    "revoked": [],
}


def signed(kind: type[Statement], document: Any) -> bytes:
    payload = document if isinstance(document, bytes) else json.dumps(document).encode()
    return sign(payload, kind.payload_type, KEY)


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        (statement_of(package_of()), PackageStatement),
        (list_of(3, {"sha256": SHA}, {"name": "x", "versions": "*"}), RevocationList),
        (rotation_of(), KeyRotation),
    ],
)
def test_a_statement_comes_back_from_its_envelope_and_from_no_other_kind(
    statement: Any, kind: type[Statement]
) -> None:
    content = statement.signed(KEY, NEXT_KEY)
    read = read_signed(content, kind)

    assert read.statement == statement
    assert list(read.envelope.signatures) == [KEY.public.id, NEXT_KEY.public.id]
    for other in {PackageStatement, RevocationList, KeyRotation} - {kind}:
        with pytest.raises(SignatureInvalid, match="and not a"):
            read_signed(content, other)


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"null",
        b"\xff",
        {},
        {**PACKAGE, "extra": 1},
        {**PACKAGE, "name": "No Name"},
        {**PACKAGE, "name": ["acme"]},
        {**PACKAGE, "version": "1.0"},
        {**PACKAGE, "version": 1},
        {**PACKAGE, "sha256": SHA.upper()},
        {**PACKAGE, "sha256": SHA[:-1]},
        json.dumps(PACKAGE).encode().replace(b'"name"', b'"name": "evil", "name"'),
    ],
)
def test_a_package_statement_that_is_not_sound_is_refused(document: Any) -> None:
    with pytest.raises(SignatureInvalid, match="not sound"):
        read_signed(signed(PackageStatement, document), PackageStatement)


@pytest.mark.parametrize(
    "changes",
    [
        {"number": 0},
        {"number": 2**53},
        {"number": "1"},
        {"number": True},
        {"issued_at": 5},
        {"issued_at": "2030-01-01T00:00:00"},
        {"expires_at": NOW.isoformat()},
        {"expires_at": (NOW + timedelta(days=401)).isoformat()},
        {"revoked": [{"sha256": SHA}]},
        {"revoked": [{"reason": "x"}]},
        {"revoked": [{"name": "x", "reason": "x"}]},
        {"revoked": [{"versions": "*", "reason": "x"}]},
        {"revoked": [{"name": "x", "versions": "soon", "reason": "x"}]},
        {"revoked": [{"sha256": SHA, "key_id": SHA, "reason": "x"}]},
        {"revoked": [{"sha256": SHA, "reason": "\x1b[2J"}]},
        {"revoked": [{"sha256": SHA, "reason": "x"}] * (LIST_ENTRIES_MAX + 1)},
    ],
)
def test_a_list_that_is_not_sound_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(SignatureInvalid, match="not sound"):
        read_signed(signed(RevocationList, LIST | changes), RevocationList)


def test_a_list_that_is_about_to_be_signed_says_where_its_fault_is() -> None:
    with pytest.raises(InvalidArguments) as caught:
        checked(RevocationList, LIST | {"revoked": [{"sha256": "x", "reason": "y"}]})
    assert caught.value.path == "revoked[0].sha256"
    with pytest.raises(InvalidArguments, match="must have one of"):
        checked_revocation(reason="x")
