"""Which root keys a host has: what its settings name, taken out of its environment."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from wardian.errors import HostUnusable, VaultSealed
from wardian.policy.secret import Secret
from wardian.vault.process import take_variable
from wardian.vault.root_files import RootKeyFile, RootKeyVariable
from wardian.vault.roots import RootKey, RootKeySource

FILE_NAME = "root.key"

_TOKEN_BYTES_MAX = 16 * 1024
_PLACE = re.compile(r"[A-Za-z0-9._/-]{3,100}")


class RootKeySources:
    """The source whose first key wraps, and one of keys before it, which only unwrap."""

    def __init__(self, current: RootKeySource, previous: RootKeySource | None = None) -> None:
        self.current = current
        self.previous = previous

    async def load(self, *, is_empty: bool) -> Sequence[RootKey]:
        """See `RootKeySource.load`."""
        found = list(await self.current.load(is_empty=is_empty))
        if self.previous is not None:
            found += await self.previous.load(is_empty=False)
        return found

    def renew(self) -> None:
        """See `RootKeySource.renew`."""
        self.current.renew()

    def retire(self, kept: str) -> None:
        """See `RootKeySource.retire`."""
        self.current.retire(kept)


@dataclass(frozen=True, slots=True, kw_only=True)
class RootKeyChoice:
    """What the settings say of root keys; see `wardian.settings`."""

    current: str | None = None
    previous: str | None = None
    transit_url: str | None = None
    transit_token: str = "env:VAULT_TOKEN"  # noqa: S105 -- says where it is
    transit_namespace: str | None = None
    transit_ca_file: Path | None = None


def sources_of(choice: RootKeyChoice, folder: Path) -> RootKeySources:
    """Read the settings; variables that hold keys are taken out of this process's environment.

    Raises:
        HostUnusable: a setting has none of the forms that there are.
    """
    default = RootKeyFile(folder / FILE_NAME, is_made=True)
    reading = _Reading(choice)
    return RootKeySources(
        default if choice.current is None else reading.source("WARDIAN_ROOT_KEY", choice.current),
        None
        if choice.previous is None
        else reading.source("WARDIAN_ROOT_KEY_PREVIOUS", choice.previous),
    )


class _Reading:
    def __init__(self, choice: RootKeyChoice) -> None:
        self._choice = choice
        self._token: Callable[[], Secret] | None = None

    def source(self, setting: str, text: str) -> RootKeySource:
        scheme, _, rest = text.partition(":")
        if rest and scheme == "file":
            return RootKeyFile(Path(rest))
        if rest and scheme == "env":
            return RootKeyVariable(rest, take_variable(rest))
        mount, _, key = rest.rpartition("/")
        if scheme == "transit" and _PLACE.fullmatch(rest) and mount and key:
            return self._transit(mount, key)
        # Not quoted, because it may be the key itself.
        raise HostUnusable(
            f"The setting {setting} cannot be used: it takes file:PATH, env:NAME or "
            "transit:MOUNT/KEY."
        )

    def _transit(self, mount: str, key: str) -> RootKeySource:
        choice = self._choice
        if choice.transit_url is None:
            raise HostUnusable("A root key in a transit engine takes WARDIAN_TRANSIT_URL.")
        self._token = self._token or _token(choice.transit_token)
        # Loaded where it is used only, because its client takes a fifth of a second to load.
        transit = import_module("wardian.vault.transit")
        server = transit.TransitServer(
            url=choice.transit_url,
            token=self._token,
            namespace=choice.transit_namespace,
            ca_file=choice.transit_ca_file,
        )
        source: RootKeySource = transit.TransitSource(server, mount, key)
        return source


def _token(text: str) -> Callable[[], Secret]:
    scheme, _, rest = text.partition(":")
    if rest and scheme == "file":
        return lambda: _token_in(Path(rest))
    if rest and scheme == "env":
        value = take_variable(rest)
        return lambda: _given(value, rest)
    raise HostUnusable(
        "The setting WARDIAN_TRANSIT_TOKEN cannot be used: it takes file:PATH or env:NAME."
    )


def _token_in(path: Path) -> Secret:
    try:
        with path.open("rb") as stream:
            return Secret(stream.read(_TOKEN_BYTES_MAX).decode("ascii", errors="replace").strip())
    except OSError as exc:
        raise VaultSealed(
            f"The token of the transit engine cannot be read from {str(path)!r}: {exc.strerror}."
        ) from exc


def _given(value: Secret | None, name: str) -> Secret:
    if value is None:
        raise VaultSealed(
            f"The variable {name}, which holds the token of the transit engine, is not set; set it "
            "and restart."
        )
    return value
