"""Credentials, as operators set and see them: values go in, and never come out again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from wardian.errors import InvalidArguments
from wardian.plugins import Registry
from wardian.policy.bindings import Binding, parse_binding
from wardian.policy.secret import Secret
from wardian.vault import Bound, CredentialView, Vault
from wardian.vault.kinds import kind_of, secret_fields


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialOrder:
    """A credential to set.

    Attributes:
        fields: what it consists of, by its kind; secret texts may come as `Secret`.
        plugin: whose it is, by name; None for all of the tenant.
        origins: where it may go; nowhere unless it says so.
        placement: how it is put into a request; see `wardian.vault.held.Bound`.
        rotate_days: after so many days a reminder tells that it is due.
    """

    name: str
    kind: str
    fields: Mapping[str, Any] = field(repr=False)
    plugin: str | None = None
    origins: Sequence[str] = ()
    placement: Mapping[str, Any] | None = None
    expires_at: datetime | None = None
    rotate_days: int | None = None
    description: str = ""


class Credentials:
    """The credentials of every tenant, for its administrators."""

    def __init__(self, vault: Vault, registry: Registry) -> None:
        self._vault = vault
        self._registry = registry

    async def set(
        self,
        order: CredentialOrder,
        *,
        is_new: bool = False,
        tenant: str = "default",
        actor: str = "host",
    ) -> CredentialView:
        """Set a credential, over the one of the same owner and name unless ``is_new``.

        Where it may go is set with its value and not otherwise: whoever may set credentials, but
        does not know this one, cannot have it sent elsewhere.

        Raises:
            InvalidArguments: a name, a kind, a field, an origin; no value is quoted.
            Conflict: there is one already and ``is_new``, or the tenant has too many.
            NotFound: no such plugin, or no such tenant.
            VaultSealed: the vault is sealed.
        """
        kind = kind_of(order.kind)
        sealed = secret_fields(kind)
        return await self._vault.put(
            tenant,
            owner=await self._owner(tenant, order.plugin),
            name=order.name,
            kind=kind,
            public={name: text for name, text in order.fields.items() if name not in sealed},
            secrets={
                name: _secret(name, order.fields[name]) for name in sealed if name in order.fields
            },
            bound=Bound(origins=_bindings(order.origins), placement=order.placement),
            expires_at=_moment(order.expires_at),
            rotate_days=order.rotate_days,
            description=order.description,
            actor=actor,
            is_new=is_new,
        )

    async def list(
        self, *, plugin: str | None = None, tenant: str = "default"
    ) -> Sequence[CredentialView]:
        """Return a tenant's credentials by name, without their values; also while sealed.

        With ``plugin`` only those that are that plugin's own.

        Raises:
            NotFound: no such plugin.
        """
        if plugin is not None:
            await self._owner(tenant, plugin)
        found = await self._vault.list(tenant)
        return [view for view in found if plugin is None or view.plugin == plugin]

    async def show(
        self, name: str, *, plugin: str | None = None, tenant: str = "default"
    ) -> CredentialView:
        """Return the credential of this owner and name, without its value; also while sealed.

        Raises:
            NotFound: no such credential, or no such plugin.
        """
        owner = await self._owner(tenant, plugin)
        return await self._vault.show(tenant, owner=owner, name=name)

    async def remove(
        self,
        name: str,
        *,
        plugin: str | None = None,
        tenant: str = "default",
        actor: str = "host",
    ) -> None:
        """Remove the credential of this owner and name; also while sealed.

        Raises:
            NotFound: no such credential, or no such plugin.
        """
        owner = await self._owner(tenant, plugin)
        await self._vault.remove(tenant, owner=owner, name=name, actor=actor)

    async def _owner(self, tenant: str, plugin: str | None) -> str | None:
        return None if plugin is None else (await self._registry.get(tenant, plugin)).id


def _secret(name: str, value: Any) -> Secret:
    if isinstance(value, Secret):
        return value
    if not isinstance(value, str):
        raise InvalidArguments(f"The field {name} takes a text.", path=f"fields.{name}")
    return Secret(value)


def _bindings(texts: Sequence[str]) -> tuple[Binding, ...]:
    return tuple(_binding(position, text) for position, text in enumerate(texts))


def _binding(position: int, text: str) -> Binding:
    try:
        return parse_binding(text)
    except InvalidArguments:
        # Not quoted, because people put passwords into addresses.
        raise InvalidArguments(
            "An origin is an http or https address without a user, a query and a fragment, such as "
            "https://api.example.org/repos/.",
            path=f"origins[{position}]",
        ) from None


def _moment(given: datetime | None) -> datetime | None:
    if given is None:
        return None
    if given.tzinfo is None:
        raise InvalidArguments("A moment takes a time zone.", path="expires_at")
    try:
        return given.astimezone(UTC)
    except OverflowError:
        raise InvalidArguments("There is no such moment.", path="expires_at") from None
