"""What plugins have run by the clock."""

from __future__ import annotations

from wardian.client.answers import json_of, page_of
from wardian.client.binding import Noun, S, operation
from wardian.client.models import Page, Run, RunsPage, Schedule
from wardian.client.operations import Operation, at, get, post


class Schedules(Noun[S]):
    """What plugins have run by the clock."""

    @operation
    def list(
        self, plugin: str | None = None, *, limit: int | None = None, cursor: str | None = None
    ) -> Operation[Page[Schedule]]:
        """List schedules, of one plugin or of all."""
        return get("/schedules", page_of(Schedule), plugin=plugin, limit=limit, cursor=cursor)

    @operation
    def get(self, plugin: str, name: str) -> Operation[Schedule]:
        """Show one schedule."""
        return get(at("/schedules/{}/{}", plugin, name), json_of(Schedule))

    @operation
    def runs(
        self, plugin: str, name: str, *, limit: int | None = None, before: int | None = None
    ) -> Operation[RunsPage]:
        """List runs, the newest first; ``before`` is ``next`` of the page before."""
        path = at("/schedules/{}/{}/runs", plugin, name)
        return get(path, json_of(RunsPage), limit=limit, before=before)

    @operation
    def pause(self, plugin: str, name: str, *, if_match: str | None = None) -> Operation[Schedule]:
        """Begin no more runs, until it is resumed."""
        return post(at("/schedules/{}/{}/pause", plugin, name), json_of(Schedule)).matching(
            if_match
        )

    @operation
    def resume(self, plugin: str, name: str, *, if_match: str | None = None) -> Operation[Schedule]:
        """Run it again by the clock."""
        return post(at("/schedules/{}/{}/resume", plugin, name), json_of(Schedule)).matching(
            if_match
        )

    @operation
    def run(self, plugin: str, name: str) -> Operation[Run]:
        """Run it now, and tell how that went."""
        return post(at("/schedules/{}/{}/run", plugin, name), json_of(Run))
