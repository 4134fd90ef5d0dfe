"""The vault: credentials of every tenant, sealed where they are kept and opened for one use."""

from __future__ import annotations

import asyncio
import logging
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from wardian.crypto.aead import NotAuthentic
from wardian.crypto.identifiers import new_id
from wardian.errors import Conflict, CredentialDamaged, InvalidArguments, NotFound, VaultSealed
from wardian.policy.secret import Secret
from wardian.storage import Connection, Database
from wardian.storage.rows import now
from wardian.storage.vault import TENANTS_OWN, CredentialRow, Kept, VaultRepository
from wardian.vault.documents import bound_to
from wardian.vault.held import Bound, Held, Kind
from wardian.vault.keyring import Keyring, VaultState
from wardian.vault.kinds import check_fields
from wardian.vault.placements import check_placement
from wardian.vault.ports import Journal
from wardian.vault.sealing import bound_document, open_row, seal
from wardian.vault.views import CredentialView, credential_view

CREDENTIALS_MAX = 10_000
"""What one tenant may keep."""

DESCRIPTION_CHARS_MAX = 1000
ORIGINS_MAX = 50
ROTATE_DAYS_MAX = 3650

NEXT = ".next"
"""Behind a credential's name, that of the one which is to take its place."""

_OPENED_AT_ONCE = 100
"""Credentials; then others have the event loop."""

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")

_log = logging.getLogger("wardian.vault")


@dataclass(frozen=True, slots=True)
class Sealed:
    """A small document, sealed.

    Attributes:
        key_id: of the data key that sealed it; to be stored with it, as a foreign key.
    """

    key_id: str
    content: bytes


class Vault:
    """Credentials by tenant, owner and name.

    An owner is a plugin, by the id of its installation, or the tenant: then its plugins share it.
    Whatever opens or seals raises VaultSealed while the vault is sealed.
    """

    def __init__(self, database: Database, keyring: Keyring, journal: Journal) -> None:
        self._database = database
        self._keyring = keyring
        self._journal = journal
        self._secrets: dict[str, tuple[Secret, ...]] = {}
        self._used: dict[str, dict[str, datetime]] = {}
        self._openings = 0
        self._changes: Counter[str] = Counter()

    @property
    def state(self) -> VaultState:
        """Whether the vault is sealed, and why."""
        return self._keyring.state

    async def open(self) -> VaultState:
        """Open the vault, if its root key is there and right; otherwise it is sealed."""
        state = await self._keyring.open()
        self.forget_all()
        return state

    async def find(self, tenant: str, plugin_id: str, name: str) -> Held:
        """Open the credential that a plugin means by a name: its own, or else the tenant's.

        Raises:
            NotFound: there is neither.
            VaultSealed: the vault is sealed.
            CredentialDamaged: what is stored of it is not what was sealed.
        """
        _ = self._keyring.roots
        kept = await self._usable(tenant, plugin_id, name)
        if kept is None:
            raise NotFound(f"There is no credential named {name[:64]!r} for this plugin.")
        held = await self._opened(tenant, kept)
        self.note_use(held)
        return held

    async def find_pair(self, tenant: str, plugin_id: str, name: str) -> tuple[Held, ...]:
        """Open what `find` finds, and the one of the same owner that is named ``NAME.next``.

        There may be neither; what is damaged is as good as not there. One statement, whatever
        there is, and no use is noted.

        Raises:
            VaultSealed: the vault is sealed.
        """
        _ = self._keyring.roots
        async with self._database.reading() as connection:
            kept = await VaultRepository(connection, tenant).usable_of(
                plugin_id, (name, name + NEXT)
            )
        owners = [each.row.owner for each in kept if each.row.name == name]
        found = []
        for each in kept:
            if owners and each.row.owner == owners[-1]:
                with suppress(CredentialDamaged):
                    found.append(await self._opened(tenant, each))
        return tuple(found)

    def note_use(self, held: Held) -> None:
        """Note that a credential was of use now."""
        self._used.setdefault(held.tenant, {})[held.id] = now()

    async def exists(self, tenant: str, plugin_id: str, name: str) -> bool:
        """Tell whether there is a credential that a plugin means by a name.

        Raises:
            VaultSealed: the vault is sealed.
        """
        _ = self._keyring.roots
        return await self._usable(tenant, plugin_id, name) is not None

    def known_secrets(self, tenant: str) -> tuple[Secret, ...] | None:
        """Return what `secrets` would without opening anything; None if it would have to."""
        return self._secrets.get(tenant)

    async def secrets(self, tenant: str) -> tuple[Secret, ...]:
        """Return every secret text of a tenant, for those who look for them where none may be.

        What is damaged is left out; while the vault is sealed there are none.
        """
        known = self._secrets.get(tenant)
        if known is not None:
            return known
        if self.state.sealed:
            return ()
        state, found = None, tuple[Secret, ...]()
        while state != self._state_of(tenant):
            state = self._state_of(tenant)
            found = await self._all_secrets(tenant)
        self._secrets[tenant] = found
        return found

    async def put(  # noqa: PLR0913 -- all that a credential is
        self,
        tenant: str,
        *,
        owner: str | None,
        name: str,
        kind: Kind,
        public: Mapping[str, Any],
        secrets: Mapping[str, Secret],
        bound: Bound,
        expires_at: datetime | None = None,
        rotate_days: int | None = None,
        description: str = "",
        actor: str = "host",
        is_new: bool = False,
        expects: int | None = None,
    ) -> CredentialView:
        """Add a credential, or write it over the one of the same owner and name.

        Args:
            owner: the id of the plugin whose it is; None for all of the tenant.
            public, secrets: what it consists of, by its kind; see `wardian.vault.kinds`.
            is_new: there must be none yet.
            expects: the version of the one there must still be; 0 if there must be none.

        Raises:
            InvalidArguments: what it consists of, a name or a bound; nothing of it is quoted.
            Conflict: there is one already, or too many; or the plugin was uninstalled meanwhile.
            NotFound: there is no such tenant.
            VaultSealed: the vault is sealed.
        """
        _check(name, bound, rotate_days, description)
        check_fields(kind, public, secrets)
        check_placement(kind, bound.placement)
        await self._keyring.prepare(tenant)
        moment = now()
        wanted = CredentialRow(
            id=new_id(),
            plugin_id=owner,
            owner=TENANTS_OWN if owner is None else owner,
            name=name,
            kind=kind.value,
            description=description,
            public=dict(public),
            bound=bound_document(bound),
            key_id="",
            version=1,
            sealed=b"",
            expires_at=expires_at,
            rotate_days=rotate_days,
            rotated_at=moment,
            created_at=moment,
            created_by=actor,
            updated_at=moment,
            updated_by=actor,
        )
        async with self._journal.change(tenant, actor) as change:
            repository = VaultRepository(change.connection, tenant)
            key_id, key = await self._sealing(change.connection, tenant)
            before = await repository.find(wanted.owner, name)
            _check_version(name, before, expects)
            row = replace(await _over(repository, wanted, before, is_new), key_id=key_id)
            row = replace(row, sealed=seal(key, tenant, row, secrets))
            await (repository.add(row) if before is None else repository.replace(row))
            view = credential_view(await _again(repository, row))
            await change.note_vault(
                "credential.set" if before is None else "credential.rotated",
                name,
                {"plugin": view.plugin, "kind": view.kind, "version": view.version},
            )
        self.forget(tenant)
        return view

    async def remove(
        self, tenant: str, *, owner: str | None, name: str, actor: str = "host"
    ) -> None:
        """Remove a credential; it takes no key to do so.

        Raises:
            NotFound: there is none.
        """
        async with self._journal.change(tenant, actor) as change:
            repository = VaultRepository(change.connection, tenant)
            kept = await repository.find(owner or TENANTS_OWN, name)
            if kept is None:
                raise _no_credential(name)
            await repository.remove(kept.row.id)
            await change.note_vault("credential.removed", name, {"plugin": kept.plugin})
        self.forget(tenant)

    async def list(self, tenant: str) -> Sequence[CredentialView]:
        """Return all of a tenant's credentials; it takes no key to do so."""
        async with self._database.reading() as connection:
            kept = await VaultRepository(connection, tenant).all()
        views = [credential_view(each) for each in kept]
        return sorted(views, key=lambda view: (view.name, view.plugin or ""))

    async def show(self, tenant: str, *, owner: str | None, name: str) -> CredentialView:
        """Return one credential; it takes no key to do so.

        Raises:
            NotFound: there is none.
        """
        async with self._database.reading() as connection:
            kept = await VaultRepository(connection, tenant).find(owner or TENANTS_OWN, name)
        if kept is None:
            raise _no_credential(name)
        return credential_view(kept)

    async def prepare(self, tenant: str) -> None:
        """See to it that `seal_bytes` has a key to seal with, before its transaction.

        Raises:
            VaultSealed: the vault is sealed.
            NotFound: there is no such tenant.
        """
        await self._keyring.prepare(tenant)

    async def seal_bytes(
        self, connection: Connection, tenant: str, purpose: str, document_id: str, content: bytes
    ) -> Sealed:
        """Seal a small document that another service stores, in that one's own transaction.

        Raises:
            VaultSealed: the vault is sealed, or the tenant has no credential yet.
        """
        key_id, key = await self._sealing(connection, tenant)
        return Sealed(key_id, key.seal(content, bound_to(tenant, purpose, document_id, key_id)))

    async def open_bytes(
        self, tenant: str, purpose: str, document_id: str, sealed: Sealed
    ) -> bytes:
        """Open what `seal_bytes` sealed for the same purpose and id.

        Raises:
            VaultSealed: the vault is sealed.
            CredentialDamaged: it is not what was sealed.
        """
        _ = self._keyring.roots
        async with self._database.reading() as connection:
            row = await VaultRepository(connection, tenant).key(sealed.key_id)
        bound = bound_to(tenant, purpose, document_id, sealed.key_id)
        try:
            if row is None:
                raise NotAuthentic
            return (await self._keyring.opening(tenant, row)).open(sealed.content, bound)
        except NotAuthentic:
            raise CredentialDamaged("What was sealed cannot be opened: it was changed.") from None

    def forget(self, tenant: str) -> None:
        """Forget what is remembered of a tenant's secrets, because they have changed."""
        self._changes[tenant] += 1
        self._secrets.pop(tenant, None)

    def forget_all(self) -> None:
        """Do as `forget` does, for every tenant."""
        self._openings += 1
        self._secrets.clear()

    def _state_of(self, tenant: str) -> tuple[int, int]:
        # By tenant, because with the changes of others in it nobody would come to an end.
        return self._openings, self._changes[tenant]

    async def flush(self) -> None:
        """Write down when credentials were used last; what cannot be written waits."""
        for tenant in list(self._used):
            times = dict(self._used[tenant])
            async with self._database.transaction() as connection:
                await VaultRepository(connection, tenant).note_uses(times)
            newer = self._used[tenant].items() - times.items()
            self._used[tenant] = dict(newer)
            if not newer:
                del self._used[tenant]

    async def _usable(self, tenant: str, plugin_id: str, name: str) -> Kept | None:
        async with self._database.reading() as connection:
            return await VaultRepository(connection, tenant).usable(plugin_id, name)

    async def _opened(self, tenant: str, kept: Kept) -> Held:
        try:
            key = await self._keyring.opening(tenant, kept.key)
            return open_row(key, tenant, kept.row)
        except NotAuthentic:
            raise CredentialDamaged(
                f"The credential {kept.row.name!r} cannot be opened: its row was damaged, or "
                "changed by something else than the vault. Set it anew; others are not affected."
            ) from None

    async def _all_secrets(self, tenant: str) -> tuple[Secret, ...]:
        async with self._database.reading() as connection:
            kept = await VaultRepository(connection, tenant).all()
        found: list[Secret] = []
        for number, each in enumerate(kept):
            if number % _OPENED_AT_ONCE == 0:
                await asyncio.sleep(0)
            try:
                found.extend((await self._opened(tenant, each)).secrets.values())
            except (CredentialDamaged, VaultSealed) as error:
                _log.warning("A credential of the tenant %s is not looked for: %s", tenant, error)
        return tuple(found)

    async def _sealing(self, connection: Connection, tenant: str) -> tuple[str, Any]:
        try:
            return await self._keyring.sealing(connection, tenant)
        except NotAuthentic:
            raise CredentialDamaged(
                "The tenant's data key cannot be opened: its row was damaged, or changed by "
                "something else than the vault. `wardian vault rotate` makes another."
            ) from None


def _check(name: str, bound: Bound, rotate_days: int | None, description: str) -> None:
    if not _NAME.fullmatch(name):
        # Not quoted, because it may be the value in the wrong place.
        raise InvalidArguments(
            "This cannot name a credential: use 1 to 64 lower-case letters, digits, dots, dashes "
            "and underscores, with a letter or digit at both ends.",
            path="name",
        )
    if len(bound.origins) > ORIGINS_MAX:
        raise InvalidArguments(f"A credential has at most {ORIGINS_MAX} origins.", path="origins")
    if rotate_days is not None and not 1 <= rotate_days <= ROTATE_DAYS_MAX:
        raise InvalidArguments(
            f"A credential is replaced every 1 to {ROTATE_DAYS_MAX} days.", path="rotate_days"
        )
    if len(description) > DESCRIPTION_CHARS_MAX or "\0" in description:
        raise InvalidArguments(
            f"A description has at most {DESCRIPTION_CHARS_MAX} characters.", path="description"
        )


async def _over(
    repository: VaultRepository, wanted: CredentialRow, before: Kept | None, is_new: bool
) -> CredentialRow:
    if before is None:
        if await repository.count() >= CREDENTIALS_MAX:
            raise Conflict(f"A tenant has at most {CREDENTIALS_MAX} credentials.")
        return wanted
    if is_new:
        raise Conflict(f"There is a credential named {wanted.name!r} already; replace it with PUT.")
    old = before.row
    return replace(
        wanted,
        id=old.id,
        version=old.version + 1,
        created_at=old.created_at,
        created_by=old.created_by,
        last_used_at=old.last_used_at,
    )


def _check_version(name: str, before: Kept | None, expects: int | None) -> None:
    if expects is not None and expects != (0 if before is None else before.row.version):
        raise Conflict(f"The credential {name!r} was changed meanwhile.")


async def _again(repository: VaultRepository, row: CredentialRow) -> Kept:
    kept = await repository.find(row.owner, row.name)
    assert kept is not None  # noqa: S101 -- written in this very transaction
    return kept


def _no_credential(name: str) -> NotFound:
    return NotFound(f"There is no credential named {name[:64]!r} here.")
