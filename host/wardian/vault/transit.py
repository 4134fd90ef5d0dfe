"""A root key inside HashiCorp Vault or OpenBao: the transit engine wraps and unwraps.

Encryption and decryption take the context as associated data, so the key must be of an AEAD type,
such as ``aes256-gcm96``. The token needs ``update`` on ``MOUNT/encrypt/KEY`` and
``MOUNT/decrypt/KEY``, and should have ``read`` on ``MOUNT/keys/KEY``.
"""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import hvac
import requests
from hvac.exceptions import Forbidden, InvalidPath, InvalidRequest, VaultError

from wardian.crypto.aead import NotAuthentic, SymmetricKey
from wardian.errors import Conflict, VaultSealed
from wardian.policy.secret import Secret
from wardian.vault.roots import RootKey

TIMEOUT_SECONDS = 5.0

_VERSION = re.compile(r"vault:v([0-9]{1,9}):")
_NO_ANSWER = (KeyError, TypeError, ValueError)
"""What looking into an answer raises that is none of the engine's."""

_NOT_AUTHENTIC = ("message authentication failed", "invalid ciphertext")

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class TransitServer:
    """Where the transit engine is, and what opens the door to it.

    Attributes:
        token: as it is now; asked for each time, because an agent may renew it in a file.
        ca_file: the certificates that its own is checked with, in place of the system's.
    """

    url: str
    token: Callable[[], Secret]
    namespace: str | None = None
    ca_file: Path | None = None
    timeout_seconds: float = TIMEOUT_SECONDS


class TransitRootKey:
    """A key of the transit engine, which never leaves it."""

    is_known_by_id = False

    def __init__(self, server: TransitServer, mount: str, key: str) -> None:
        self._server = server
        self._mount = mount
        self._key = key
        self._name = f"transit:{mount}/{key}"
        self.id = self._name

    async def probe(self) -> None:
        """Reach the key and learn its newest version.

        Raises:
            VaultSealed: it cannot be reached, or is not there.
        """
        try:
            version = await self._ask(
                lambda transit: int(
                    transit.read_key(self._key, self._mount)["data"]["latest_version"]
                )
            )
        except InvalidPath:
            # Told before anything is encrypted, because that would make a key of this name.
            raise VaultSealed(
                f"There is no transit key {self._mount}/{self._key} at {self._server.url}. Make "
                "one, or correct WARDIAN_ROOT_KEY."
            ) from None
        except Forbidden:
            version = _version(await self._encrypt(b"", b"probe"))
        self.id = f"{self._name}:v{version}"

    def opens(self, root_key: str) -> bool:
        """See `RootKey.opens`; the engine knows its key's earlier versions."""
        return root_key.rpartition(":v")[0] == self._name

    async def wrap(self, key: SymmetricKey, bound_to: bytes) -> bytes:
        """See `RootKey.wrap`."""
        return (await self._encrypt(key.material, bound_to)).encode()

    async def unwrap(self, wrapped: bytes, bound_to: bytes) -> SymmetricKey:
        """See `RootKey.unwrap`."""
        ciphertext = wrapped.decode("ascii", errors="replace")
        try:
            plaintext = await self._ask(
                lambda transit: str(
                    transit.decrypt_data(
                        self._key,
                        ciphertext=ciphertext,
                        associated_data=_base64(bound_to),
                        mount_point=self._mount,
                    )["data"]["plaintext"]
                )
            )
            return SymmetricKey(base64.b64decode(plaintext, validate=True))
        except InvalidRequest as error:
            if any(text in str(error) for text in _NOT_AUTHENTIC):
                raise NotAuthentic from None
            raise self._refused(error) from None
        except (Forbidden, InvalidPath) as error:
            raise self._refused(error) from None
        except ValueError:
            raise NotAuthentic from None  # no base64, or no key of this length

    async def _encrypt(self, plaintext: bytes, bound_to: bytes) -> str:
        try:
            return await self._ask(
                lambda transit: str(
                    transit.encrypt_data(
                        self._key,
                        plaintext=_base64(plaintext),
                        associated_data=_base64(bound_to),
                        mount_point=self._mount,
                    )["data"]["ciphertext"]
                )
            )
        except (InvalidRequest, Forbidden, InvalidPath) as error:
            raise self._refused(error) from None

    async def _ask(self, question: Callable[[Any], T]) -> T:
        """Ask the engine in a thread, because its client blocks."""
        try:
            return await asyncio.to_thread(self._asked, question)
        except (InvalidRequest, Forbidden, InvalidPath):
            raise
        except (VaultError, requests.RequestException, *_NO_ANSWER) as error:
            # From nothing: an error of the client has the request in it, and that has the token.
            raise VaultSealed(
                f"The root key {self._name} cannot be reached at {self._server.url}: "
                f"{_cause(error)}. Once it answers, run `wardian vault open`."
            ) from None

    def _asked(self, question: Callable[[Any], T]) -> T:
        server = self._server
        with requests.Session() as session:
            session.trust_env = False  # no proxies and no passwords but those of the settings
            client = hvac.Client(
                url=server.url,
                token=server.token().reveal(),
                verify=True if server.ca_file is None else str(server.ca_file),
                timeout=server.timeout_seconds,
                namespace=server.namespace,
                allow_redirects=False,  # a token goes to the named server only
                session=session,
            )
            return question(client.secrets.transit)

    def _refused(self, error: VaultError) -> VaultSealed:
        said = "; ".join(error.errors or ()) or type(error).__name__
        return VaultSealed(
            f"The root key {self._name} refuses at {self._server.url}: {said[:300]}. See that the "
            "key is there and the token may use it, then run `wardian vault open`."
        )


class TransitSource:
    """See `RootKeySource`."""

    def __init__(self, server: TransitServer, mount: str, key: str) -> None:
        self._place = (server, mount, key)

    async def load(self, *, is_empty: bool) -> Sequence[RootKey]:
        """See `RootKeySource.load`."""
        key = TransitRootKey(*self._place)
        await key.probe()
        return [key]

    def renew(self) -> None:
        """See `RootKeySource.renew`."""
        _, mount, key = self._place
        raise Conflict(
            f"Every data key is wrapped by the newest version of the transit key {mount}/{key} "
            "already. Rotate that one in its own place and rekey again; or name another with "
            "WARDIAN_ROOT_KEY, this one with WARDIAN_ROOT_KEY_PREVIOUS, and restart."
        )

    def retire(self, kept: str) -> None:
        """See `RootKeySource.retire`: earlier versions stay with the engine."""


def _version(ciphertext: str) -> int:
    found = _VERSION.match(ciphertext)
    return int(found[1]) if found else 0


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _cause(error: Exception) -> str:
    if isinstance(error, requests.ConnectTimeout | requests.ReadTimeout):
        return "it did not answer in time"
    if isinstance(error, requests.exceptions.SSLError):
        return "its certificate is not trusted"
    if isinstance(error, requests.ConnectionError):
        return "no connection"
    if isinstance(error, VaultError) and error.errors:
        return "; ".join(map(str, error.errors))[:300]
    return f"its answer is none of a transit engine ({type(error).__name__})"
