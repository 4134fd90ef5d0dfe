"""Recorded calls: kept, looked at, exported, run again."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from wardian.client.answers import SIZE, Answer, Reads, json_of
from wardian.client.binding import Noun, S, operation
from wardian.client.downloads import Progress, Sink, Target
from wardian.client.models import RecordedPlugin, Recording, RecordingsPage, Replay
from wardian.client.operations import Operation, at, delete, get, given, post, put


class Recordings(Noun[S]):
    """Recorded calls."""

    @operation
    def keep(
        self, plugin: str, calls: int, *, if_match: str | None = None
    ) -> Operation[RecordedPlugin]:
        """Keep the last so many calls of a plugin from now on; 0 keeps none."""
        body = {"calls": calls}
        return put(at("/plugins/{}/recording", plugin), json_of(RecordedPlugin), body).matching(
            if_match
        )

    @operation
    def list(
        self, plugin: str, *, limit: int | None = None, before: str | None = None
    ) -> Operation[RecordingsPage]:
        """List a plugin's recorded calls; ``before`` is ``next`` of the page before."""
        path = at("/plugins/{}/recordings", plugin)
        return get(path, json_of(RecordingsPage), limit=limit, before=before)

    @operation
    def clear(self, plugin: str) -> Operation[int]:
        """Remove a plugin's recorded calls; how many there were."""
        return delete(at("/plugins/{}/recordings", plugin), Reads(_removed, _Removed))

    @operation
    def get(self, call_id: str) -> Operation[Recording]:
        """Show one recorded call; bytes are base64, and secrets are not in it."""
        return get(at("/recordings/{}", call_id), json_of(Recording))

    @operation
    def export(self, call_id: str, to: Sink, *, progress: Progress | None = None) -> Operation[int]:
        """Write one recorded call to a file, with every value as it was; the file's bytes."""
        asked = get(at("/recordings/{}/export", call_id), SIZE)
        return replace(asked, target=Target(to, progress))

    @operation
    def replay(self, call_id: str, version: str | None = None) -> Operation[Replay]:
        """Run one recorded call again, with the answers of then; nothing else comes of it."""
        body = given(version=version)
        return post(at("/recordings/{}/replay", call_id), json_of(Replay), body)


class _Removed(msgspec.Struct):
    removed: int


def _removed(answer: Answer) -> int:
    return msgspec.json.decode(answer.content, type=_Removed).removed
