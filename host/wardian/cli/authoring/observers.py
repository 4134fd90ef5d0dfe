"""Observers of the Python SDK: which topics they observe, and what the manifest must ask for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from wardian.cli.authoring.errors import BuildFailed
from wardian.cli.authoring.reading import Method, Source, literal
from wardian.errors import InvalidArguments
from wardian.plugins.manifest import MANIFEST_NAME, Manifest
from wardian.policy.observing import is_observing, topic_of
from wardian.policy.permissions import Permission, parse_permission

_OBSERVER = "PluginObserver"
_OBSERVES = "observes"


def observed_in(sources: Sequence[Source]) -> dict[str, str]:
    """Return the topics that a plugin's observers observe, each with where it says so.

    Raises:
        BuildFailed: a method's name does not mean one topic, or a topic is none; with its line.
    """
    found: dict[str, str] = {}
    for source in sources:
        observers = {
            owner.name
            for owner in source.classes()
            if any(source.named(base) == _OBSERVER for base in owner.bases)
        }
        for method in source.methods():
            if method.owner.name in observers:
                for topic in _topics(method):
                    found.setdefault(topic, method.place)
    return found


def check_asked(topics: dict[str, str], manifest: Manifest) -> None:
    """Check that the manifest asks for each topic that is observed.

    Raises:
        BuildFailed: it does not; with the lines that it lacks.
    """
    asked = manifest.asked()
    missing = {
        topic: place
        for topic, place in topics.items()
        if not any(each.covers(_subscribing(topic)) for each in asked)
    }
    if missing:
        places = ", ".join(f"{topic} ({place})" for topic, place in missing.items())
        lines = "\n".join(
            f'[[permissions]]\npermission = "{_subscribing(topic)}"\nreason = "…"\n'
            for topic in missing
        )
        raise BuildFailed(
            f"The plugin observes {places}, and {MANIFEST_NAME} does not ask for it, so that no "
            f"event would ever come. Add these lines, with a reason for the operator:\n\n{lines}"
        )


def _topics(method: Method) -> Iterator[str]:
    uses = [use for use in method.uses if use.name == _OBSERVES]
    if not uses and not is_observing(method.node.name):
        return
    topics = list(_said(method)) if uses else [_meant(method)]
    for topic in topics:
        try:
            _subscribing(topic)
        except InvalidArguments as error:
            raise BuildFailed(f"{method.place}: {error.message}") from error
        yield topic


def _said(method: Method) -> Iterator[str]:
    for use in (use for use in method.uses if use.name == _OBSERVES):
        place = method.source.place(use.node)
        if use.call is None or not use.call.args or use.call.keywords:
            raise BuildFailed(f"{place}: @observes takes topics: @observes('order.line.added').")
        for node in use.call.args:
            topic = literal(method.source, node, "the topic of @observes")
            if not isinstance(topic, str):
                raise BuildFailed(f"{place}: @observes takes topics, and {topic!r:.80} is none.")
            yield topic


def _meant(method: Method) -> str:
    try:
        return topic_of(method.node.name)
    except ValueError as error:
        raise BuildFailed(f"{method.place}: {error}") from error


def _subscribing(topic: str) -> Permission:
    return parse_permission(f"events:subscribe:{topic}")
