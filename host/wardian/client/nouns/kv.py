"""What plugins keep in key-value storage."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from wardian.client.answers import SIZE, Answer, Reads, json_of
from wardian.client.binding import Noun, S, operation
from wardian.client.downloads import Progress, Sink, Target
from wardian.client.errors import NotSendable
from wardian.client.models import ClearedStore, KeysPage, Store, StoredEntry
from wardian.client.operations import Operation, at, get, given, post


class KV(Noun[S]):
    """What plugins keep in key-value storage."""

    @operation
    def get(self, plugin: str) -> Operation[Store]:
        """Show how much a plugin keeps, by namespace, and how much it may."""
        return get(at("/plugins/{}/kv", plugin), json_of(Store))

    @operation
    def keys(
        self,
        plugin: str,
        *,
        namespace: str | None = None,
        prefix: str | None = None,
        after: str | None = None,
        limit: int | None = None,
    ) -> Operation[KeysPage]:
        """List keys in byte order; ``after`` is ``next`` of the page before."""
        asked = {"namespace": namespace, "prefix": prefix, "after": after, "limit": limit}
        return get(at("/plugins/{}/kv/keys", plugin), json_of(KeysPage), **asked)

    @operation
    def entry(
        self, plugin: str, key: str, *, namespace: str | None = None
    ) -> Operation[StoredEntry]:
        """Show one entry, without the secrets in its value."""
        path = at("/plugins/{}/kv/entry", plugin)
        return get(path, json_of(StoredEntry), key=key, namespace=namespace)

    @operation
    def export(
        self,
        plugin: str,
        to: Sink,
        *,
        namespace: str | None = None,
        progress: Progress | None = None,
    ) -> Operation[int]:
        """Write all entries to a file of JSON lines, as they were at one moment; its bytes."""
        asked = get(at("/plugins/{}/kv/export", plugin), SIZE, namespace=namespace)
        return replace(asked, target=Target(to, progress))

    @operation
    def clear(
        self,
        plugin: str,
        *,
        everything: bool = False,
        namespace: str | None = None,
        prefix: str | None = None,
    ) -> Operation[int]:
        """Remove ``everything``, or a namespace, a prefix, or both; how many entries."""
        if not everything and namespace is None and prefix is None:
            raise NotSendable("Say what to clear: everything=True, a namespace or a prefix.")
        body = {
            **given(namespace=namespace, prefix=prefix),
            **({"all": True} if everything else {}),
        }
        return post(at("/plugins/{}/kv/clear", plugin), Reads(_removed, ClearedStore), body)


def _removed(answer: Answer) -> int:
    return msgspec.json.decode(answer.content, type=ClearedStore).removed
