"""Signed envelopes: DSSE 1.0.2 (https://github.com/secure-systems-lab/dsse), Ed25519 only.

securesystemslib signs and verifies. What strangers send is parsed here, because the library's own
parser takes repeated members and bounds nothing.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from securesystemslib.dsse import Envelope as Dsse
from securesystemslib.exceptions import UnverifiedSignatureError
from securesystemslib.signer import Signature

from wardian.crypto.keys import PrivateKey, PublicKey
from wardian.errors import SignatureInvalid

MAX_SIGNATURES = 8

_SIGNATURE_BYTES = 64
_MAX_KEY_ID_CHARS = 128
_SHOWN_CHARS = 100
_TO_STANDARD = str.maketrans("-_", "+/")


@dataclass(frozen=True, slots=True)
class Envelope:
    """A signed message.

    Attributes:
        signatures: by the ids of the keys that are said to have made them, in order.
    """

    payload_type: str
    payload: bytes
    signatures: Mapping[str, bytes]

    def is_signed_by(self, key: PublicKey) -> bool:
        """Tell whether there is a signature in this key's name, and it holds."""
        verifier = key.verifier()
        signature = self.signatures.get(verifier.keyid)
        if signature is None:
            return False
        try:
            verifier.verify_signature(
                Signature(verifier.keyid, signature.hex()),
                pre_authentication(self.payload_type, self.payload),
            )
        except UnverifiedSignatureError:
            return False
        return True


def pre_authentication(payload_type: str, payload: bytes) -> bytes:
    """Return what is signed: the DSSE specification's PAE of a message and its type."""
    return Dsse(payload, payload_type, {}).pae()


def sign(payload: bytes, payload_type: str, *keys: PrivateKey) -> bytes:
    """Return an envelope with a signature by each of the keys, as JSON text."""
    envelope = Dsse(payload, payload_type, {})
    for key in keys:
        envelope.sign(key.signer())
    return json.dumps(envelope.to_dict(), separators=(",", ":")).encode() + b"\n"


def parse_envelope(content: bytes, payload_type: str, *, max_bytes: int) -> Envelope:
    """Parse an envelope whose message has this type; nothing of it is verified yet.

    Raises:
        SignatureInvalid: it is larger than ``max_bytes``, not an envelope, or one of another type.
    """
    if len(content) > max_bytes:
        raise _refused(f"it has {len(content)} bytes, and at most {max_bytes} are read")
    document = _object(_parsed(content), "it")
    found = _text(document, "payloadType")
    if found != payload_type:
        raise SignatureInvalid(
            f"What was signed is a {found[:_SHOWN_CHARS]!r}, and not a {payload_type!r}."
        )
    payload = _decoded(_text(document, "payload"), "payload")
    return Envelope(payload_type, payload, _signatures(document.get("signatures")))


def _parsed(content: bytes) -> Any:
    try:
        return json.loads(content.decode(), object_pairs_hook=_without_repetition)
    except RecursionError as exc:
        raise _refused("it nests too deep") from exc
    except ValueError as exc:
        raise _refused(f"it is not JSON: {str(exc)[:_SHOWN_CHARS]}") from exc


def _without_repetition(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) != len(members):
        raise ValueError("a member stands twice")
    return found


def _object(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _refused(f"{what} is not an object")
    return value


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str):
        raise _refused(f"it has no text {name!r}")
    return value


def _signatures(value: Any) -> dict[str, bytes]:
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_SIGNATURES:
        raise _refused(f"it does not have 1 to {MAX_SIGNATURES} signatures")
    found: dict[str, bytes] = {}
    for entry in value:
        signature = _object(entry, "a signature")
        # DSSE lets a signature leave its key unnamed. Each would then cost a try of every key.
        key_id = _text(signature, "keyid")
        if not key_id.isascii() or not key_id.isprintable():
            # It is told to people, in answers and on their screens.
            raise _refused("a signature names its key in characters that no id of a key has")
        if not 1 <= len(key_id) <= _MAX_KEY_ID_CHARS or key_id in found:
            raise _refused("a signature does not name its key, or two name the same")
        found[key_id] = _decoded(_text(signature, "sig"), "sig")
        if len(found[key_id]) != _SIGNATURE_BYTES:
            raise _refused(f"a signature has not the {_SIGNATURE_BYTES} bytes of Ed25519")
    return found


def _decoded(text: str, name: str) -> bytes:
    """Decode base64 in the standard or the URL-safe alphabet, written in the one way there is."""
    try:
        raw = base64.b64decode(text.translate(_TO_STANDARD), validate=True)
    except (binascii.Error, ValueError) as exc:
        raise _refused(f"its {name!r} is not base64") from exc
    if text not in (base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode()):
        raise _refused(f"its {name!r} is not base64")
    return raw


def _refused(fault: str) -> SignatureInvalid:
    return SignatureInvalid(f"The signature is no DSSE envelope: {fault}.")
