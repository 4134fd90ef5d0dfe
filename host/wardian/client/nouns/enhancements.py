"""What the host does around functions: limits their rate, keeps answers, tries again."""

from __future__ import annotations

import msgspec

from wardian.client.answers import Answer, Reads, json_of
from wardian.client.binding import Noun, S, operation
from wardian.client.models import EmptiedCache
from wardian.client.models import Enhancements as EnhancementsModel
from wardian.client.operations import Operation, at, get, post


class Enhancements(Noun[S]):
    """What the host does around a plugin's functions."""

    @operation
    def get(self, plugin: str) -> Operation[EnhancementsModel]:
        """Show what is around each function, and how its calls went on this host."""
        return get(at("/plugins/{}/enhancements", plugin), json_of(EnhancementsModel))

    @operation
    def empty_cache(self, plugin: str) -> Operation[int]:
        """Remove the plugin's answers that the host keeps; how many there were."""
        path = at("/plugins/{}/enhancements/empty-cache", plugin)
        return post(path, Reads(_removed, EmptiedCache))


def _removed(answer: Answer) -> int:
    return msgspec.json.decode(answer.content, type=EmptiedCache).removed
