"""Root keys: what wraps the data keys, wherever it is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from wardian.crypto.aead import SymmetricKey, context
from wardian.errors import VaultSealed

LOCAL = "local"


class RootKey(Protocol):
    """A key that wraps data keys.

    Attributes:
        id: says which it is and gives nothing of it away; at most 128 characters.
        is_known_by_id: whether no other key can have its id, so that to have it is proof enough.
    """

    is_known_by_id: bool

    @property
    def id(self) -> str: ...

    def opens(self, root_key: str) -> bool:
        """Tell whether this is what wrapped the data keys that name ``root_key``."""
        ...

    async def wrap(self, key: SymmetricKey, bound_to: bytes) -> bytes:
        """Encrypt a data key, bound to a context.

        Raises:
            VaultSealed: the root key cannot be reached or used.
        """
        ...

    async def unwrap(self, wrapped: bytes, bound_to: bytes) -> SymmetricKey:
        """Decrypt what `wrap` made for the same context.

        Raises:
            VaultSealed: the root key cannot be reached or used.
            NotAuthentic: this is not what it wrapped for this context.
        """
        ...


class RootKeySource(Protocol):
    """Where root keys come from, as the settings say."""

    async def load(self, *, is_empty: bool) -> Sequence[RootKey]:
        """Return the root keys: the one that wraps now, and those that only unwrap.

        ``is_empty`` tells that nothing was ever sealed, so a new key harms nobody.

        Raises:
            VaultSealed: there are none that can be used; says why, and what to do.
        """
        ...

    def renew(self) -> None:
        """Make a new root key, which wraps from the next `load` on.

        Raises:
            Conflict: that is not for this host to do; says whose it is, and how.
        """
        ...

    def retire(self, kept: str) -> None:
        """Put every root key aside but the one of this id: they have nothing to open any more."""
        ...


class LocalRootKey:
    """A root key in this process's memory, named by its fingerprint."""

    is_known_by_id = True

    def __init__(self, key: SymmetricKey) -> None:
        self._key = key
        self.id = f"{LOCAL}:{key.fingerprint()}"

    def opens(self, root_key: str) -> bool:
        """See `RootKey.opens`."""
        return root_key == self.id

    async def wrap(self, key: SymmetricKey, bound_to: bytes) -> bytes:
        """See `RootKey.wrap`."""
        return self._key.seal(key.material, context(self.id) + bound_to)

    async def unwrap(self, wrapped: bytes, bound_to: bytes) -> SymmetricKey:
        """See `RootKey.unwrap`."""
        return SymmetricKey(self._key.open(wrapped, context(self.id) + bound_to))

    def __repr__(self) -> str:
        return f"LocalRootKey({self.id!r})"


@dataclass(frozen=True, slots=True)
class RootKeys:
    """The root keys that are at hand; the first wraps."""

    keys: tuple[RootKey, ...]

    @property
    def current(self) -> RootKey:
        """What wraps now."""
        return self.keys[0]

    def that_opens(self, root_key: str) -> RootKey:
        """Return the key that wrapped what names ``root_key``.

        Raises:
            VaultSealed: it is not among these.
        """
        for key in self.keys:
            if key.opens(root_key):
                return key
        raise VaultSealed(
            f"Data keys are wrapped by the root key {root_key}, which is not the one given "
            f"({', '.join(key.id for key in self.keys)}). Give the right one with WARDIAN_ROOT_KEY "
            "and run `wardian vault open`, or restart; nothing was changed."
        )
