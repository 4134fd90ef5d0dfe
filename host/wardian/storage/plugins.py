"""Plugins and their grants: the rows of one tenant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import (
    CursorResult,
    Executable,
    RowMapping,
    and_,
    delete,
    exists,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from wardian.errors import Conflict
from wardian.policy.layers import Documents
from wardian.storage.config import DOCUMENT_COLUMNS, documents_of, with_documents
from wardian.storage.database import Connection
from wardian.storage.rows import PackageRow, PluginRow, SeenRow, VersionRow, now
from wardian.storage.statements import OF_DIGEST, OF_NAME, OF_PLUGIN, mine
from wardian.storage.tables import (
    grants,
    kv_usage,
    packages,
    plugins,
    seen_versions,
    versions,
)

_MIGRATIONS_KEPT = 100

_COLUMNS = tuple(plugins.c[name] for name in PluginRow.__dataclass_fields__)
_PACKAGE_COLUMNS = tuple(packages.c[name] for name in PackageRow.__dataclass_fields__)
_VERSION_COLUMNS = tuple(versions.c[name] for name in VersionRow.__dataclass_fields__)
_SEEN_COLUMNS = tuple(seen_versions.c[name] for name in SeenRow.__dataclass_fields__)

_CHANGE = (
    update(plugins)
    .where(mine(plugins, plugins.c.id == OF_PLUGIN))
    .values(version=plugins.c.version + 1)
)
_WHOLE = plugins.join(
    packages,
    and_(packages.c.tenant == plugins.c.tenant, packages.c.digest == plugins.c.package_digest),
)
_FIND_WHOLE = (
    select(
        *_COLUMNS,
        *(column.label(f"package__{column.name}") for column in _PACKAGE_COLUMNS),
        *DOCUMENT_COLUMNS,
    )
    .select_from(with_documents(_WHOLE))
    .where(mine(plugins, plugins.c.name == OF_NAME))
)
_GRANTED = (
    select(grants.c.permission)
    .where(mine(grants, grants.c.plugin_id == OF_PLUGIN))
    .order_by(grants.c.permission)
)

_PACKAGE = select(*_PACKAGE_COLUMNS).where(mine(packages, packages.c.digest == OF_DIGEST))
_CHANGE_PACKAGE = update(packages).where(mine(packages, packages.c.digest == OF_DIGEST))
_ADD_PACKAGE = insert(packages)
_DROP_UNUSED_PACKAGES = delete(packages).where(
    mine(packages),
    ~exists().where(
        versions.c.tenant == packages.c.tenant, versions.c.package_digest == packages.c.digest
    ),
)

_IN_USE = select(packages.c.digest, packages.c.component_digest).distinct()

_KEPT = (
    select(*_VERSION_COLUMNS)
    .where(mine(versions, versions.c.plugin_id == OF_PLUGIN))
    .order_by(versions.c.installed_at.desc(), versions.c.package_digest)
)
_KEPT_PACKAGES = _KEPT.with_only_columns(versions.c.package_digest)
_ADD_VERSION = insert(versions)
_FORGET_VERSION = delete(versions).where(
    mine(versions, versions.c.plugin_id == OF_PLUGIN, versions.c.package_digest == OF_DIGEST)
)

_SEEN = select(*_SEEN_COLUMNS).where(mine(seen_versions, seen_versions.c.name == OF_NAME))
_CHANGE_SEEN = update(seen_versions).where(mine(seen_versions, seen_versions.c.name == OF_NAME))


class PluginRepository:
    """The plugins of one tenant, over one open transaction."""

    def __init__(self, connection: Connection, tenant: str) -> None:
        self._connection = connection.of(tenant)
        self._tenant = tenant

    async def add(self, row: PluginRow, package: PackageRow) -> None:
        """Add a plugin, the package it is made of, and its first version.

        Raises:
            Conflict: a plugin of this name is installed.
        """
        await self.add_package(package)
        values = {name: getattr(row, name) for name in PluginRow.__dataclass_fields__}
        values |= {"tenant": self._tenant, "updated_at": row.installed_at}
        try:
            await self._connection.execute(insert(plugins).values(values))
        except IntegrityError as exc:
            raise Conflict(f"A plugin named {row.name!r} is installed already.") from exc
        await self.add_version(row.id, row)
        await self._connection.execute(
            insert(kv_usage).values(
                tenant=self._tenant, plugin_id=row.id, used_bytes=0, used_keys=0
            )
        )

    async def add_package(self, package: PackageRow) -> None:
        """Add a package, or write anew who signed one that is here already."""
        values = asdict(package)
        changed = await self._execute(_CHANGE_PACKAGE, of_digest=package.digest, **values)
        if not changed.rowcount:
            await self._connection.execute(
                _ADD_PACKAGE, {"tenant": self._tenant, "created_at": now(), **values}
            )

    async def package(self, digest: str) -> PackageRow | None:
        """Return a package of the tenant's."""
        found = await self._execute(_PACKAGE, of_digest=digest)
        row = found.mappings().one_or_none()
        return None if row is None else PackageRow(**row)

    async def all_packages(self) -> dict[str, PackageRow]:
        """Return the tenant's packages, by digest."""
        found = await self._connection.execute(
            select(*_PACKAGE_COLUMNS).where(packages.c.tenant == self._tenant)
        )
        return {row.digest: PackageRow(**row._mapping) for row in found}

    async def keep_version(self, plugin_id: str, row: VersionRow) -> None:
        """Keep a version of a plugin; one of the same package is replaced."""
        await self._forget_version(plugin_id, row.package_digest)
        await self.add_version(plugin_id, row)

    async def add_version(self, plugin_id: str, row: VersionRow) -> None:
        """Keep a version of a plugin of whose package none is kept."""
        values = {name: getattr(row, name) for name in VersionRow.__dataclass_fields__}
        await self._connection.execute(
            _ADD_VERSION, {"tenant": self._tenant, "plugin_id": plugin_id, **values}
        )

    async def versions(self, plugin_id: str) -> list[VersionRow]:
        """Return the kept versions of a plugin, the newest installation first."""
        found = await self._execute(_KEPT, of_plugin=plugin_id)
        return [VersionRow(**row) for row in found.mappings()]

    async def kept_packages(self, plugin_id: str) -> list[str]:
        """Return the digests of the packages of what `versions` returns."""
        found = await self._execute(_KEPT_PACKAGES, of_plugin=plugin_id)
        return list(found.scalars())

    async def forget_version(self, plugin_id: str, package_digest: str) -> None:
        """Keep a version no longer, nor its package if nothing else is made of it."""
        await self._forget_version(plugin_id, package_digest)
        await self._drop_unused_packages()

    async def _forget_version(self, plugin_id: str, package_digest: str) -> None:
        await self._execute(_FORGET_VERSION, of_plugin=plugin_id, of_digest=package_digest)

    async def use_version(
        self, plugin_id: str, row: VersionRow, *, migrated: Sequence[Mapping[str, str]], before: str
    ) -> None:
        """Have a plugin be this version of it from now on.

        ``migrated`` are the steps that its data took, and ``before`` the package it was made of.
        """
        values = {name: getattr(row, name) for name in VersionRow.__dataclass_fields__}
        values["rollback_data"] = {"package_digest": before}
        if migrated:
            history = await self._history(plugin_id)
            path = [*history["migration_path"], *map(dict, migrated)]
            values["migration_path"] = path[-_MIGRATIONS_KEPT:]
            values["schema_version"] = history["schema_version"] + len(migrated)
        await self._update(plugin_id, values)

    async def migration_path(self, plugin_id: str) -> list[Mapping[str, str]]:
        """Return the steps that a plugin's data took since it was installed, the oldest first."""
        return list((await self._history(plugin_id))["migration_path"])

    async def previous_package(self, plugin_id: str) -> str | None:
        """Return the digest of the package that a plugin was made of before its last change."""
        data = (await self._history(plugin_id))["rollback_data"]
        return None if data is None else str(data["package_digest"])

    async def _history(self, plugin_id: str) -> RowMapping:
        found = await self._connection.execute(
            select(
                plugins.c.migration_path, plugins.c.schema_version, plugins.c.rollback_data
            ).where(plugins.c.tenant == self._tenant, plugins.c.id == plugin_id)
        )
        return found.mappings().one()

    async def seen(self, name: str) -> SeenRow | None:
        """Return the highest version that the tenant ever had of a plugin's name."""
        found = await self._execute(_SEEN, of_name=name)
        row = found.mappings().one_or_none()
        return None if row is None else SeenRow(**row)

    async def see(self, name: str, row: SeenRow) -> None:
        """Remember the highest version of a plugin's name."""
        values = asdict(row) | {"seen_at": now()}
        changed = await self._execute(_CHANGE_SEEN, of_name=name, **values)
        if not changed.rowcount:
            await self._connection.execute(
                insert(seen_versions).values(tenant=self._tenant, name=name, **values)
            )

    async def find(self, name: str) -> PluginRow | None:
        """Return the plugin of this name, if it is installed."""
        found = await self._connection.execute(self._plugins().where(plugins.c.name == name))
        row = found.mappings().one_or_none()
        return None if row is None else _plugin(row)

    async def find_whole(self, name: str) -> tuple[PluginRow, PackageRow, Documents] | None:
        """Return what `find` does, with the plugin's package and what is configured for it.

        One query for what calls and upgrades wait for.
        """
        found = await self._execute(_FIND_WHOLE, of_name=name)
        row = found.mappings().one_or_none()
        if row is None:
            return None
        return (
            PluginRow(**{column.name: row[column.name] for column in _COLUMNS}),
            PackageRow(**{each.name: row[f"package__{each.name}"] for each in _PACKAGE_COLUMNS}),
            documents_of(row),
        )

    async def name_of(self, plugin_id: str) -> str:
        """Return the name of the plugin of this id, which must be installed."""
        found = await self._connection.execute(
            select(plugins.c.name).where(
                plugins.c.tenant == self._tenant, plugins.c.id == plugin_id
            )
        )
        return str(found.scalar_one())

    async def all(self) -> list[PluginRow]:
        """Return every plugin of the tenant, by name."""
        found = await self._connection.execute(self._plugins().order_by(plugins.c.name))
        return [_plugin(row) for row in found.mappings()]

    async def named_by_reason(self, reason: str) -> list[str]:
        """Return the names of the plugins that are in their state for this reason."""
        found = await self._connection.execute(
            select(plugins.c.name)
            .where(plugins.c.tenant == self._tenant, plugins.c.state_reason == reason)
            .order_by(plugins.c.name)
        )
        return list(found.scalars())

    async def set_state(
        self, plugin_id: str, state: str, reason: str, degraded_by: str = ""
    ) -> None:
        """Write a plugin's state and why it is in it."""
        values = {"state": state, "state_reason": reason, "degraded_by": degraded_by}
        await self._update(plugin_id, values)

    async def _update(self, plugin_id: str, values: Mapping[str, Any]) -> None:
        await self._execute(_CHANGE, of_plugin=plugin_id, updated_at=now(), **values)

    async def remove(self, plugin_id: str) -> None:
        """Remove a plugin with all that belongs to it, and packages that nobody else uses."""
        await self._connection.execute(
            delete(plugins).where(plugins.c.tenant == self._tenant, plugins.c.id == plugin_id)
        )
        await self._drop_unused_packages()

    async def _drop_unused_packages(self) -> None:
        await self._execute(_DROP_UNUSED_PACKAGES)

    async def granted(self, plugin_id: str) -> list[str]:
        """Return the permissions granted to a plugin, in order."""
        found = await self._execute(_GRANTED, of_plugin=plugin_id)
        return list(found.scalars())

    async def all_granted(self) -> dict[str, list[str]]:
        """Return what `granted` does, of every plugin that was granted anything, by its id."""
        found = await self._connection.execute(
            select(grants.c.plugin_id, grants.c.permission)
            .where(grants.c.tenant == self._tenant)
            .order_by(grants.c.permission)
        )
        granted: dict[str, list[str]] = {}
        for row in found:
            granted.setdefault(row.plugin_id, []).append(row.permission)
        return granted

    async def set_granted(self, plugin_id: str, permissions: Iterable[str], by: str) -> None:
        """Replace the permissions granted to a plugin."""
        await self._connection.execute(
            delete(grants).where(grants.c.tenant == self._tenant, grants.c.plugin_id == plugin_id)
        )
        rows = [
            {
                "tenant": self._tenant,
                "plugin_id": plugin_id,
                "permission": permission,
                "granted_at": now(),
                "granted_by": by,
            }
            for permission in permissions
        ]
        if rows:
            await self._connection.execute(insert(grants), rows)

    async def _execute(self, statement: Executable, **values: Any) -> CursorResult[Any]:
        return await self._connection.execute(statement, {"in_tenant": self._tenant, **values})

    def _plugins(self) -> Any:
        return select(*_COLUMNS).where(plugins.c.tenant == self._tenant)


async def packages_in_use(connection: Connection) -> dict[str, str]:
    """Return every tenant's packages: the digest of each and that of its component."""
    found = await connection.of_every_tenant().execute(_IN_USE)
    return {row.digest: row.component_digest for row in found}


def _plugin(row: RowMapping) -> PluginRow:
    return PluginRow(**row)
