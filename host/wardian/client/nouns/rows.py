"""What plugins keep beside rows that are not theirs: of the host, or of host apps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from wardian.client.answers import Answer, Reads, json_of
from wardian.client.binding import Noun, S, operation
from wardian.client.models import Migrated, RowData, RowKind, RowsPage
from wardian.client.operations import Many, Operation, at, delete, get, post, put


class Rows(Noun[S]):
    """What plugins keep beside rows that are not theirs."""

    @operation
    def kinds(self, plugin: str) -> Operation[Many[RowKind]]:
        """List the kinds of rows that a plugin keeps data beside, each with its schema."""
        return get(at("/plugins/{}/rows", plugin), json_of(Many[RowKind]))

    @operation
    def migrate(self, plugin: str) -> Operation[Many[Migrated]]:
        """Bring data along that is of another version of the schema."""
        return post(at("/plugins/{}/rows/migrate", plugin), json_of(Many[Migrated]))

    @operation
    def list(
        self, plugin: str, kind: str, *, after: str | None = None, limit: int | None = None
    ) -> Operation[RowsPage]:
        """List data beside rows of a kind; ``after`` is ``next`` of the page before."""
        path = at("/plugins/{}/rows/{}", plugin, kind)
        return get(path, json_of(RowsPage), after=after, limit=limit)

    @operation
    def get(self, plugin: str, kind: str, row: str) -> Operation[RowData]:
        """Show what a plugin keeps beside a row."""
        return get(at("/plugins/{}/rows/{}/{}", plugin, kind, row), json_of(RowData))

    @operation
    def put(
        self,
        plugin: str,
        kind: str,
        row: str,
        data: Mapping[str, Any],
        *,
        if_version: int | None = None,
    ) -> Operation[RowData]:
        """Keep data beside a row, in place of what there was.

        With ``if_version``, only in place of that version, and with 0 only if there is nothing yet;
        anything else is raised as `Conflict`.
        """
        path = at("/plugins/{}/rows/{}/{}", plugin, kind, row)
        asked = put(path, json_of(RowData), {"data": data})
        if if_version == 0:
            return asked.with_headers(If_None_Match="*")
        return asked.matching(_tag(if_version))

    @operation
    def remove(
        self, plugin: str, kind: str, row: str, *, if_version: int | None = None
    ) -> Operation[None]:
        """Remove what a plugin keeps beside a row, whatever it is, or that version of it."""
        asked = delete(at("/plugins/{}/rows/{}/{}", plugin, kind, row))
        return asked.matching(_tag(if_version))

    @operation
    def beside(self, kind: str, row: str) -> Operation[Many[RowData]]:
        """Show what every plugin keeps beside a row."""
        return get(at("/rows/{}/{}", kind, row), json_of(Many[RowData]))

    @operation
    def forget(self, kind: str, row: str) -> Operation[int]:
        """Remove what every plugin keeps beside a row that is gone; of how many plugins."""
        return delete(at("/rows/{}/{}", kind, row), Reads(_removed, _Forgotten))


class _Forgotten(msgspec.Struct):
    removed: int


def _removed(answer: Answer) -> int:
    return msgspec.json.decode(answer.content, type=_Forgotten).removed


def _tag(version: int | None) -> str | None:
    return None if version is None else f'"{version}"'
