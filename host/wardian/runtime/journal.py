"""Changes: rows, audit entry and event in one transaction, announced once it is committed."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from wardian.crypto.identifiers import new_id
from wardian.events import Event, Events, Kind
from wardian.policy.origin import Origin, origin
from wardian.runtime.correlation import current
from wardian.runtime.preconditions import check_precondition
from wardian.storage import Connection, Database
from wardian.storage.audit import AuditRepository
from wardian.storage.neighbours import claimed, is_claimed
from wardian.storage.plugins import PluginRepository
from wardian.storage.rows import AuditEntryRow, AuditRow, now

HOST = "host"
"""The actor, and the layer, of what the host does by itself."""

DENIED = "denied"

_log = logging.getLogger("wardian.audit")


class Change:
    """One change of a tenant's, in progress; what it writes down, it tells."""

    def __init__(self, connection: Connection, events: Events, tenant: str, actor: str) -> None:
        self.connection = connection
        self.tenant = tenant
        self.actor = actor
        self.plugins = PluginRepository(connection, tenant)
        self.noted: list[Event] = []
        self.written: list[AuditEntryRow] = []
        self._events = events
        self._trail: AuditRepository | None = None
        self._correlation_id = (None if actor == "host" else current()) or new_id()

    async def note(self, what: str, plugin: str, detail: Mapping[str, Any]) -> None:
        """Write down that ``plugin.WHAT`` happened to a plugin: for auditors and subscribers."""
        action = f"plugin.{what}"
        await self._write(action, plugin, detail)
        await self._tell(action, {"plugin": plugin, "actor": self.actor, **detail})

    async def note_trust(self, what: str, subject: str, detail: Mapping[str, Any]) -> None:
        """Write down that whom the tenant trusts has changed: ``trust.WHAT`` for auditors, and
        ``trust.changed`` for subscribers."""
        await self._write(f"trust.{what}", subject, detail)
        told = {"what": what, "subject": subject, "actor": self.actor, **detail}
        await self._tell("trust.changed", told)

    async def note_vault(self, topic: str, subject: str, detail: Mapping[str, Any]) -> None:
        """Write down that something happened to a credential, or to the vault; names only."""
        await self._note(topic, subject, detail)

    async def note_access(self, topic: str, subject: str, detail: Mapping[str, Any]) -> None:
        """Write down that something happened to an API key, or to a tenant; never a token."""
        await self._note(topic, subject, detail)

    async def note_stored(self, what: str, plugin: str, detail: Mapping[str, Any]) -> None:
        """Write down that ``plugin.WHAT`` was done with what a plugin keeps.

        Of the prefix of its keys only auditors read, because it may be somebody's name.
        """
        action = f"plugin.{what}"
        await self._write(action, plugin, detail)
        told = {name: value for name, value in detail.items() if name != "prefix"}
        await self._tell(action, {"plugin": plugin, "actor": self.actor, **told})

    async def note_dropped(self, kind: Kind, whose: str, detail: Mapping[str, Any]) -> None:
        """Write down that events were dropped which a plugin or an app was to publish, or a plugin
        or an endpoint to receive."""
        await self._write("event.dropped", whose, detail)
        await self._tell("event.dropped", {kind.value: whose, **detail})

    async def note_endpoint(self, what: str, endpoint: str, detail: Mapping[str, Any]) -> None:
        """Write down that ``endpoint.WHAT`` happened to an endpoint of a host app."""
        await self._note(f"endpoint.{what}", endpoint, detail)

    async def note_schedule(self, what: str, plugin: str, detail: Mapping[str, Any]) -> None:
        """Tell subscribers what became of a schedule, as `schedule.WHAT`; nobody changed it, so
        auditors have no entry."""
        await self._tell(f"schedule.{what}", {"plugin": plugin, **detail})

    async def note_quota(self, what: str, detail: Mapping[str, Any]) -> None:
        """Tell subscribers that a quota of the tenant's comes to its end, as `quota.WHAT`; nobody
        changed it, so auditors have no entry."""
        await self._tell(f"quota.{what}", detail)

    async def note_function(self, what: str, plugin: str, detail: Mapping[str, Any]) -> None:
        """Tell subscribers how calls of a watched function went, as `function.WHAT`; nobody changed
        anything, so auditors have no entry."""
        await self._tell(f"function.{what}", {"plugin": plugin, **detail})

    async def note_job(self, state: str, job: str, detail: Mapping[str, Any]) -> None:
        """Tell subscribers how a job ended, as `job.STATE`, and nothing of what was asked and
        answered; it is a call's end, so auditors have no entry."""
        await self._tell(f"job.{state}", {"job": job, **detail})

    async def note_agent_state(self, what: str, agent: str, detail: Mapping[str, Any]) -> None:
        """Tell subscribers how well an agent is, as `agent.WHAT`; nobody changed it, so auditors
        have no entry."""
        await self._tell(f"agent.{what}", {"agent": agent, **detail})

    async def note_trial(self, what: str, agent: str, detail: Mapping[str, Any]) -> None:
        """Write down that ``agent.WHAT`` happened to a trial of two versions of an agent."""
        await self._note(f"agent.{what}", agent, detail)

    async def note_budget(self, what: str, capability: str, detail: Mapping[str, Any]) -> None:
        """Write down that ``budget.WHAT`` happened to what may be spent on a capability."""
        await self._note(f"budget.{what}", capability, detail)

    async def note_config(
        self, plugin: str | None, detail: Mapping[str, Any], plugins: Sequence[str]
    ) -> None:
        """Write down that a configuration changed, ``plugin``'s or for all of the tenant's.

        ``plugins`` are those for which another one is in force now. Auditors have one entry,
        `plugin.configured` or `config.changed`, and subscribers hear `config.changed`.
        """
        if plugin is None:
            await self._write("config.changed", "", detail)
        else:
            await self.note("configured", plugin, detail)
        told = {"plugin": plugin, "plugins": list(plugins), "actor": self.actor, **detail}
        await self._tell("config.changed", told)

    async def note_config_file(self, file: str, detail: Mapping[str, Any]) -> None:
        """Write down that a file of the tenant's is not taken: `config.file-refused`."""
        await self._write("config.file-refused", file, detail)
        await self._tell("config.file-refused", {"file": file, **detail})

    async def note_denied(
        self,
        action: str,
        subject: str,
        detail: Mapping[str, Any],
        *,
        source: Origin,
        actor: str,
        layer: str,
    ) -> None:
        """Write down that ``layer`` refused something, and tell subscribers: `permission.denied`
        of a plugin, or `api.denied` of a key."""
        entry = self._entry(action, subject, detail, source)
        await self._append(replace(entry, actor=actor, decision=DENIED, layer=layer))
        noun = "plugin" if action == "permission.denied" else "request"
        await self._tell(action, {noun: subject, "actor": actor, "layer": layer, **detail})

    def beside(self, tenant: str) -> Change:
        """Return the same change, for what of it concerns another tenant, too."""
        other = Change(self.connection, self._events, tenant, self.actor)
        other.noted = self.noted
        other.written = self.written
        other._correlation_id = self._correlation_id
        return other

    async def _note(self, topic: str, subject: str, detail: Mapping[str, Any]) -> None:
        await self._write(topic, subject, detail)
        noun = topic.partition(".")[0]
        await self._tell(topic, {noun: subject, "actor": self.actor, **detail})

    async def _write(self, action: str, subject: str, detail: Mapping[str, Any]) -> None:
        await self._append(self._entry(action, subject, detail, self._source()))

    def _source(self) -> Origin | None:
        """Return from where a change comes; what the host does by itself comes from no request,
        though one may have led to it."""
        found = origin()
        if self.actor != HOST:
            return found
        # No key is given this name any more, and one from before does not pass for the host.
        return found if found is not None and found.key_name == HOST else None

    def _entry(
        self, action: str, subject: str, detail: Mapping[str, Any], source: Origin | None
    ) -> AuditRow:
        entry = AuditRow(
            tenant=self.tenant,
            time=now(),
            actor=self.actor,
            action=action,
            subject=subject,
            detail=detail,
            layer=HOST if self.actor == HOST else "",
        )
        if source is None:
            return entry
        return replace(
            entry,
            key_id=source.key_id,
            address=source.address,
            request_id=source.request_id,
            layer=source.layer,
        )

    async def _append(self, entry: AuditRow) -> None:
        if self._trail is None:
            self._trail = AuditRepository(self.connection, self.tenant)
        self.written.append(await self._trail.add(entry))

    async def _tell(self, topic: str, data: Mapping[str, Any]) -> None:
        event = await self._events.record(
            self.connection, self.tenant, topic, data, correlation_id=self._correlation_id
        )
        self.noted.append(event)


class Journal:
    """Opens changes."""

    def __init__(self, database: Database, events: Events) -> None:
        self._database = database
        self._events = events

    @asynccontextmanager
    async def alone(self, tenant: str, *plugins: str) -> AsyncIterator[None]:
        """Have no other host that says so, too, change these plugins while the block runs."""
        async with claimed(self._database, *(_claim(tenant, plugin) for plugin in plugins)):
            yield

    @asynccontextmanager
    async def alone_with(self, tenant: str, thing: str) -> AsyncIterator[None]:
        """Have no other host that says so, too, do anything with ``thing`` while the block runs."""
        async with claimed(self._database, f"wardian {thing} of {tenant}"):
            yield

    async def is_taken(self, tenant: str, plugin: str) -> bool:
        """Tell whether another host is changing a plugin now."""
        return await is_claimed(self._database, _claim(tenant, plugin))

    @asynccontextmanager
    async def change(self, tenant: str, actor: str) -> AsyncIterator[Change]:
        """One atomic change; its events are announced after the commit, and not otherwise.

        Raises:
            PreconditionFailed: see `wardian.runtime.preconditions`.
        """
        change: Change | None = None
        try:
            async with self._database.transaction() as connection:
                await check_precondition(connection, tenant)
                change = Change(connection, self._events, tenant, actor)
                yield change
        finally:
            # Also when the caller was cancelled meanwhile: what is committed has happened.
            if change is not None and change.connection.committed:
                for event in change.noted:
                    self._events.announce(event)
                for entry in change.written:
                    _log_entry(entry)


def _log_entry(entry: AuditEntryRow) -> None:
    """Have the operator's log know the hash, too: whoever changes rows cannot change that."""
    if _log.isEnabledFor(logging.INFO):
        fields = {
            "sequence": str(entry.sequence),
            "hash": entry.hash,
            "actor": entry.actor,
            "subject": entry.subject,
            "decision": entry.decision,
        }
        extra = {"tenant": entry.tenant, "fields": fields}
        _log.info("%s", entry.action, extra=extra)


def _claim(tenant: str, plugin: str) -> str:
    return f"wardian plugin {tenant}/{plugin}"
