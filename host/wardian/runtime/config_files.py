"""The layer that files give: taken whole, or left at its last good state."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from wardian.errors import WardianError
from wardian.plugins import Installed
from wardian.plugins.registry import read_all_installed
from wardian.plugins.text import escaped
from wardian.policy.layers import TENANT_WIDE, ConfigLayer, Environment, Origin, slot
from wardian.runtime.config_changes import Judged, Rewrite, judged, write
from wardian.runtime.config_reading import (
    FilePlace,
    FileRefused,
    FileValues,
    Stamp,
    name_of,
    read_values,
    stamps_of,
)
from wardian.runtime.config_views import FileFault, ReloadReport
from wardian.runtime.config_watch import watched
from wardian.runtime.journal import Change, Journal
from wardian.runtime.whole import whole
from wardian.storage import Database
from wardian.storage.config import ConfigRepository
from wardian.storage.rows import ScopeRow, now
from wardian.tenants import Tenants

_FAULTS_TOLD = 20
_LOGGED_CHARS = 500

_log = logging.getLogger("wardian.configuration")


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesPolicy:
    """Which files there are.

    Attributes:
        folder: with all of them; None if this host reads none.
    """

    folder: Path | None
    environment: Environment
    default_tenant: str
    history_max: int


class ConfigFiles:
    """The files of every tenant, of this host's environment.

    What is taken from them is kept in the database, so that a file that was good once is good until
    its next good state, also after a restart.
    """

    def __init__(
        self, database: Database, journal: Journal, tenants: Tenants, policy: FilesPolicy
    ) -> None:
        self._database = database
        self._journal = journal
        self._tenants = tenants
        self._policy = policy
        self._slot = slot(ConfigLayer.ENVIRONMENT, policy.environment)
        self._turn = asyncio.Lock()
        self._faults: dict[str, list[FileFault]] = {}
        self._values: dict[str, FileValues] = {}
        self._stamps: dict[str, Stamp | None] = {}

    def faults(self, tenant: str) -> list[FileFault]:
        """Return why the tenant's file, as it is now, is not in force; empty if it is."""
        return list(self._faults.get(tenant, ()))

    def place_of(self, tenant: str) -> FilePlace:
        """Return which file gives the tenant's values."""
        if self._policy.folder is None:
            return FilePlace(None)
        return FilePlace(self._name(tenant), self._values.get(tenant, FileValues()))

    def look_again(self, tenant: str) -> None:
        """Try a file again that was refused: something changed that may have been why."""
        if tenant in self._faults:
            self._stamps.pop(tenant, None)

    async def take(self, tenant: str) -> ReloadReport:
        """Read the tenant's file and have it in force, all of it or none.

        A file that is refused leaves what it last was when it was good, and so does one that is
        gone: an empty one takes its values away. Why is logged once, kept for whoever asks, and an
        event `config.file-refused` says so.
        """
        return await whole(self._taken(tenant))

    async def take_changed(self) -> None:
        """Read the files that are others than when they were last read."""
        folder = self._policy.folder
        if folder is None:
            return
        tenants = [tenant.name for tenant in await self._tenants.list()]
        stamps = await asyncio.to_thread(stamps_of, folder, list(map(self._name, tenants)))
        for tenant, stamp in zip(tenants, stamps, strict=True):
            known = tenant in self._stamps
            is_missing = stamp is None and tenant in self._faults
            if not known or is_missing or stamp != self._stamps[tenant]:
                await self._try(tenant)

    async def _try(self, tenant: str) -> None:
        """Read a tenant's file; what goes wrong holds up no other's."""
        try:
            await self.take(tenant)
        except WardianError as error:
            _log.warning("The file of the tenant %s was not read: %s", tenant, error.message)

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Read files when they change, while this is open."""
        if self._policy.folder is None:
            yield
            return
        task = asyncio.create_task(self._keep(self._policy.folder), name="wardian-configuration")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _keep(self, folder: Path) -> None:
        async for _ in watched(folder):
            try:
                await self.take_changed()
            except WardianError as error:
                _log.warning("The files of configuration were not looked at: %s", error.message)

    async def _taken(self, tenant: str) -> ReloadReport:
        async with self._turn:
            name = self._name(tenant)
            # Before it is read, so that what is written meanwhile is read again.
            stamp = await self._stamp(name)
            changed: list[str] = []
            waiting: list[str] = []
            try:
                changed, waiting = await self._in_force(tenant, name, await self._found(name))
            except FileRefused as refused:
                fault = FileFault(
                    file=name,
                    message=refused.message,
                    since=now(),
                    path=refused.path,
                    line=refused.line,
                )
                await self._refuse(tenant, [fault])
            except _Faulty as faulty:
                await self._refuse(tenant, faulty.faults)
            else:
                self._faults.pop(tenant, None)
            # Not if the database failed: then it is tried again.
            self._stamps[tenant] = stamp
            return ReloadReport(
                file=None if self._policy.folder is None else name,
                environment=self._policy.environment,
                changed=changed,
                waiting=waiting,
                faults=self.faults(tenant),
            )

    async def _stamp(self, name: str) -> Stamp | None:
        if self._policy.folder is None:
            return None
        (stamp,) = await asyncio.to_thread(stamps_of, self._policy.folder, [name])
        return stamp

    async def _found(self, name: str) -> FileValues | None:
        """Read a file; a host that reads none finds all of them empty."""
        if self._policy.folder is None:
            return FileValues()
        return await asyncio.to_thread(read_values, self._policy.folder, name)

    async def _in_force(
        self, tenant: str, name: str, found: FileValues | None
    ) -> tuple[list[str], list[str]]:
        """Have values in force; return the paths that differ, and plugins that are not there yet.

        Raises:
            FileRefused: there is no file any more, and its values are in force.
            _Faulty: a plugin does not take them.
        """
        if self._policy.folder is None and not await self._was_read(tenant):
            return [], []
        async with self._journal.change(tenant, name) as change:
            repository = ConfigRepository(change.connection, tenant)
            await repository.hold()
            rows = await repository.of_origin(Origin.FILE)
            if found is None:
                self._check_never_there(rows)
            values = found or FileValues()
            plugins = await read_all_installed(change.connection, tenant)
            rewrites = self._rewrites(values, rows)
            environment = self._policy.environment
            judgement = await asyncio.to_thread(judged, rewrites, plugins, environment)
            self._check(name, values, judgement)
            await self._write(change, rewrites, judgement)
        self._values[tenant] = values
        changed = [_path(rewrite, path) for rewrite in rewrites for path in rewrite.paths()]
        return changed, _waiting(values, plugins)

    async def _was_read(self, tenant: str) -> bool:
        """Tell whether files have given any values."""
        async with self._database.reading() as connection:
            rows = await ConfigRepository(connection, tenant).of_origin(Origin.FILE)
        return any(self._slot in row.layers for row in rows.values())

    def _check_never_there(self, rows: dict[str, ScopeRow]) -> None:
        if any(self._slot in row.layers for row in rows.values()):
            raise FileRefused(
                "It is gone, and its last good values stay in force. An empty file takes them away."
            )

    def _check(self, name: str, values: FileValues, judgement: Judged) -> None:
        if judgement.faults:
            raise _Faulty(
                [
                    FileFault(
                        file=name,
                        message=fault.message,
                        since=now(),
                        plugin=fault.plugin,
                        path=fault.path,
                        line=values.written_line(fault.plugin, fault.path),
                    )
                    for fault in judgement.faults[:_FAULTS_TOLD]
                ]
            )

    def _rewrites(self, values: FileValues, rows: dict[str, ScopeRow]) -> list[Rewrite]:
        before = {scope for scope, row in rows.items() if self._slot in row.layers}
        rewrites = [
            Rewrite(
                scope=scope,
                origin=Origin.FILE,
                layer=ConfigLayer.ENVIRONMENT,
                environment=self._policy.environment,
                row=rows.get(scope),
                after=values.scopes.get(scope, {}),
            )
            for scope in sorted({*before, *values.scopes})
        ]
        return [rewrite for rewrite in rewrites if rewrite.paths()]

    async def _write(self, change: Change, rewrites: Sequence[Rewrite], judgement: Judged) -> None:
        for rewrite in rewrites:
            await write(change, rewrite, judgement, self._policy.history_max)

    async def _refuse(self, tenant: str, faults: list[FileFault]) -> None:
        """Remember why a file is refused, and say so unless it was said."""
        before = self._faults.get(tenant, [])
        if [_said(fault) for fault in before] == [_said(fault) for fault in faults]:
            return
        self._faults[tenant] = faults
        first = faults[0]
        where = f"{first.file}:{first.line}" if first.line else first.file
        why = escaped(first.message, _LOGGED_CHARS)
        _log.warning("%s of the tenant %s is not taken: %s", where, tenant, why)
        async with self._journal.change(tenant, first.file) as change:
            detail = {"plugin": first.plugin, "path": first.path, "line": first.line}
            await change.note_config_file(first.file, detail)

    def _name(self, tenant: str) -> str:
        return name_of(tenant, self._policy.environment, self._policy.default_tenant)


class _Faulty(Exception):
    def __init__(self, faults: list[FileFault]) -> None:
        super().__init__()
        self.faults = faults


def _said(fault: FileFault) -> tuple[object, ...]:
    return fault.file, fault.message, fault.plugin, fault.path, fault.line


def _path(rewrite: Rewrite, path: str) -> str:
    return path if rewrite.scope == TENANT_WIDE else f"{rewrite.scope}: {path}"


def _waiting(values: FileValues, plugins: Sequence[Installed]) -> list[str]:
    installed = {plugin.name for plugin in plugins}
    return sorted(scope for scope in values.scopes if scope and scope not in installed)
