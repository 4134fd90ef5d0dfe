"""Tokens in the vault: written whole, over what is known to be there, or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from wardian.errors import Conflict, NotFound
from wardian.oauth import Tokens
from wardian.plugins import Installed
from wardian.policy.bindings import parse_binding
from wardian.policy.secret import Secret
from wardian.runtime.oauth.clients import Registered
from wardian.runtime.oauth.records import Record, secrets_of
from wardian.vault import Bound, CredentialView, Held, Kind, Vault

REFRESH_TOKEN = "refresh_token"  # noqa: S105 -- the name of a field
DESCRIPTION = "An OAuth connection; `wardian oauth status` tells of it."
ACTOR = "oauth"
"""Who renews tokens, for auditors."""


class TokenStore:
    """Connections as credentials of the kind ``oauth2-token``, each a plugin's own."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    async def check_free(self, plugin: Installed, name: str) -> CredentialView | None:
        """Check that a connection may have this name; return the one that has it.

        Raises:
            Conflict: the plugin has a credential of another kind of this name.
        """
        try:
            view = await self._vault.show(plugin.tenant, owner=plugin.id, name=name)
        except NotFound:
            return None
        if view.kind != Kind.OAUTH2_TOKEN:
            raise Conflict(
                f"{plugin.name} has a credential {name!r} of the kind {view.kind} already; remove "
                "that first."
            )
        return view

    async def connect(  # noqa: PLR0913 -- all that a connection is
        self,
        plugin: Installed,
        name: str,
        registered: Registered,
        tokens: Tokens,
        *,
        origins: Sequence[str],
        moment: datetime,
        actor: str,
    ) -> None:
        """Write the tokens of a new connection over those of the one before, if there is one.

        Raises:
            Conflict: there is another credential of this name, or by now another connection.
        """
        before = await self.check_free(plugin, name)
        record = Record(
            client=registered.name,
            scopes=(),
            token_url=registered.server.token_url,
            obtained_at=moment,
            connected_at=moment,
            connected_by=actor,
        ).renewed(tokens, moment)
        secrets = secrets_of(tokens)
        await self._vault.put(
            plugin.tenant,
            owner=plugin.id,
            name=name,
            kind=Kind.OAUTH2_TOKEN,
            public=record.public(),
            secrets=secrets,
            bound=Bound(origins=tuple(parse_binding(each) for each in origins)),
            expires_at=_expiry(record, secrets),
            description=DESCRIPTION,
            actor=actor,
            expects=0 if before is None else before.version,
        )

    async def renew(self, held: Held, record: Record, tokens: Tokens) -> None:
        """Write new tokens over those that led to them.

        Raises:
            Conflict: the connection is another by now, or there is none any more.
        """
        await self._replace(held, record, secrets_of(tokens, held.secrets.get(REFRESH_TOKEN)))

    async def mark_broken(self, held: Held, record: Record) -> None:
        """Write down that a connection does not work any more; ``record`` says why.

        Raises:
            Conflict: the connection is another by now, or there is none any more.
        """
        await self._replace(held, record, held.secrets)

    async def _replace(self, held: Held, record: Record, secrets: Mapping[str, Secret]) -> None:
        await self._vault.put(
            held.tenant,
            owner=held.owner,
            name=held.name,
            kind=held.kind,
            public=record.public(),
            secrets=secrets,
            bound=held.bound,
            expires_at=_expiry(record, secrets),
            description=DESCRIPTION,
            actor=ACTOR,
            expects=held.version,
        )


def _expiry(record: Record, secrets: Mapping[str, Secret]) -> datetime | None:
    # What the host renews by itself does not expire: nobody has to do anything about it.
    return None if REFRESH_TOKEN in secrets else record.valid_until
