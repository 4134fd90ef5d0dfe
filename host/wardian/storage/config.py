"""What is configured: the rows of one tenant."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from sqlalchemy import FromClause, RowMapping, and_, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from wardian.errors import Conflict
from wardian.policy.layers import PLACES, TENANT_WIDE, Document, Documents
from wardian.storage.database import Connection
from wardian.storage.dependencies import holding
from wardian.storage.rows import ConfigChangeRow, ScopeRow
from wardian.storage.tables import config_history, config_scopes, plugins

_COLUMNS = tuple(config_scopes.c[name] for name in ScopeRow.__dataclass_fields__)
_HISTORY_COLUMNS = tuple(config_history.c[name] for name in ConfigChangeRow.__dataclass_fields__)

_DOCUMENTS = tuple(config_scopes.alias(f"place_{number}") for number in range(len(PLACES)))

DOCUMENT_COLUMNS = tuple(
    table.c.layers.label(f"layers_{number}") for number, table in enumerate(_DOCUMENTS)
)
"""Of a query over `with_documents`, for `documents_of`."""

POSITIONS_MAX = 2**63 - 1
"""Of what comes from a stranger; no database can be asked for more."""


def with_documents(of_plugins: FromClause) -> FromClause:
    """Join all that is configured for each plugin, whatever its scope and origin."""
    joined = of_plugins
    for table, (tenant_wide, origin) in zip(_DOCUMENTS, PLACES, strict=True):
        scope = TENANT_WIDE if tenant_wide else plugins.c.name
        joined = joined.outerjoin(
            table,
            and_(
                table.c.tenant == plugins.c.tenant,
                table.c.scope == scope,
                table.c.origin == origin.value,
            ),
        )
    return joined


def documents_of(row: RowMapping) -> Documents:
    """Return what `with_documents` joined to a row, in the order of `PLACES`."""
    first, second, third, fourth = (row[column.name] or {} for column in DOCUMENT_COLUMNS)
    return first, second, third, fourth


class ConfigRepository:
    """What is configured in one tenant, over one open transaction."""

    def __init__(self, connection: Connection, tenant: str) -> None:
        self._connection = connection.of(tenant)
        self._tenant = tenant

    async def hold(self) -> None:
        """Have nobody else change the tenant's configuration before this transaction ends.

        Because what is tenant-wide and what is a plugin's are judged together.
        """
        await self._connection.execute(holding(self._tenant))

    async def all_documents(self) -> dict[str, Documents]:
        """Return the documents of every plugin that is installed, by its name."""
        found = await self._connection.execute(
            select(plugins.c.name, *DOCUMENT_COLUMNS)
            .select_from(with_documents(plugins))
            .where(plugins.c.tenant == self._tenant)
        )
        return {row["name"]: documents_of(row) for row in found.mappings()}

    async def documents(self, scope: str) -> Documents:
        """Return what there is for a plugin of this name, whether it is installed or not."""
        rows = {(row.scope, row.origin): row.layers for row in await self.of_scope(scope)}
        found: list[Document] = [
            rows.get((TENANT_WIDE if tenant_wide else scope, origin.value), {})
            for tenant_wide, origin in PLACES
        ]
        first, second, third, fourth = found
        return first, second, third, fourth

    async def of_scope(self, scope: str) -> list[ScopeRow]:
        """Return the rows of a scope, and those that are tenant-wide."""
        found = await self._connection.execute(
            select(*_COLUMNS).where(
                config_scopes.c.tenant == self._tenant,
                or_(config_scopes.c.scope == scope, config_scopes.c.scope == TENANT_WIDE),
            )
        )
        return [ScopeRow(**row) for row in found.mappings()]

    async def of_origin(self, origin: str) -> dict[str, ScopeRow]:
        """Return the rows of an origin, by scope."""
        found = await self._connection.execute(
            select(*_COLUMNS).where(
                config_scopes.c.tenant == self._tenant, config_scopes.c.origin == origin
            )
        )
        return {row["scope"]: ScopeRow(**row) for row in found.mappings()}

    async def find(self, scope: str, origin: str) -> ScopeRow | None:
        """Return one row."""
        found = await self._connection.execute(select(*_COLUMNS).where(self._place(scope, origin)))
        row = found.mappings().one_or_none()
        return None if row is None else ScopeRow(**row)

    async def write(self, row: ScopeRow) -> None:
        """Write a row; a first version is added, any other replaces the one before it.

        Raises:
            Conflict: somebody else was faster.
        """
        values = asdict(row) | {"layers": dict(row.layers), "origins": dict(row.origins)}
        if row.version > 1:
            changed = await self._connection.execute(
                update(config_scopes)
                .where(
                    self._place(row.scope, row.origin), config_scopes.c.version == row.version - 1
                )
                .values(values)
            )
            if changed.rowcount:
                return
            raise Conflict("The configuration was changed meanwhile; look at it and try again.")
        try:
            await self._connection.execute(
                insert(config_scopes).values(tenant=self._tenant, **values)
            )
        except IntegrityError as exc:
            raise Conflict(
                "The configuration was changed meanwhile; look at it and try again."
            ) from exc

    async def add_change(self, row: ConfigChangeRow, *, kept: int) -> None:
        """Append to the history of a scope, of which the newest ``kept`` entries stay."""
        await self._connection.execute(
            insert(config_history).values(tenant=self._tenant, **asdict(row))
        )
        oldest = (
            select(config_history.c.position)
            .where(self._history_of(row.scope))
            .order_by(config_history.c.position.desc())
            .offset(kept)
            .limit(1)
            .scalar_subquery()
        )
        await self._connection.execute(
            delete(config_history).where(
                self._history_of(row.scope), config_history.c.position <= oldest
            )
        )

    async def history(
        self, scope: str, *, limit: int, before: int | None = None
    ) -> list[tuple[int, ConfigChangeRow]]:
        """Return the newest changes of a scope with their positions, the newest first."""
        query = select(config_history.c.position, *_HISTORY_COLUMNS).where(self._history_of(scope))
        if before is not None:
            start = max(0, min(before, POSITIONS_MAX))
            query = query.where(config_history.c.position < start)
        found = await self._connection.execute(
            query.order_by(config_history.c.position.desc()).limit(limit)
        )
        return [_entry(row) for row in found.mappings()]

    async def change(self, scope: str, position: int) -> ConfigChangeRow | None:
        """Return one change of a scope."""
        if not 0 <= position <= POSITIONS_MAX:
            return None
        found = await self._connection.execute(
            select(config_history.c.position, *_HISTORY_COLUMNS).where(
                self._history_of(scope), config_history.c.position == position
            )
        )
        row = found.mappings().one_or_none()
        return None if row is None else _entry(row)[1]

    def _place(self, scope: str, origin: str) -> Any:
        return and_(
            config_scopes.c.tenant == self._tenant,
            config_scopes.c.scope == scope,
            config_scopes.c.origin == origin,
        )

    def _history_of(self, scope: str) -> Any:
        return and_(
            config_history.c.tenant == self._tenant,
            config_history.c.scope == scope,
        )


def _entry(row: RowMapping) -> tuple[int, ConfigChangeRow]:
    values: dict[str, Any] = dict(row)
    return values.pop("position"), ConfigChangeRow(**values)
