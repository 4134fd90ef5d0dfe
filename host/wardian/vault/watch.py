"""The search for a tenant's credentials, made anew when they change."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from wardian.policy.leaks import Leaks
from wardian.policy.secret import Secret
from wardian.vault.vault import Vault

_MANY = 50
"""To get ready to look for more takes so long that others would wait."""


class Watch:
    """Looks for all that the vault keeps of a tenant.

    While the vault is sealed nothing is looked for, and nothing is given out either.
    """

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._made: dict[str, _Made] = {}

    async def leaks(self, tenant: str) -> Leaks:
        """Return what finds the secrets that a tenant has now.

        Raises:
            WardianError: the database does not answer.
        """
        secrets = await self._vault.secrets(tenant)
        made = self._made.get(tenant)
        # The vault hands out the very same tuple until there is another.
        if made is None or made.secrets is not secrets:
            leaks = Leaks(secrets) if len(secrets) < _MANY else await _made_aside(secrets)
            made = self._made[tenant] = _Made(secrets, leaks)
        return made.leaks


@dataclass(frozen=True, slots=True)
class _Made:
    secrets: tuple[Secret, ...]
    leaks: Leaks


async def _made_aside(secrets: tuple[Secret, ...]) -> Leaks:
    return await asyncio.to_thread(Leaks, secrets)
