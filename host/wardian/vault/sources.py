"""Which root keys a host has: what its settings name, taken out of its environment."""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from pathlib import Path

from wardian.errors import HostUnusable
from wardian.policy.secret import Secret
from wardian.vault.root_files import RootKeyFile, RootKeyVariable
from wardian.vault.roots import RootKey, RootKeySource

FILE_NAME = "root.key"

_FORMS = "file:PATH, env:NAME or transit:MOUNT/KEY"


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


def sources_of(
    current: str | None,
    previous: str | None,
    folder: Path,
    environment: MutableMapping[str, str],
) -> RootKeySources:
    """Read the settings; variables that hold keys are taken out of ``environment``.

    Raises:
        HostUnusable: a setting has none of the forms that there are.
    """
    default = RootKeyFile(folder / FILE_NAME, is_made=True)
    return RootKeySources(
        default if current is None else _source("WARDIAN_ROOT_KEY", current, environment),
        None if previous is None else _source("WARDIAN_ROOT_KEY_PREVIOUS", previous, environment),
    )


def _source(setting: str, text: str, environment: MutableMapping[str, str]) -> RootKeySource:
    scheme, _, rest = text.partition(":")
    if not rest:
        raise _unusable(setting)
    match scheme:
        case "file":
            return RootKeyFile(Path(rest))
        case "env":
            return RootKeyVariable(rest, taken(rest, environment))
        case _:
            raise _unusable(setting)


def taken(name: str, environment: MutableMapping[str, str]) -> Secret | None:
    """Take a variable out of the environment, so that no child process inherits it."""
    value = environment.pop(name, None)
    return None if value is None else Secret(value)


def _unusable(setting: str) -> HostUnusable:
    # Not quoted, because it may be the key itself.
    return HostUnusable(f"The setting {setting} cannot be used: it takes {_FORMS}.")
