"""What plugins keep in key-value storage, as operators see it: looked at, exported, cleared."""

from __future__ import annotations

import asyncio
from typing import IO

from wardian.errors import InvalidArguments, NotFound
from wardian.plugins import Registry
from wardian.plugins.registry import read_installed
from wardian.policy.secret_names import is_secret_name
from wardian.runtime.journal import Journal
from wardian.runtime.store_export import Exported, Lines
from wardian.runtime.store_views import (
    Cleared,
    EntryView,
    KeysPage,
    NamespaceView,
    StoreView,
    key_view,
    moment,
    shown,
)
from wardian.storage import Database
from wardian.storage.kv import KvRepository, Quota
from wardian.storage.kv_layout import EVERYWHERE, NAMELESS, Namespace
from wardian.storage.kv_survey import KvSurvey
from wardian.vault.watch import Watch

PAGE_MAX = 1000


class Stores:
    """The key-value storage of every tenant's plugins."""

    def __init__(
        self, database: Database, registry: Registry, journal: Journal, watch: Watch, quota: Quota
    ) -> None:
        self._database = database
        self._registry = registry
        self._journal = journal
        self._watch = watch
        self._quota = quota

    async def usage(self, name: str, *, tenant: str = "default") -> StoreView:
        """Return what a plugin keeps, by namespace and beside its quota.

        Raises:
            NotFound: no such plugin.
        """
        plugin = await self._registry.get(tenant, name)
        async with self._database.reading() as connection:
            entries = KvRepository(connection, tenant, plugin.id)
            survey = KvSurvey(connection, tenant, plugin.id)
            used_bytes, used_keys = await entries.usage()
            namespaces = []
            for each in ("", *await entries.namespaces()):
                keys, size = await survey.totals(Namespace(each))
                namespaces.append(NamespaceView(name=each, keys=keys, size_bytes=size))
        return StoreView(
            plugin=name,
            used_bytes=used_bytes,
            bytes_max=self._quota.bytes,
            used_keys=used_keys,
            keys_max=self._quota.keys,
            namespaces=namespaces,
        )

    async def keys(
        self,
        name: str,
        *,
        namespace: str = "",
        prefix: str = "",
        after: str | None = None,
        limit: int = 100,
        tenant: str = "default",
    ) -> KeysPage:
        """Return a page of the keys of a namespace that start with ``prefix``.

        Raises:
            NotFound: no such plugin.
            InvalidArguments: no page of this size, or no name of a namespace.
        """
        if not 1 <= limit <= PAGE_MAX:
            raise InvalidArguments(f"A page has 1 to {PAGE_MAX} keys.", path="limit")
        space = _namespace(namespace)
        run = space.run(_encoded(prefix, "prefix"))
        start = None if after is None else space.stored(_encoded(after, "after"))
        plugin = await self._registry.get(tenant, name)
        async with self._database.reading() as connection:
            rows = await KvSurvey(connection, tenant, plugin.id).page(run, start, limit + 1)
        keys = [key_view(space, row) for row in rows[:limit]]
        return KeysPage(
            plugin=name,
            namespace=namespace,
            keys=keys,
            next=keys[-1].key if len(rows) > limit else None,
        )

    async def entry(
        self, name: str, key: str, *, namespace: str = "", tenant: str = "default"
    ) -> EntryView:
        """Return one entry, without the secrets in its value.

        Raises:
            NotFound: no such plugin, or no such entry.
            InvalidArguments: no name of a namespace.
        """
        space, encoded = _namespace(namespace), _encoded(key, "key")
        plugin = await self._registry.get(tenant, name)
        async with self._database.reading() as connection:
            found = await KvRepository(connection, tenant, plugin.id, space).get(encoded)
        if found is None:
            where = f"the namespace {namespace!r}" if namespace else "its nameless namespace"
            raise NotFound(f"{name} keeps nothing at {key[:80]!r} in {where}.")
        value = found.value.decode()
        leaks = await self._watch.leaks(tenant)
        is_named = is_secret_name(key) or is_secret_name(namespace)
        clean = await asyncio.to_thread(shown, value, leaks, is_named=is_named)
        return EntryView(
            plugin=name,
            namespace=namespace,
            key=key,
            value=clean,
            size_bytes=len(space.stored(encoded)) + len(found.value),
            expires_at=moment(found.expires_at),
            redacted=clean != value,
        )

    async def export(
        self,
        name: str,
        file: IO[bytes],
        *,
        namespace: str | None = None,
        tenant: str = "default",
        actor: str = "host",
    ) -> Exported:
        """Write a plugin's entries to ``file`` as JSON Lines: all of them, or of one namespace.

        They are those of one moment, in byte order, and at most about a MiB of them is held in
        memory. Each line is an `ExportedEntry`.

        Raises:
            NotFound: no such plugin.
            InvalidArguments: no name of a namespace.
            WardianError: the file cannot be written.
        """
        run = EVERYWHERE if namespace is None else _namespace(namespace).run()
        plugin = await self._registry.get(tenant, name)
        leaks = await self._watch.leaks(tenant)
        lines = Lines(leaks, file)
        async with self._database.reading() as connection:
            async for batch in KvSurvey(connection, tenant, plugin.id).batches(run):
                await asyncio.to_thread(lines.write, batch)
        detail = {"namespace": namespace, "entries": lines.entries}
        async with self._journal.change(tenant, actor) as change:
            await change.note_stored("kv-exported", name, detail)
        return Exported(
            plugin=name,
            entries=lines.entries,
            size_bytes=lines.size_bytes,
            redacted=lines.redacted,
        )

    async def clear(
        self,
        name: str,
        *,
        namespace: str | None = None,
        prefix: str | None = None,
        everything: bool = False,
        tenant: str = "default",
        actor: str = "host",
    ) -> Cleared:
        """Remove a plugin's entries: ``everything``, a namespace, or what of it has a ``prefix``.

        A prefix without a namespace is of the nameless one, whose name is empty. What copies an
        upgrade made to go back to, they keep.

        Raises:
            NotFound: no such plugin.
            InvalidArguments: nothing is said of what to clear, or too much; or no name of a
                namespace.
        """
        if everything == (namespace is not None or bool(prefix)):
            raise InvalidArguments(
                "Say what to clear: everything, or a namespace, a prefix, or both of these."
            )
        space = NAMELESS if namespace is None else _namespace(namespace)
        start = _encoded(prefix or "", "prefix")
        async with self._journal.change(tenant, actor) as change:
            plugin = await read_installed(change.connection, tenant, name)
            entries = KvRepository(change.connection, tenant, plugin.id, space)
            removed = await (entries.clear_all() if everything else entries.clear(start))
            detail = {
                "namespace": None if everything else space.name,
                "prefix": prefix,
                "removed": removed,
            }
            await change.note_stored("kv-cleared", name, detail)
        return Cleared(plugin=name, removed=removed)


def _namespace(name: str) -> Namespace:
    """Read the name of a namespace; the nameless one has an empty name."""
    try:
        return Namespace.named(name) if name else NAMELESS
    except ValueError as exc:
        raise InvalidArguments(str(exc), path="namespace") from exc


def _encoded(text: str, path: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as exc:
        raise InvalidArguments(
            "There is a lone surrogate in it, which is no text.", path=path
        ) from exc
